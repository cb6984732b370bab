"""A hook call of about 100 KB as a hospital sends it, and a model to answer it: what benchmarks and tests call with."""

from __future__ import annotations

import json
import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from services.guidance.definition import Guidance
from services.guidance.prefetch import derive_queries
from services.timeline.codes import ValueSets

LIBRARY = Path(__file__).resolve().parents[2] / "services/guidance/library/readmission-30d"
TICKS = os.sysconf("SC_CLK_TCK")
PAD = "x" * 700


def model_of(guidance: Guidance) -> bytes:
    """A scorecard over all model inputs: one cut each, some weight."""
    inputs = [name for name, feature in guidance.features.items() if feature.use == "model"]
    steps = [
        {"input": i, "cuts": [1.0, 9.0, 70.0], "values": [0.0, 0.1, 0.2, 0.3], "missing": 0.05}
        for i in range(len(inputs))
    ]
    model = {
        "kind": "scorecard", "inputs": inputs, "intercept": -1.0, "linear": [], "steps": steps, "pairs": [],
        "calibration": {"intercept": 0.0, "slope": 1.0},
        "reference": {"name": "none", "linear": [], "steps": [0.1] * len(inputs), "pairs": []},
    }  # fmt: skip
    return json.dumps(model).encode()


def record(patient: str, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Patient, Encounter, 10 Conditions, 50 Observations, 8 MedicationRequests; with the bulk that EHRs send along."""
    subject, stay = {"reference": f"Patient/{patient}"}, {"reference": f"Encounter/{patient}-e"}
    text = {"status": "generated", "div": f"<div>{PAD}</div>"}

    def at(days: float) -> str:
        return (now - timedelta(days=days)).isoformat(timespec="seconds").replace("+00:00", "Z")

    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    encounter = {
        "resourceType": "Encounter", "id": f"{patient}-e", "status": "in-progress", "text": text,
        "class": {"system": act, "code": "IMP"}, "subject": subject, "period": {"start": at(5)},
        "hospitalization": {"dischargeDisposition": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/discharge-disposition", "code": "home"}]}},
    }  # fmt: skip
    conditions = [
        {"resourceType": "Condition", "id": f"c{n}", "text": text, "subject": subject, "encounter": stay,
         "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
         "recordedDate": at(4), "onsetDateTime": at(400)}
        for n, code in enumerate(["I50.9", "N18.3", "E11.9", "J44.9", "I10", "F03.90", "E78.5", "I48.91", "K21.9", "M17.9"])
    ]  # fmt: skip
    observations = [
        {"resourceType": "Observation", "id": f"o{n}", "status": "final", "text": text, "subject": subject, "encounter": stay,
         "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": "a laboratory test"}]},
         "effectiveDateTime": at(n / 10 + 0.1), "issued": at(n / 10),
         "valueQuantity": {"value": value + n % 3, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
         "referenceRange": [{"low": {"value": 1}, "high": {"value": 20}}]}
        for n in range(50)
        for code, value, unit in [(("718-7", 9.5, "g/dL"), ("2951-2", 133.0, "mmol/L"), ("3094-0", 30.0, "mg/dL"),
                                   ("2160-0", 1.6, "mg/dL"), ("1751-7", 3.0, "g/dL"))[n % 5]]
    ]  # fmt: skip
    medications = [
        {"resourceType": "MedicationRequest", "id": f"m{n}", "status": "active", "intent": "order", "text": text,
         "subject": subject, "authoredOn": at(4), "medicationCodeableConcept": {
             "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": str(1000 + n)}]}}
        for n in range(8)
    ]  # fmt: skip
    return {
        "Patient": [{"resourceType": "Patient", "id": patient, "birthDate": "1941-02-03", "gender": "female", "text": text}],
        "Encounter": [encounter], "Condition": conditions, "Observation": observations, "MedicationRequest": medications,
    }  # fmt: skip


def body(guidance: Guidance, value_sets: ValueSets, number: int, now: datetime) -> bytes:
    """One call with everything that discovery asks for."""
    patient = f"p{number}"
    found = record(patient, now)
    prefetch: dict[str, Any] = {}
    for name, query in derive_queries(guidance, value_sets, hook=guidance.hooks[0].hook).items():
        resources = found.get(query.resource_type, [])
        if query.count is None:
            prefetch[name] = resources[0] if resources else None
            continue
        if query.codes:
            resources = [
                one for one in resources if f"http://loinc.org|{one['code']['coding'][0]['code']}" in query.codes
            ]
        entries = [{"fullUrl": f"https://x/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
        prefetch[name] = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    context = {"userId": "Practitioner/u", "patientId": patient, "encounterId": f"{patient}-e"}
    request = {
        "hook": guidance.hooks[0].hook,
        "hookInstance": str(uuid.uuid4()),
        "context": context,
        "prefetch": prefetch,
    }
    return json.dumps(request).encode()
