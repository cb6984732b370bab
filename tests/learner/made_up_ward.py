"""A made-up ward for the learner's tests: a small guidance, and NDJSON whose risks are known by construction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Json = dict[str, Any]

GUIDANCE = """
id: made-up-death
version: 1.0.0
title: Death in hospital, made up
description: For tests.
about:
  question: Does it work?
  intended_use: Tests.
  intended_users: [tester]
  not_for: [patients]
  harm_of_false_positive: None.
  harm_of_false_negative: None.
  equity: None.
  developer: A test.
  funding: None.
hooks:
  - hook: patient-view
index:
  stay: {tokens: ["http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP"]}
  at: admission
  plus_hours: 24
population:
  include: [age >= 18]
features:
  age: {kind: age, from: Patient.birthDate, unit: a, range: [0, 130], label: age}
  male:
    kind: last
    from: Patient.gender
    levels:
      "http://hl7.org/fhir/administrative-gender|male": 1
      "http://hl7.org/fhir/administrative-gender|female": 0
    label: male
  creatinine:
    kind: last
    from: Observation.code
    codes: {tokens: ["http://loinc.org|2160-0"]}
    unit: mg/dL
    range: [0, 30]
    window: {this_stay: true}
    direction: 1
    label: creatinine
  creatinines:
    kind: count
    from: Observation.code
    codes: {tokens: ["http://loinc.org|2160-0"]}
    window: {days: 30}
    label: creatinine measurements
outcome:
  kind: death-in-stay
  name: death in hospital
  happens: die in hospital
  died: {tokens: ["http://terminology.hl7.org/CodeSystem/discharge-disposition|exp"]}
model:
  candidates: [logistic, scorecard_additive, scorecard, forest]
policy:
  risk_tier: low
  bands:
    - {name: high, when: risk >= 2 * base_rate, card: high}
evidence:
  refits: 3  # a test is not worth more
cards:
  high:
    summary: "Risk {{ risk_percent }}"
    detail: "{{ reasons }}"
override_reasons:
  - code: patient-ineligible
    system: http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes
    display: Patient does not meet eligibility for recommended action
"""


def write_guidance(folder: Path, text: str = GUIDANCE) -> Path:
    """A guidance directory."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "guidance.yaml").write_text(text)
    (folder / "value_sets.json").write_text(json.dumps({"version": "1", "terms": "", "value_sets": {}}))
    return folder


def concept(system: str, code: str) -> Json:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}


def ward(patients: int, seed: int = 1) -> list[Json]:
    """One stay each; the chance to die rises with age and creatinine, and every tenth has no creatinine."""
    rng = np.random.default_rng(seed)
    resources: list[Json] = []
    for i in range(patients):
        age = int(rng.integers(20, 95))
        creatinine = round(float(rng.lognormal(0.2, 0.5)), 2)
        odds = np.exp(-5.2 + 0.04 * age + 0.9 * creatinine)
        died = bool(rng.random() < odds / (1 + odds))
        day = day_of(i)
        resources.append(
            {
                "resourceType": "Patient",
                "id": f"p{i}",
                "gender": "male" if i % 2 else "female",
                "birthDate": f"{2024 - age}-01-01",
            }
        )
        resources.append(
            {
                "resourceType": "Encounter",
                "id": f"e{i}",
                "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": f"Patient/p{i}"},
                "period": {"start": f"{day}T08:00:00Z", "end": f"{day[:7]}-28T18:00:00Z"},
                "hospitalization": {
                    "dischargeDisposition": concept(
                        "http://terminology.hl7.org/CodeSystem/discharge-disposition", "exp" if died else "home"
                    )
                },
            }
        )
        if i % 10:
            resources.append(creatinine_of(i, day, creatinine))
    return resources


def day_of(i: int) -> str:
    """The day of admission of the patient of that number."""
    return f"2024-{1 + i % 12:02d}-{1 + i % 27:02d}"


def creatinine_of(i: int, day: str, value: float, **changed: Any) -> Json:
    """A creatinine at 10 o'clock."""
    return {
        "resourceType": "Observation",
        "id": f"c{i}",
        "status": "final",
        "code": concept("http://loinc.org", "2160-0"),
        "subject": {"reference": f"Patient/p{i}"},
        "encounter": {"reference": f"Encounter/e{i}"},
        "effectiveDateTime": f"{day}T10:00:00Z",
        "issued": f"{day}T11:00:00Z",
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "mg/dL"},
    } | changed


def write_ndjson(path: Path, resources: list[Json]) -> Path:
    """One resource a line."""
    path.write_text("".join(json.dumps(r) + "\n" for r in resources))
    return path
