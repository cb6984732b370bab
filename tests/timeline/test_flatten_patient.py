"""Patients as events."""

from __future__ import annotations

from typing import Any

from services.timeline.events import EventBatch
from services.timeline.instants import ALWAYS, FOREVER, NAT
from tests.timeline.made import at, batch_of, rows_of

GENDER = "http://hl7.org/fhir/administrative-gender"
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
    assert batch.skipped == {
        "Patient: impossible date": 1,
        "Patient: gender not understood": 1,
        "Patient: no id": 1,
    }
    assert told(batch_of(patient(birthDate=None))) == {"Patient.gender": (f"{GENDER}|male", NAT, ALWAYS)}
