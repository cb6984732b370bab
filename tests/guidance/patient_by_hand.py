"""Patient p made of FHIR by hand, for tests that hold a shipped guidance to its page: stays, measurements, diagnoses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from services.guidance.conditions import parse
from services.guidance.features import VALUE, compile_features, read_features
from services.guidance.folder import LoadedGuidance
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import parse_instant
from services.timeline.timeline import assemble, index_rows

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"

Resource = dict[str, Any]


def stay(name: str, kind: str, start: str, end: str | None, **more: Any) -> Resource:
    """An Encounter of patient p."""
    period = {"start": start} if end is None else {"start": start, "end": end}
    return {
        "resourceType": "Encounter", "id": name, "status": "finished" if end else "in-progress",
        "class": {"system": ACT, "code": kind}, "subject": {"reference": "Patient/p"}, "period": period, **more,
    }  # fmt: skip


def measured(name: str, code: str, value: float, unit: str, when: str, encounter: str = "e") -> Resource:
    """An Observation of patient p with a number."""
    return {
        **_observation(name, code, when, encounter),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def answered(name: str, code: str, answer: Resource, when: str, encounter: str = "e") -> Resource:
    """An Observation of patient p with a concept as its answer."""
    return {**_observation(name, code, when, encounter), "valueCodeableConcept": answer}


def pressure(name: str, systolic: float, diastolic: float, when: str, encounter: str = "e") -> Resource:
    """A blood pressure of patient p, as a panel with two components."""
    parts = [
        {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for code, value in (("8480-6", systolic), ("8462-4", diastolic))
    ]
    return {**_observation(name, "85354-9", when, encounter), "component": parts}


def diagnosis(name: str, code: str, recorded: str, encounter: str = "e") -> Resource:
    """A Condition of patient p."""
    return {
        "resourceType": "Condition", "id": name, "subject": {"reference": "Patient/p"}, "recordedDate": recorded,
        "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"coding": [{"system": ICD, "code": code}]},
        "encounter": {"reference": f"Encounter/{encounter}"},
    }  # fmt: skip


def _observation(name: str, code: str, when: str, encounter: str) -> Resource:
    return {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": "Patient/p"},
        "encounter": {"reference": f"Encounter/{encounter}"}, "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": when, "issued": when,
    }  # fmt: skip


def features_of(
    loaded: LoadedGuidance, resources: Iterable[Resource], at: str, encounter: str = "e"
) -> dict[str, float | None]:
    """Every feature of patient p at a moment, None where there is no value."""
    batch = EventBatch()
    for resource in resources:
        assert flatten_json(json.dumps(resource).encode(), batch), resource
    timeline = assemble(batch.columns())
    plan = compile_features(loaded.definition, loaded.value_sets, {})
    matrix = read_features(plan, timeline, index_rows(timeline, ["p"], [parse_instant(at)], [encounter]))
    return {
        name: float(value) if state == VALUE else None
        for name, value, state in zip(matrix.names, matrix.values[0], matrix.states[0], strict=True)
    }


def excluded_by(loaded: LoadedGuidance, values: dict[str, float | None]) -> list[str]:
    """The conditions of the population that keep this patient out."""
    population = loaded.definition.population
    out = [text for text in population.include if parse(text).evaluate_one(values) is not True]
    return out + [text for text in population.exclude if parse(text).evaluate_one(values)]
