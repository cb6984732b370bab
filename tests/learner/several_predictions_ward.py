"""The made-up ward with two more things that happen, and a guidance that predicts all of them."""

from __future__ import annotations

import numpy as np

from tests.learner.made_up_ward import GUIDANCE, Json, concept, day_of, ward

ICU = "305351004"
FALL = "17886000"
SNOMED = "http://snomed.info/sct"
SCORED = """\
  female:
    kind: last
    from: Patient.gender
    levels:
      "http://hl7.org/fhir/administrative-gender|male": 0
      "http://hl7.org/fhir/administrative-gender|female": 1
    use: rule
    label: female
  healthy:
    kind: score
    formula: prevent-total-cvd-healthy
    inputs: {age: age, sex: female}
    range: [0, 1]
    use: rule
    label: PREVENT of healthy people
outcome:
  kind: death-in-stay
"""
PREDICTIONS = f"""\
predictions:
  icu:
    label: intensive care within 3 days
    outcome:
      kind: event
      name: intensive care within 3 days
      happens: go to intensive care within 3 days
      horizon_hours: 72
      within_stay: true
      death: counts
      died: {{tokens: ["http://terminology.hl7.org/CodeSystem/discharge-disposition|exp"]}}
      events:
        - from: Procedure.code
          codes: {{tokens: ["{SNOMED}|{ICU}"]}}
    model:
      candidates: [logistic]
      needs: age >= 30
  fall:
    label: a fall in 10 days
    outcome:
      kind: event
      name: a fall within 10 days
      happens: fall within 10 days
      horizon_days: 10
      events:
        - from: Condition.code
          codes: {{tokens: ["{SNOMED}|{FALL}"]}}
      looked_for:
        - from: Procedure.code
          codes: {{tokens: ["{SNOMED}|{ICU}"]}}
    model:
      published: healthy
  heart:
    label: a heart attack in 10 years
    outcome:
      kind: event
      name: a heart attack within 10 years
      happens: have one in 10 years
      horizon_days: 3650
      events:
        - from: Condition.code
          codes: {{tokens: ["{SNOMED}|22298006"]}}
    model:
      published: healthy
model:
  candidates: [logistic]
"""
SEVERAL = GUIDANCE.replace("outcome:\n  kind: death-in-stay\n", SCORED).replace(
    "model:\n  candidates: [logistic, scorecard_additive, scorecard, forest]\n", PREDICTIONS
)


def busy_ward(patients: int, seed: int = 2) -> list[Json]:
    """The ward, where who has much creatinine goes to intensive care more often, and every fifth falls."""
    rng = np.random.default_rng(seed)
    resources = ward(patients)
    creatinine = {
        one["id"][1:]: one["valueQuantity"]["value"] for one in resources if one["resourceType"] == "Observation"
    }
    for i in range(patients):
        odds = np.exp(-4.0 + 1.6 * creatinine.get(str(i), 1.2))
        day = day_of(i)
        if rng.random() < odds / (1 + odds):
            resources.append(
                {
                    "resourceType": "Procedure",
                    "id": f"icu{i}",
                    "status": "completed",
                    "code": concept(SNOMED, ICU),
                    "subject": {"reference": f"Patient/p{i}"},
                    "encounter": {"reference": f"Encounter/e{i}"},
                    "performedDateTime": f"{day[:8]}{min(int(day[8:]) + 2, 28):02d}T12:00:00Z",
                }
            )
        if rng.random() < 0.2:
            resources.append(
                {
                    "resourceType": "Condition",
                    "id": f"fall{i}",
                    "code": concept(SNOMED, FALL),
                    "subject": {"reference": f"Patient/p{i}"},
                    "onsetDateTime": f"{day[:8]}{min(int(day[8:]) + 4, 28):02d}T12:00:00Z",
                    "recordedDate": f"{day[:8]}28",
                }
            )
    return resources
