"""The FHIR R4 shape of every fact, as it stood at any time: one function per resource type, for history and bedside alike.

Text templates instead of an encoder: a resource costs about two microseconds, and the same seed gives the same bytes.
What is open at `at` is rendered open: a stay in progress, an order without an end, a result preliminary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.demo.catalogue import (
    ACVPU,
    DIASTOLIC,
    ICD10PCS,
    LOINC,
    OMB,
    ON_THE_WARD,
    PROCEDURES,
    SMOKING,
    SNOMED,
    SYSTOLIC,
    TESTS,
    UCUM,
)
from services.demo.encounters import encounter_text
from services.demo.facts import DAY, Charge, Diagnosis, Intervention, Order, PatientRecord, Referral, Result, Stay
from services.demo.faults.local_codes import LOCAL_TEST_CODE, drug_codes
from services.demo.faults.local_codes import SITE as LOCAL_SITE
from services.demo.faults.planted import FAULTY, Faults
from services.demo.fragments import (
    CLINICAL_STATUS,
    CONDITION_CATEGORY,
    ILLNESS_CODE,
    OBSERVATION_CATEGORY,
    ORDER_CATEGORY,
    OTHER_UNITS,
    SOCIAL_HISTORY,
    TEST_CODE,
    TEST_UNIT,
    US_CORE,
    VERIFICATION_STATUS,
    concept,
    day_text,
    head,
    instant,
)
from services.demo.paperwork.papers import papers

OBSERVATION_OPENS, LOCAL_OPENS = (
    {
        name: f"{SOCIAL_HISTORY if name == 'smoking' else OBSERVATION_CATEGORY[TESTS[name].vital]},{code}"
        for name, code in codes.items()
    }
    for codes in (TEST_CODE, LOCAL_TEST_CODE)
)
FORMATS = {name: f"%.{test.decimals}f" for name, test in TESTS.items()}
ANSWERS = {word: concept(SNOMED, *code) for word, code in SMOKING.items()} | {
    word: f'{{"text":"{word}"}}' for _, word in ACVPU
}
SYSTOLIC_OPENS, DIASTOLIC_OPENS = (
    f'{{"code":{concept(LOINC, *code)},"valueQuantity":{{"value":' for code in (SYSTOLIC, DIASTOLIC)
)
PRESSURE_CLOSES = f",{TEST_UNIT['pressure']}}}}}"


class Shapes:
    """Renders the facts of one patient as they stood at a time; None where there was nothing yet."""

    def __init__(self, record: PatientRecord) -> None:
        self.record = record
        self._faults = Faults(record) if record.faults else None
        self._drugs = drug_codes(record.faults and record.person.site == LOCAL_SITE)
        self._subject = f'"subject":{{"reference":"Patient/{record.person.id}"}}'

    def everything(self, at: int, *, versions: bool) -> Iterator[tuple[str, str]]:
        """(type, JSON) of every resource as it stood at `at`; with `versions`, earlier versions of corrected ones too."""
        record = self.record
        yield "Patient", self.patient(at)
        groups: tuple[tuple[str, list[object], Callable[..., str | None]], ...] = (
            ("Encounter", list(record.stays), self.encounter),
            ("Procedure", list(record.interventions), self.procedure),
            ("MedicationRequest", list(record.orders), self.medication_request),
            ("ServiceRequest", list(record.referrals), self.service_request),
            ("ChargeItem", list(record.charges), self.charge_item),
        )
        for diagnosis in record.diagnoses:
            if versions and diagnosis.refuted <= at:
                yield "Condition", self.condition(diagnosis, diagnosis.refuted - 1) or ""
            if text := self.condition(diagnosis, at):
                yield "Condition", text
        for result in record.results:
            if self._faults is not None and self._faults.never_measured(result):
                continue
            if versions and result.corrected <= at:
                yield "Observation", self.observation(result, result.corrected - 1) or ""
            if text := self.observation(result, at):
                yield "Observation", text
        for kind, facts, render in groups:
            for fact in facts:
                if text := render(fact, at):
                    yield kind, text
        for paper in papers(record, self._drugs):
            if text := paper.text(at):
                yield paper.kind, text

    def patient(self, at: int) -> str:
        """Patient, with race, ethnicity and language for audit only."""
        person = self.record.person
        dead = person.died <= at
        race_code, race = person.race
        category = (
            f'{{"url":"ombCategory","valueCoding":{{"system":"{OMB}","code":"{race_code}","display":"{race}"}}}},'
            if race_code
            else ""
        )
        ethnicity_code, ethnicity = person.ethnicity
        language_code, language = person.language
        return (
            head("Patient", person.id, 1 + dead, person.died if dead else self.record.registered)
            + f',"extension":[{{"url":"{US_CORE}/us-core-race","extension":[{category}{{"url":"text","valueString":"{race}"}}]}},'
            f'{{"url":"{US_CORE}/us-core-ethnicity","extension":[{{"url":"ombCategory","valueCoding":{{"system":"{OMB}",'
            f'"code":"{ethnicity_code}","display":"{ethnicity}"}}}},{{"url":"text","valueString":"{ethnicity}"}}]}}]'
            f',"identifier":[{{"system":"https://example.org/knowdo-demo/mrn","value":"{person.id[1:]}"}}]'
            f',"active":true,"name":[{{"family":"{person.family}","given":["{person.given}"]}}]'
            f',"gender":"{"female" if person.female else "male"}","birthDate":"{day_text(person.birth // DAY)}"'
            + (f',"deceasedDateTime":"{instant(person.died)}"' if dead else "")
            + ',"communication":[{"language":'
            + concept("urn:ietf:bcp:47", language_code, language)
            + f',"preferred":true}}],"managingOrganization":{{"reference":"Organization/site-{person.site}"}}}}'
        )

    def encounter(self, stay: Stay, at: int) -> str | None:
        """Encounter, as `encounters` tells it."""
        return encounter_text(stay, self.record.courses.get(stay.id), self._subject, at)

    def condition(self, diagnosis: Diagnosis, at: int) -> str | None:
        """Condition: recorded, later perhaps resolved, or refuted in a second version; an onset only on the problem list."""
        if diagnosis.recorded > at:
            return None
        updated, version, clinical, verification = diagnosis.recorded, 1, "active", "confirmed"
        if diagnosis.refuted <= at:
            updated, version, clinical, verification = diagnosis.refuted, 2, "inactive", "refuted"
        elif diagnosis.abated <= at:
            updated, version, clinical = diagnosis.abated, 2, "resolved"
        onset = f',"onsetDateTime":"{instant(diagnosis.onset)}"' if diagnosis.problem else ""
        abatement = f',"abatementDateTime":"{instant(diagnosis.abated)}"' if clinical == "resolved" else ""
        return (
            f"{head('Condition', diagnosis.id, version, updated)},{CLINICAL_STATUS[clinical]},{VERIFICATION_STATUS[verification]}"
            f",{CONDITION_CATEGORY[diagnosis.problem]},{ILLNESS_CODE[diagnosis.illness]},{self._subject}"
            f',"encounter":{{"reference":"Encounter/{diagnosis.encounter}"}}'
            f'{onset}{abatement},"recordedDate":"{instant(diagnosis.recorded)}"}}'
        )

    def observation(self, result: Result, at: int) -> str | None:
        """Observation: preliminary until issued, then final, then perhaps corrected or entered in error."""
        taken = result.taken
        if taken > at:
            return None
        test, value, effective = result.test, result.value, instant(taken)
        version, status, stamp = 1, "final", effective
        if result.issued > at:
            status = "preliminary"
        elif result.corrected <= at:
            version, status = 2, "entered-in-error" if result.withdrawn else "corrected"
            value, stamp = result.corrected_value, instant(result.corrected)
        elif result.issued != taken:
            stamp = instant(result.issued)
        issued = f',"issued":"{stamp}"' if status != "preliminary" else ""
        opens = LOCAL_OPENS if self._faults is not None and result.site == LOCAL_SITE else OBSERVATION_OPENS
        return (
            f'{{"resourceType":"Observation","id":"{result.id}","meta":{{"versionId":"{version}","lastUpdated":"{stamp}"}}'
            f',"status":"{status}",{opens[test]},{self._subject},"encounter":{{"reference":"Encounter/{result.encounter}"}}'
            f',"effectiveDateTime":"{effective}"{issued},{self._answer(result, value)}}}'
        )

    def _answer(self, result: Result, value: float) -> str:
        """The value as it was sent: in the site's unit, and with the site's faults."""
        test = result.test
        if test == "pressure":
            systolic, diastolic = f"{value:.0f}", f"{result.second:.0f}"
            return f'"component":[{SYSTOLIC_OPENS}{systolic}{PRESSURE_CLOSES},{DIASTOLIC_OPENS}{diastolic}{PRESSURE_CLOSES}]'
        if result.word:
            return f'"valueCodeableConcept":{ANSWERS[result.word]}'
        if self._faults is not None and test in FAULTY:
            value = self._faults.read(result, value)
            if wrong := self._faults.mislabelled(result):
                return f'"valueQuantity":{{"value":{value * wrong.factor:.{wrong.decimals}f},{TEST_UNIT[test]}}}'
        other = OTHER_UNITS.get((result.site, test))
        if other is None:
            return f'"valueQuantity":{{"value":{FORMATS[test] % value},{TEST_UNIT[test]}}}'
        factor, offset, unit, decimals = other
        number = f"{value * factor + offset:.{decimals}f}"
        return f'"valueQuantity":{{"value":{number},"unit":"{unit}","system":"{UCUM}","code":"{unit}"}}'

    def medication_request(self, order: Order, at: int) -> str | None:
        """MedicationRequest: active and without an end while it runs."""
        if order.written > at:
            return None
        over = order.ended <= at
        status = ("stopped" if order.stopped else "completed") if over else "active"
        encounter = f',"encounter":{{"reference":"Encounter/{order.encounter}"}}' if order.encounter else ""
        end = f',"end":"{instant(order.ended)}"' if over else ""
        written = instant(order.written)
        return (
            f"{head('MedicationRequest', order.id, 1 + over, order.ended if over else order.written)}"
            f',"status":"{status}","intent":"order",{ORDER_CATEGORY[order.inpatient]}'
            f',"medicationCodeableConcept":{self._drugs[order.drug]},{self._subject}{encounter}'
            f',"authoredOn":"{written}","dosageInstruction":[{{"timing":{{"repeat":{{"boundsPeriod":{{"start":"{written}"{end}}}}}}}}}]}}'
        )

    def procedure(self, intervention: Intervention, at: int) -> str | None:
        """Procedure: in progress, then completed."""
        if intervention.start > at:
            return None
        over = intervention.end <= at
        end = f',"end":"{instant(intervention.end)}"' if over else ""
        return (
            f"{head('Procedure', intervention.id, 1 + over, intervention.end if over else intervention.start)}"
            f',"status":"{"completed" if over else "in-progress"}"'
            f',"code":{_procedure(intervention.procedure)},{self._subject}'
            f',"encounter":{{"reference":"Encounter/{intervention.encounter}"}}'
            f',"performedPeriod":{{"start":"{instant(intervention.start)}"{end}}}}}'
        )

    def service_request(self, referral: Referral, at: int) -> str | None:
        """ServiceRequest: the follow-up visit ordered at discharge."""
        if referral.written > at:
            return None
        done = referral.done <= at
        return (
            f"{head('ServiceRequest', referral.id, 1 + done, referral.done if done else referral.written)}"
            f',"status":"{"completed" if done else "active"}","intent":"order"'
            f',"code":{concept(SNOMED, "390906007", "Follow-up encounter")},{self._subject}'
            f',"encounter":{{"reference":"Encounter/{referral.encounter}"}},"authoredOn":"{instant(referral.written)}"}}'
        )

    def charge_item(self, charge: Charge, at: int) -> str | None:
        """ChargeItem: there from the day it was entered."""
        if charge.entered > at:
            return None
        return (
            f'{head("ChargeItem", charge.id, 1, charge.entered)},"status":"billable","code":{{"text":"{charge.text}"}}'
            f',{self._subject},"context":{{"reference":"Encounter/{charge.encounter}"}}'
            f',"occurrenceDateTime":"{instant(charge.given)}","quantity":{{"value":{charge.quantity}}}'
            f',"priceOverride":{{"value":{charge.amount},"currency":"USD"}},"enteredDate":"{instant(charge.entered)}"}}'
        )


def _procedure(name: str) -> str:
    return concept(SNOMED, *ON_THE_WARD[name]) if name in ON_THE_WARD else concept(ICD10PCS, *PROCEDURES[name])
