"""What was given on the ward, and what patients say they take: beside the orders, as pharmacies and interviews tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from services.demo.dice import Dice
from services.demo.facts import DAY, HOUR, MINUTE, PatientRecord
from services.demo.fragments import instant
from services.demo.paperwork.filing import Paper, numbered, reference

DOSES: Final = 3  # of an order of a stay that are charted, one a day
ASKED: Final = 0.10  # of clinic visits, what is taken at home is asked
TOLD: Final = 2  # drugs a patient can name
OVER_THE_COUNTER: Final = 0.15  # of those asked, a painkiller that nobody has ordered


def medicine_papers(dice: Dice, record: PatientRecord, coded: Mapping[str, str]) -> Iterator[Paper]:
    """MedicationAdministration and MedicationStatement; `coded` has each drug's CodeableConcept at this site."""
    patient = record.person.id
    subject = reference("subject", f"Patient/{patient}")
    given, taken = numbered(patient, "g"), numbered(patient, "t")
    for order in record.orders:
        if not order.inpatient:
            continue
        first = order.written + int(dice.uniform(20, 90)) * MINUTE
        for at in range(first, min(order.ended - HOUR, first + DOSES * DAY), DAY):
            body = (
                f'"status":"completed","medicationCodeableConcept":{coded[order.drug]},{subject}'
                f',{reference("context", f"Encounter/{order.encounter}")},"effectiveDateTime":"{instant(at)}"'
                f",{reference('request', f'MedicationRequest/{order.id}')}"
            )
            yield Paper("MedicationAdministration", next(given), ((at, body),))
    for stay in record.stays:
        if stay.kind != "AMB" or not dice.chance(ASKED):
            continue
        at = stay.start + 8 * MINUTE
        drugs = [order.drug for order in record.orders if not order.inpatient and order.written < at < order.ended]
        named = drugs[:TOLD] + (["acetaminophen"] if dice.chance(OVER_THE_COUNTER) else [])
        for drug in dict.fromkeys(named):
            body = (
                f'"status":"active","medicationCodeableConcept":{coded[drug]},{subject}'
                f',{reference("context", f"Encounter/{stay.id}")},"effectiveDateTime":"{instant(at)}"'
                f',"dateAsserted":"{instant(at)}",{reference("informationSource", f"Patient/{patient}")}'
            )
            yield Paper("MedicationStatement", next(taken), ((at, body),))
