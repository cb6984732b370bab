"""What a practice knows of a person: intolerances, vaccinations, the family's illnesses, and whether research may use the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.demo.catalogue import DRUG_CLASS, DRUGS, HL7, ILLNESSES, RXNORM, SNOMED
from services.demo.dice import Dice
from services.demo.facts import DAY, YEAR, PatientRecord, Stay
from services.demo.fragments import ILLNESS_CODE, concept, day_text, instant
from services.demo.paperwork.filing import Paper, numbered, reference, status

STATIN_INTOLERANT: Final = 0.06  # of those who have taken a statin
ALLERGIC: Final = 0.12
ALLERGENS: Final = ("ibuprofen", "vancomycin", "lisinopril")
VACCINATED: Final = 0.45  # a year, against influenza
OPTS_OUT, OPTS_IN = 0.03, 0.25  # of patients, of use of the record for research; the others were never asked
RELATIVES: Final = (("FTH", "father"), ("MTH", "mother"), ("BRO", "brother"), ("SIS", "sister"))
IN_FAMILY: Final = {"diabetes": 0.16, "coronary": 0.12}
STATIN_MYALGIA: Final = ("16462851000119106", "Myalgia caused by statin")


def background_papers(dice: Dice, record: PatientRecord) -> Iterator[Paper]:
    """AllergyIntolerance, Immunization, FamilyMemberHistory and Consent, told at visits."""
    visits = [stay for stay in record.stays if stay.kind == "AMB"]
    if visits:
        yield from _intolerances(dice, record, visits)
        yield from _vaccinations(dice, record, visits)
        yield from _family(dice, record, visits[0])
        yield from _consent(dice, record, visits)


def _intolerances(dice: Dice, record: PatientRecord, visits: list[Stay]) -> Iterator[Paper]:
    statin = next((order for order in record.orders if DRUG_CLASS.get(order.drug) == "statin"), None)
    ids = numbered(record.person.id, "a")
    suffers, allergic, which = dice.chance(STATIN_INTOLERANT), dice.chance(ALLERGIC), dice.pick([0.5, 0.2, 0.3])
    found = []
    if statin is not None and suffers:
        later = next((visit for visit in visits if visit.start > statin.written + 30 * DAY), None)
        if later is not None:
            found.append(("intolerance", concept(SNOMED, *STATIN_MYALGIA), later))
    if allergic:
        found.append(("allergy", concept(RXNORM, *DRUGS[ALLERGENS[which]]), visits[0]))
    for kind, code, visit in found:
        yield Paper(
            "AllergyIntolerance",
            next(ids),
            (
                (
                    visit.start,
                    f'"clinicalStatus":{status("allergyintolerance-clinical", "active")}'
                    f',"verificationStatus":{status("allergyintolerance-verification", "confirmed")},"type":"{kind}"'
                    f',"category":["medication"],"code":{code},{reference("patient", f"Patient/{record.person.id}")}'
                    f',{reference("encounter", f"Encounter/{visit.id}")},"recordedDate":"{instant(visit.start)}"',
                ),
            ),
        )


def _vaccinations(dice: Dice, record: PatientRecord, visits: list[Stay]) -> Iterator[Paper]:
    """Once in some years, at the first visit of the year of life of the record."""
    ids = numbered(record.person.id, "v")
    years = {int((visit.start - record.registered) / YEAR): visit for visit in reversed(visits)}
    for _, visit in sorted(years.items()):
        if dice.chance(VACCINATED):
            at = visit.start
            body = (
                f'"status":"completed","vaccineCode":{{"text":"Influenza, seasonal"}}'
                f",{reference('patient', f'Patient/{record.person.id}')},{reference('encounter', f'Encounter/{visit.id}')}"
                f',"occurrenceDateTime":"{instant(at)}","recorded":"{instant(at)}","primarySource":true'
            )
            yield Paper("Immunization", next(ids), ((at, body),))


def _family(dice: Dice, record: PatientRecord, visit: Stay) -> Iterator[Paper]:
    ids = numbered(record.person.id, "f")
    for illness, share in IN_FAMILY.items():
        relative = RELATIVES[int(dice.uniform(0, len(RELATIVES)))]
        if dice.chance(share):
            code = ILLNESS_CODE[illness].replace(f',"text":"{ILLNESSES[illness].text}"', "")
            body = (
                f'"status":"completed",{reference("patient", f"Patient/{record.person.id}")},"date":"{instant(visit.start)}"'
                f',"relationship":{concept(f"{HL7}/v3-RoleCode", *relative)},"condition":[{{{code}}}]'
            )
            yield Paper("FamilyMemberHistory", next(ids), ((visit.start, body),))


def _consent(dice: Dice, record: PatientRecord, visits: list[Stay]) -> Iterator[Paper]:
    says = dice.pick([OPTS_OUT, OPTS_IN, 1.0 - OPTS_OUT - OPTS_IN])
    visit = visits[int(dice.uniform(0, len(visits)))]
    if says == 2:
        return
    body = (
        f'"status":"active","scope":{concept(f"{HL7}/consentscope", "research", "Research")}'
        f',"category":[{concept(f"{HL7}/consentcategorycodes", "research", "Research Information Access")}]'
        f',{reference("patient", f"Patient/{record.person.id}")},"dateTime":"{instant(visit.start)}"'
        f',"policyRule":{{"text":"Use of the record for research and learning"}}'
        f',"provision":{{"type":"{("deny", "permit")[says]}","period":{{"start":"{day_text(visit.start // DAY)}"}}}}'
    )
    yield Paper("Consent", f"{record.person.id}-k001", ((visit.start, body),))
