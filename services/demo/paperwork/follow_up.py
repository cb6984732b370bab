"""What follows a discharge: the appointment, the reconciliation of medicines as a task, and how the patient says they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.demo.catalogue import HL7, SNOMED
from services.demo.dice import Dice
from services.demo.facts import DAY, HOUR, MINUTE, PatientRecord, Stay
from services.demo.fragments import concept, instant
from services.demo.paperwork.filing import Paper, numbered, reference

RECONCILED: Final = 0.35  # of live discharges have a task to reconcile the medicines
ANSWERS: Final = 0.30  # of those who went home answer the questions two weeks later
BY_PROVIDER: Final = 0.25  # of the answers are reported by a clinician on the telephone
QUESTIONNAIRE: Final = "https://example.org/knowdo-demo/Questionnaire/recovery-after-discharge"


def follow_up_papers(dice: Dice, record: PatientRecord) -> Iterator[Paper]:
    """Appointment, Task and QuestionnaireResponse."""
    yield from _appointments(record)
    yield from _tasks(dice, record)
    yield from _answers(dice, record)


def _appointments(record: PatientRecord) -> Iterator[Paper]:
    ids = numbered(record.person.id, "n")
    visits = [stay for stay in record.stays if stay.kind == "AMB"]
    for referral in record.referrals:
        visit = next((one for one in visits if abs(one.start - referral.done) < DAY), None)
        start = visit.start if visit else referral.done // MINUTE * MINUTE
        rest = (
            f'"serviceType":[{concept(SNOMED, "390906007", "Follow-up encounter")}]'
            f',"appointmentType":{concept(f"{HL7}/v2-0276", "FOLLOWUP", "A follow up visit from a previous appointment")}'
            f',"start":"{instant(start)}","end":"{instant(start + 30 * MINUTE)}","created":"{instant(referral.written)}"'
            f',"basedOn":[{{"reference":"ServiceRequest/{referral.id}"}}]'
            f',"participant":[{{"actor":{{"reference":"Patient/{record.person.id}"}},"status":"accepted"}}]'
        )
        came = "fulfilled" if visit else "cancelled" if record.person.died <= start else "noshow"
        yield Paper(
            "Appointment",
            next(ids),
            ((referral.written, f'"status":"booked",{rest}'), (start + 30 * MINUTE, f'"status":"{came}",{rest}')),
        )


def _tasks(dice: Dice, record: PatientRecord) -> Iterator[Paper]:
    ids = numbered(record.person.id, "w")
    for stay in _went(record, ("home", "alt-home", "snf", "rehab", "long")):
        wanted, after = dice.chance(RECONCILED), dice.uniform(1.0, 60.0)
        if not wanted:
            continue
        asked = max(stay.end - 5 * HOUR, stay.start)
        done = stay.end + int(after * HOUR)
        rest = (
            f'"intent":"order","code":{concept(SNOMED, "430193006", "Medication Reconciliation")}'
            f",{reference('for', f'Patient/{record.person.id}')},{reference('encounter', f'Encounter/{stay.id}')}"
            f',"authoredOn":"{instant(asked)}"'
        )
        yield Paper(
            "Task",
            next(ids),
            (
                (asked, f'"status":"requested",{rest}'),
                (done, f'"status":"completed",{rest},"lastModified":"{instant(done)}"'),
            ),
        )


def _answers(dice: Dice, record: PatientRecord) -> Iterator[Paper]:
    ids = numbered(record.person.id, "q")
    person = record.person
    for stay in _went(record, ("home", "alt-home")):
        answers, provider = dice.chance(ANSWERS), dice.chance(BY_PROVIDER)
        at = stay.end + int(dice.uniform(10.0, 18.0) * DAY) // MINUTE * MINUTE
        health = round(min(max(dice.normal(72.0 - 9.0 * person.frailty, 12.0), 0.0), 100.0))
        knows = ("Y", "Yes") if dice.chance(0.8) else ("N", "No")
        if not answers or at >= person.died:
            continue
        source = f"PractitionerRole/site-{stay.site}-general" if provider else f"Patient/{person.id}"
        body = (
            f'"questionnaire":"{QUESTIONNAIRE}|1.0","status":"completed",{reference("subject", f"Patient/{person.id}")}'
            f',{reference("encounter", f"Encounter/{stay.id}")},"authored":"{instant(at)}",{reference("author", source)}'
            + ("" if provider else f",{reference('source', source)}")
            + f',"item":[{{"linkId":"health","text":"Your health today, from 0 to 100","answer":[{{"valueInteger":{health}}}]}}'
            f',{{"linkId":"knows-medicines","text":"Do you know which medicines to take, and when?"'
            f',"answer":[{{"valueCoding":{{"system":"{HL7}/v2-0136","code":"{knows[0]}","display":"{knows[1]}"}}}}]}}]'
        )
        yield Paper("QuestionnaireResponse", next(ids), ((at, body),))


def _went(record: PatientRecord, dispositions: tuple[str, ...]) -> list[Stay]:
    return [stay for stay in record.stays if stay.kind == "IMP" and stay.disposition in dispositions]
