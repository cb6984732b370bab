"""What a planned surgical stay is for: one operation, by its principal diagnosis.

Whoever reads the record knows a planned stay by its procedure (as the outcome of `readmission-30d` does): without one, an
elective stay within 30 days would count as an unplanned return, which no true risk foresees.
"""

from __future__ import annotations

from typing import Final

from services.demo.dice import Dice
from services.demo.facts import MINUTE, Intervention, PatientRecord

OPERATION: Final = {
    "coronary": "coronary_bypass", "carotid": "endarterectomy", "peripheral_artery": "leg_bypass",
    "cancer_breast": "mastectomy", "cancer_prostate": "prostatectomy", "cancer_lung": "lobectomy",
    "cancer_colon": "colectomy",
}  # fmt: skip
"""By the principal diagnosis of a planned surgical stay, all that there are (`admissions.principal_diagnosis`)."""


def operate(dice: Dice, record: PatientRecord) -> None:
    """Add the operation of every planned surgical stay, in its first half."""
    for stay in record.stays:
        course = record.courses.get(stay.id)
        if course is None or course.reason != "surgery":
            continue
        start = stay.start + int(dice.uniform(0.05, 0.3) * (stay.end - stay.start)) // MINUTE * MINUTE
        end = min(start + int(dice.uniform(60, 300)) * MINUTE, stay.end)
        procedure = OPERATION[stay.diagnoses[0].illness]
        record.interventions.append(Intervention(f"{stay.id}-op", procedure, start, end, stay.id))
