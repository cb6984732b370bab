"""Patients as events."""

from __future__ import annotations

from typing import Any

from services.timeline.events import RETRACTED, EventBatch
from services.timeline.instants import ALWAYS, FOREVER, NAT
from tests.timeline.made import at, batch_of, concept, only, rows_of

GENDER = "http://hl7.org/fhir/administrative-gender"
PAYER = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OMB = "urn:oid:2.16.840.1.113883.6.238"


def told(batch: EventBatch) -> dict[str, tuple[str, int, int]]:
    """Field → (answer, time, known)."""
    return {row["field"]: (row["answer"], row["time"], row["known"]) for row in rows_of(batch)}


def patient(**fields: Any) -> dict[str, Any]:
    """Patient p, a man born in 1950."""
    return {"resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1950-06-01"} | fields


def test_birth_and_sex_were_always_known() -> None:
    """They are dated at birth, and hold at any index."""
    birth = at("1950-06-01")
    assert told(batch_of(patient())) == {
        "Patient.birthDate": ("", birth, ALWAYS),
        "Patient.gender": (f"{GENDER}|male", birth, ALWAYS),
    }


def test_a_death_is_known_when_it_happened() -> None:
    """A dated death is a fact of its day."""
    died = at("2024-03-11T10:00:00Z")
    assert told(batch_of(patient(deceasedDateTime="2024-03-11T10:00:00Z")))["Patient.deceased"] == ("", died, died)


def test_a_death_without_a_date_is_known_when_it_was_recorded() -> None:
    """In history it is never known if nothing says since when; at the bedside it is."""
    stored = batch_of(patient(deceasedBoolean=True, meta={"lastUpdated": "2024-05-01"}))
    assert told(stored)["Patient.deceased"] == ("", NAT, at("2024-05-01"))
    assert told(batch_of(patient(deceasedBoolean=True)))["Patient.deceased"] == ("", NAT, FOREVER)
    impossible = batch_of(patient(deceasedDateTime="2023-02-30"))
    assert told(impossible)["Patient.deceased"] == ("", NAT, FOREVER)
    assert "Patient.deceased" not in told(batch_of(patient(deceasedBoolean=False)))


def test_what_the_fairness_audit_needs_is_read() -> None:
    """Race and ethnicity by their US Core categories, language by preference."""
    core = "http://hl7.org/fhir/us/core/StructureDefinition"
    batch = batch_of(
        patient(
            extension=[
                {
                    "url": f"{core}/us-core-race",
                    "extension": [
                        {"url": "ombCategory", "valueCoding": {"system": OMB, "code": "2106-3"}},
                        {"url": "ombCategory", "valueCoding": {"system": OMB, "code": "2054-5"}},
                        {"url": "text", "valueString": "mixed"},
                    ],
                },
                {"url": f"{core}/us-core-ethnicity", "extension": [{"url": "text", "valueString": "not said"}]},
                {"url": "https://example.org/other", "valueDecimal": 1},
                None,
            ],
            communication=[
                {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}},
                {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es"}]}, "preferred": True},
            ],
        )
    )
    answers = {field: answer for field, (answer, _, _) in told(batch).items()}
    assert answers["Patient.race"] == f"{OMB}|2054-5\n{OMB}|2106-3"
    assert answers["Patient.ethnicity"] == "|not said"
    assert answers["Patient.language"] == "urn:ietf:bcp:47|es"


def test_a_patient_without_birth_or_with_odd_sex_is_still_read() -> None:
    """What can be read is; the rest is counted."""
    batch = batch_of(patient(birthDate="1950-02-30", gender="M"), {"resourceType": "Patient", "gender": "male"})
    assert told(batch) == {}
    assert batch.skipped == {"Patient: nothing said": 1, "Patient: no id": 1}
    assert batch.losses == {"Patient: impossible date": 1, "Patient: gender not understood": 1}
    assert told(batch_of(patient(birthDate=None))) == {"Patient.gender": (f"{GENDER}|male", NAT, ALWAYS)}


def coverage(**fields: Any) -> dict[str, Any]:
    """Patient p, insured since 2020."""
    usual = {
        "resourceType": "Coverage",
        "id": "1",
        "status": "active",
        "type": concept((PAYER, "PUBLICPOL")),
        "beneficiary": {"reference": "Patient/p"},
        "period": {"start": "2020"},
    }
    return usual | fields


def test_insurance_is_read_for_audits() -> None:
    """Its type is how the event is coded and its answer too; it holds for its period."""
    row = only(batch_of(coverage(period={"start": "2020", "end": "2024-06-30"})))
    assert (row["field"], row["codes"], row["answer"]) == ("Coverage.type", f"{PAYER}|PUBLICPOL", f"{PAYER}|PUBLICPOL")
    assert (row["time"], row["end"], row["known"], row["assumed"]) == (at("2020"), at("2024-06-30"), at("2020"), True)


def test_insurance_that_does_not_hold_is_none() -> None:
    """Drafts say nothing, a cancelled one is taken back, and one of no type or nobody is counted."""
    assert only(batch_of(coverage(status="cancelled")))["field"] == RETRACTED
    for changed, reason in (
        ({"status": "draft"}, "status draft"),
        ({"type": None}, "no type"),
        ({"beneficiary": None}, "no patient"),
    ):
        batch = batch_of(coverage(**changed))
        assert (len(batch), dict(batch.skipped)) == (0, {f"Coverage: {reason}": 1})
