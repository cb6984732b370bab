"""A guidance that fits on one screen, for tests that break it on purpose: its files, and the line of a marker."""

from __future__ import annotations

import json

MARK = "#!"
"""Stands on the line on which a fault is expected."""

GUIDANCE = """\
id: small
version: 1.0.0
title: Small
description: A guidance for tests.
about:
  question: Who?
  intended_use: Tests.
  intended_users: [tester]
  not_for: [care]
  harm_of_false_positive: None.
  harm_of_false_negative: None.
  equity: None.
  developer: Tests.
  funding: None.
  citations: [A study of tests. 2026]
hooks:
  - hook: patient-view
    when: inpatient
index:
  stay: {value_set: inpatient-class}
population:
  include: [age >= 18]
  exclude:
    - died
features:
  age:
    kind: age
    unit: a
    range: [18, 120]
    label: age
    phrase: "age {value}"
  sex:
    kind: last
    from: Patient.gender
    levels: {"s|male": 0, "s|female": 1}
    label: sex
  hb:
    kind: last
    from: Observation.code
    codes: {tokens: ["http://loinc.org|718-7"]}
    unit: g/dL
    range: [2, 25]
    window: {days: 7}
    direction: -1
    label: haemoglobin
    phrase: "haemoglobin {value} g/dL"
    decimals: 1
  stays:
    kind: count
    from: Encounter.class|Encounter.type
    codes: {value_set: inpatient-class}
    label: stays
    phrase: "{value} {stay|stays}"
    phrase_zero: no stay
  creatinine:
    kind: last
    from: Observation.code
    codes: {tokens: ["http://loinc.org|2160-0"]}
    unit: mg/dL
    use: helper
    label: creatinine
  egfr:
    kind: score
    formula: ckd-epi-2021
    inputs: {creatinine: creatinine, age: age, sex: sex}
    label: eGFR
  inpatient:
    kind: exists
    from: Encounter.class
    codes: {value_set: inpatient-class}
    use: rule
    label: inpatient
  died:
    kind: exists
    from: Encounter.dischargeDisposition
    codes: {value_set: discharge-died}
    use: rule
    label: died
  race:
    kind: last
    from: Patient.race
    use: audit
    label: race
outcome:
  kind: readmission
  name: readmission within 30 days
  happens: come back within 30 days
  happened: came back within 30 days
  horizon_days: 30
  died: {value_set: discharge-died}
  planned:
    always: {tokens: ["http://hl7.org/fhir/sid/icd-10-cm|Z51.0"]}
    elective: {tokens: ["s|EL"]}
    acute: {tokens: ["s|A"]}
policy:
  bands:
    - name: high
      when: risk >= 2 * base_rate
      card: visit
    - name: usual
      when: risk >= 0
cards:
  visit:
    summary: "Risk {{ risk_percent }}, eGFR {{ egfr }}."
    detail: |
      {{ frequencies }}
      {% if hb is not none %}{{ hb }}{% endif %}
      {{ unknown }}
    suggestions:
      - label: Visit
        when: inpatient
        actions:
          - description: A visit
            resource: visit.json
    links:
      - label: Study
        url: https://example.org/study
override_reasons:
  - code: action-completed
    system: http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes
    display: Recommended action was already completed
"""

TRANSPARENCY = """\
attributes:
  output: The probability of a readmission.
  population: Adult inpatients of the tests.
  decision_role: Informs.
  limitations: It is made up.
  relevance: None to a real ward.
  bias_reduction: Race is read for audit only.
  external_source: {notAvailable: true, reason: Never tested elsewhere.}
  external_party: {notAvailable: true, reason: Never tested elsewhere.}
  external_process: {notAvailable: true, reason: Never tested elsewhere.}
risks:
"""
TRANSPARENCY += "".join(
    f"""\
  - characteristic: {one}
    hazard: It fails.
    likelihood: unlikely
    severity: minor
    control: It is watched.
    proven_by: [monitor:observed-expected]
    residual: low
    left: Little.
    owner: safety-officer
"""
    for one in ["validity", "reliability", "robustness", "fairness", "intelligibility", "safety", "security", "privacy"]
)

VALUE_SETS = {
    "version": "1",
    "terms": "",
    "value_sets": {
        "inpatient-class": {
            "title": "Inpatient",
            "include": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "concepts": [{"code": "IMP"}]}],
        },
        "discharge-died": {
            "title": "Died",
            "include": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/discharge-disposition",
                    "concepts": [{"code": "exp"}],
                }
            ],
        },
    },
}

VISIT = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "intent": "proposal",
    "code": {"text": "Visit"},
    "subject": {"reference": "Patient/example"},
    "encounter": {"reference": "Encounter/example"},
    "requester": {"reference": "Practitioner/example"},
    "occurrencePeriod": {"start": "2026-01-01", "end": "2026-01-08"},
}


def files(
    guidance: str | bytes = GUIDANCE,
    *,
    value_sets: object = VALUE_SETS,
    visit: object = VISIT,
    transparency: str | bytes = TRANSPARENCY,
) -> dict[str, bytes]:
    """The files of the small guidance, or of a broken one."""
    return {
        "guidance.yaml": guidance if isinstance(guidance, bytes) else guidance.encode(),
        "value_sets.json": value_sets if isinstance(value_sets, bytes) else json.dumps(value_sets, indent=1).encode(),
        "transparency.yaml": transparency if isinstance(transparency, bytes) else transparency.encode(),
        "resources/visit.json": visit if isinstance(visit, bytes) else json.dumps(visit, indent=1).encode(),
    }


def line_of_mark(text: str) -> int:
    """The line (from 1) that holds the marker."""
    return next(number for number, line in enumerate(text.split("\n"), start=1) if MARK in line)
