"""Who pays, and what was asked and granted: a claim for each emergency visit and stay, an explanation of benefit weeks later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from services.demo.catalogue import HL7
from services.demo.dice import Dice
from services.demo.facts import DAY, Charge, PatientRecord
from services.demo.fragments import concept, day_text, instant
from services.demo.paperwork.filing import Paper, numbered, reference

PUBLIC_AGE: Final = 65.0
PRIVATE: Final = 0.6  # of the younger; the others are insured publicly too
SETTLED_AFTER: Final = (10.0, 45.0)  # days
COVERS: Final = {"public": 0.80, "private": 0.72}
KINDS: Final = {"public": ("PUBLICPOL", "public healthcare"), "private": ("EHCPOL", "extended healthcare")}


def billing_papers(dice: Dice, record: PatientRecord) -> Iterator[Paper]:
    """Coverage, Claim and ExplanationOfBenefit; ChargeItems belong to the life."""
    person = record.person
    private = dice.chance(PRIVATE) and person.age(record.registered) < PUBLIC_AGE
    payer = "private" if private else "public"
    coverage = f"{person.id}-y001"
    yield Paper(
        "Coverage",
        coverage,
        (
            (
                record.registered,
                f'"status":"active","type":{concept(f"{HL7}/v3-ActCode", *KINDS[payer])}'
                f',{reference("beneficiary", f"Patient/{person.id}")},"period":{{"start":"{day_text(record.registered // DAY)}"}}'
                f',"payor":[{{"reference":"Organization/payer-{payer}"}}]',
            ),
        ),
    )
    charges: dict[str, list[Charge]] = defaultdict(list)
    for charge in record.charges:
        charges[charge.encounter].append(charge)
    claims, benefits = numbered(person.id, "x"), numbered(person.id, "z")
    for stay in record.stays:
        if stay.kind not in ("IMP", "EMER") or not charges[stay.id]:
            continue
        items = charges[stay.id]
        entered = max(item.entered for item in items)
        settled = entered + int(dice.uniform(*SETTLED_AFTER) * DAY)
        total = round(sum(item.amount for item in items), 2)
        granted = round(total * COVERS[payer] * dice.uniform(0.9, 1.0), 2)
        claim, period = next(claims), f'{{"start":"{instant(stay.start)}","end":"{instant(stay.end)}"}}'
        common = (
            f'"status":"active","type":{concept(f"{HL7}/claim-type", "institutional", "Institutional")},"use":"claim"'
            f',{reference("patient", f"Patient/{person.id}")},"billablePeriod":{period}'
            f",{reference('provider', f'Organization/site-{stay.site}')}"
        )
        lines = ",".join(
            f'{{"sequence":{number},"productOrService":{{"text":"{item.text}"}},"net":{_dollars(item.amount)}'
            + f',"encounter":[{{"reference":"Encounter/{stay.id}"}}]}}'
            for number, item in enumerate(items, 1)
        )
        insurance = f'"insurance":[{{"sequence":1,"focal":true,"coverage":{{"reference":"Coverage/{coverage}"}}}}]'
        yield Paper(
            "Claim",
            claim,
            (
                (
                    entered,
                    f'{common},"created":"{instant(entered)}","priority":{concept(f"{HL7}/processpriority", "normal", "Normal")}'
                    f',{insurance},"item":[{lines}],"total":{_dollars(total)}',
                ),
            ),
        )
        yield Paper(
            "ExplanationOfBenefit",
            next(benefits),
            (
                (
                    settled,
                    f'{common},"created":"{instant(settled)}",{reference("insurer", f"Organization/payer-{payer}")}'
                    f',{reference("claim", f"Claim/{claim}")},"outcome":"complete"'
                    f",{insurance.replace(f'{chr(34)}sequence{chr(34)}:1,', '')}"
                    f',"total":[{_sum("submitted", "Submitted Amount", total)},{_sum("benefit", "Benefit Amount", granted)}]',
                ),
            ),
        )


def _dollars(amount: float) -> str:
    return f'{{"value":{amount:.2f},"currency":"USD"}}'


def _sum(code: str, display: str, amount: float) -> str:
    return f'{{"category":{concept(f"{HL7}/adjudication", code, display)},"amount":{_dollars(amount)}}}'
