"""The FHIR R4 shape of every fact, as it stood at any time: one function per resource type, for history and bedside alike.

Text templates instead of an encoder: a resource costs about two microseconds, and the same seed gives the same bytes.
What is open at `at` is rendered open: a stay in progress, an order without an end, a result preliminary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.demo.catalogue import (
    DIASTOLIC,
    DRUGS,
    HL7,
    ICD10PCS,
    LOINC,
    OMB,
    PROCEDURES,
    RXNORM,
    SMOKING,
    SNOMED,
    SYSTOLIC,
    TESTS,
    UCUM,
)
from services.demo.facts import DAY, Charge, Diagnosis, Intervention, Order, PatientRecord, Referral, Result, Stay
from services.demo.fragments import (
    AT_ADMISSION,
    CLASSES,
    CLINICAL_STATUS,
    CONDITION_CATEGORY,
    DISPOSITIONS,
    ILLNESS_CODE,
    OBSERVATION_CATEGORY,
    ORDER_CATEGORY,
    OTHER_UNITS,
    PRIORITIES,
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


class Shapes:
    """Renders the facts of one patient as they stood at a time; None where there was nothing yet."""

    def __init__(self, record: PatientRecord) -> None:
        self.record = record
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
            if versions and result.corrected <= at:
                yield "Observation", self.observation(result, result.corrected - 1) or ""
            if text := self.observation(result, at):
                yield "Observation", text
        for kind, facts, render in groups:
            for fact in facts:
                if text := render(fact, at):
                    yield kind, text

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
        """Encounter: in progress until after its end; the planned disposition stands in it from its announcement."""
        if stay.start > at:
            return None
        over = stay.end < at
        disposition = stay.disposition if over else stay.planned_disposition if stay.announced <= at else ""
        updated, version = stay.start, 1
        if over:
            updated, version = (stay.coded, 4) if stay.coded <= at else (stay.end, 3)
        elif disposition:
            updated, version = stay.announced, 2
        parts = [
            head("Encounter", stay.id, version, updated),
            f',"status":"{"finished" if over else "in-progress"}"'
            f',"class":{{"system":"{HL7}/v3-ActCode","code":"{stay.kind}","display":"{CLASSES[stay.kind]}"}}',
        ]
        if stay.oncology:
            parts.append(',"serviceType":' + concept(SNOMED, "394592004", "Clinical oncology"))
        elif stay.service:
            parts.append(f',"serviceType":{{"text":"{stay.service}"}}')
        if stay.priority:
            parts.append(',"priority":' + concept(f"{HL7}/v3-ActPriority", stay.priority, PRIORITIES[stay.priority]))
        parts.append(f',{self._subject},"period":{{"start":"{instant(stay.start)}"')
        parts.append(f',"end":"{instant(stay.end)}"}}' if over else "}")
        coded = [
            f'{{"condition":{{"reference":"Condition/{diagnosis.id}"}}{AT_ADMISSION if rank == 1 else ""},"rank":{rank}}}'
            for rank, diagnosis in enumerate(stay.diagnoses, 1)
            if diagnosis.recorded <= at
        ]
        if coded:
            parts.append(f',"diagnosis":[{",".join(coded)}]')
        moves = []
        if stay.from_emergency:
            moves.append('"admitSource":' + concept(f"{HL7}/admit-source", "emd", "From accident/emergency department"))
        if disposition:
            display = DISPOSITIONS[disposition]
            moves.append('"dischargeDisposition":' + concept(f"{HL7}/discharge-disposition", disposition, display))
        if moves:
            parts.append(f',"hospitalization":{{{",".join(moves)}}}')
        parts.append(f',"serviceProvider":{{"reference":"Organization/site-{stay.site}"}}}}')
        return "".join(parts)

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
        if result.taken > at:
            return None
        test, value = result.test, result.value
        if result.issued > at:
            status, updated, version, issued = "preliminary", result.taken, 1, ""
        elif result.corrected <= at:
            status = "entered-in-error" if result.withdrawn else "corrected"
            updated, version, value = result.corrected, 2, result.corrected_value
            issued = f',"issued":"{instant(result.corrected)}"'
        else:
            status, updated, version = "final", result.issued, 1
            issued = f',"issued":"{instant(result.issued)}"'
        vital = TESTS[test].vital
        if result.word:
            category = SOCIAL_HISTORY
            answer = '"valueCodeableConcept":' + concept(SNOMED, *SMOKING[result.word])
        elif test == "pressure":
            category = OBSERVATION_CATEGORY[True]
            answer = f'"component":[{self._pressure(SYSTOLIC, value)},{self._pressure(DIASTOLIC, result.second)}]'
        else:
            category = OBSERVATION_CATEGORY[vital]
            answer = f'"valueQuantity":{{"value":{self._quantity(result, value)}}}'
        return (
            f'{head("Observation", result.id, version, updated)},"status":"{status}",{category},{TEST_CODE[test]},{self._subject}'
            f',"encounter":{{"reference":"Encounter/{result.encounter}"}},"effectiveDateTime":"{instant(result.taken)}"'
            f"{issued},{answer}}}"
        )

    def _quantity(self, result: Result, value: float) -> str:
        other = OTHER_UNITS.get((result.site, result.test))
        if other is None:
            return f"{_number(value, TESTS[result.test].decimals)},{TEST_UNIT[result.test]}"
        factor, offset, unit, decimals = other
        return f'{_number(value * factor + offset, decimals)},"unit":"{unit}","system":"{UCUM}","code":"{unit}"'

    def _pressure(self, code: tuple[str, str], value: float) -> str:
        return f'{{"code":{concept(LOINC, *code)},"valueQuantity":{{"value":{_number(value, 0)},{TEST_UNIT["pressure"]}}}}}'

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
            f',"medicationCodeableConcept":{concept(RXNORM, *DRUGS[order.drug])},{self._subject}{encounter}'
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
            f',"code":{concept(ICD10PCS, *PROCEDURES[intervention.procedure])},{self._subject}'
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


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"
