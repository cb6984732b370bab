"""What each encounter costs, as charge items that the billing office enters days later."""

from __future__ import annotations

from services.demo.dice import Dice
from services.demo.facts import DAY, Charge, PatientRecord, Stay

CLINIC, EMERGENCY, OBSERVATION, BED_DAY, ADMISSION, INTERVENTION = 165.0, 980.0, 2100.0, 2350.0, 1900.0, 4200.0


def charge(dice: Dice, record: PatientRecord, stay: Stay, *, interventions: int = 0) -> None:
    """Enter the charges of one encounter, one to ten days after it ended."""
    items: list[tuple[str, float, float]]
    if stay.kind == "AMB":
        items = [("Clinic visit", 1, dice.around(CLINIC, 0.25))]
    elif stay.kind == "EMER":
        items = [("Emergency department visit", 1, dice.around(EMERGENCY, 0.35))]
    elif stay.kind == "OBSENC":
        items = [("Observation stay", 1, dice.around(OBSERVATION, 0.3))]
    else:
        nights = max(stay.end // DAY - stay.start // DAY, 1)
        items = [
            ("Admission", 1, dice.around(ADMISSION, 0.2)),
            ("Inpatient day", nights, nights * dice.around(BED_DAY, 0.2)),
        ]
        if interventions:
            items.append(("Intervention", interventions, interventions * dice.around(INTERVENTION, 0.4)))
    entered = stay.end + int(dice.uniform(1.0, 10.0) * DAY)
    for text, quantity, amount in items:
        number = len(record.charges) + 1
        record.charges.append(
            Charge(f"{record.person.id}-b{number:03d}", text, quantity, round(amount, 2), stay.end, entered, stay.id)
        )
