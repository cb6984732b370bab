"""Medicines ordered, given and taken, and vaccines, as events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.timeline import assemble
from tests.timeline.made import RXNORM, at, batch_of, concept, only, resource, rows_of


def medication(**fields: Any) -> dict[str, Any]:
    """An active order of ibuprofen."""
    usual = {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept((RXNORM, "5640")),
        "authoredOn": "2024-03-01T09:00:00Z",
    }
    return resource("MedicationRequest", **(usual | fields))


def until(end: str) -> dict[str, Any]:
    """A dosage with bounds."""
    return {"timing": {"repeat": {"boundsPeriod": {"start": "2024-03-02", "end": end}}}}


def test_an_order_holds_from_when_it_was_written() -> None:
    """Time and known are `authoredOn`; an active order has no end."""
    row = only(batch_of(medication(encounter={"reference": "Encounter/s"})))
    assert (row["field"], row["codes"], row["encounter"]) == (
        "MedicationRequest.medication",
        f"{RXNORM}|5640",
        "Encounter/s",
    )
    assert (row["time"], row["known"], row["end"], row["assumed"]) == (
        at("2024-03-01T09:00:00Z"),
        at("2024-03-01T09:00:00Z"),
        NAT,
        False,
    )


@pytest.mark.parametrize(
    ("changed", "end"),
    [
        ({"dosageInstruction": [until("2024-03-05"), until("2024-03-09"), None, {}]}, at("2024-03-09")),
        ({"dispenseRequest": {"validityPeriod": {"end": "2024-06-01"}}}, at("2024-06-01")),
        (
            {"dosageInstruction": [until("2024-03-05")], "dispenseRequest": {"validityPeriod": {"end": "2024-06-01"}}},
            at("2024-03-05"),
        ),
        ({"status": "stopped", "meta": {"lastUpdated": "2024-04-01"}}, at("2024-04-01")),
        ({"status": "completed", "meta": {"lastUpdated": "2024-04-01"}, "dosageInstruction": [until("2024-03-05")]}, at("2024-03-05")),
        ({"status": "active", "meta": {"lastUpdated": "2024-04-01"}}, NAT),
        ({"status": "stopped"}, NAT),
    ],
)  # fmt: skip
def test_an_order_ends_by_its_dates_and_not_by_todays_status(changed: dict[str, Any], end: int) -> None:
    """An order stopped today was active then; only where no date says so, it ends when that was stored."""
    row = only(batch_of(medication(**changed)))
    assert (row["field"], row["end"]) == ("MedicationRequest.medication", end)


def test_an_order_that_is_over_without_any_date_is_counted() -> None:
    """Nobody knows since when: the report says how often."""
    batch = batch_of(medication(status="stopped"))
    assert batch.losses == {"MedicationRequest: over, but no date says when": 1}


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"status": "draft"}, []),
        ({"status": "cancelled"}, [RETRACTED]),
        ({"status": "entered-in-error"}, [RETRACTED]),
        ({"intent": "proposal"}, []),
        ({"intent": "plan"}, []),
        ({"intent": "option"}, []),
        ({"doNotPerform": True}, []),
        ({"medicationCodeableConcept": None}, []),
        ({"status": "on-hold"}, ["MedicationRequest.medication"]),
        ({"intent": "instance-order", "doNotPerform": False}, ["MedicationRequest.medication"]),
    ],
)
def test_what_was_not_ordered_is_no_order(changed: dict[str, Any], fields: list[str]) -> None:
    """Drafts, proposals, plans and prohibitions are not treatment."""
    batch = batch_of(medication(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert fields == ["MedicationRequest.medication"] or batch.skipped


def test_a_medicine_is_found_where_it_is_coded() -> None:
    """In the order, in a contained Medication, or in one that the order points to."""
    inside = medication(
        medicationCodeableConcept=None,
        medicationReference={"reference": "#m", "display": "Ibuprofen"},
        contained=[{"resourceType": "Medication", "id": "m", "code": concept((RXNORM, "5640"))}, None],
    )
    assert only(batch_of(inside))["codes"] == f"{RXNORM}|5640"
    outside = medication(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/m", "display": "Ibuprofen"}
    )
    row = only(batch_of(outside))
    assert (row["codes"], row["answer"]) == ("|Ibuprofen", "Medication/m")
    nowhere = medication(medicationCodeableConcept=None, medicationReference={"reference": "#other"})
    assert len(batch_of(nowhere)) == 0


def test_a_medication_is_an_event_of_nobody() -> None:
    """It only tells how orders that point to it are coded."""
    row = only(batch_of({"resourceType": "Medication", "id": "m", "code": concept((RXNORM, "5640"))}))
    assert (row["patient"], row["field"], row["resource"], row["known"]) == (
        "",
        "Medication.code",
        "Medication/m",
        ALWAYS,
    )
    assert len(batch_of({"resourceType": "Medication", "id": "m"})) == 0


def test_an_order_without_a_date_uses_the_next_best() -> None:
    """The first dose, else nothing: then it is known when it was stored, in history else never."""
    dosed = only(batch_of(medication(authoredOn=None, dosageInstruction=[until("2024-03-09")])))
    assert (dosed["time"], dosed["known"], dosed["assumed"]) == (at("2024-03-02"), at("2024-03-02"), True)
    stored = only(batch_of(medication(authoredOn=None, meta={"lastUpdated": "2024-04-01"})))
    assert (stored["time"], stored["known"], stored["assumed"]) == (NAT, at("2024-04-01"), False)
    assert only(batch_of(medication(authoredOn="0000-00-00")))["known"] == FOREVER


def given(**fields: Any) -> dict[str, Any]:
    """Ten units of insulin at noon."""
    usual = {
        "status": "completed",
        "medicationCodeableConcept": concept((RXNORM, "5856")),
        "context": {"reference": "Encounter/s"},
        "effectiveDateTime": "2024-03-01T12:00:00Z",
        "dosage": {"dose": {"value": 10, "system": "http://unitsofmeasure.org", "code": "[iU]"}},
    }
    return resource("MedicationAdministration", **(usual | fields))


def taken(**fields: Any) -> dict[str, Any]:
    """Ibuprofen at home, told at admission."""
    usual = {
        "status": "active",
        "medicationCodeableConcept": concept((RXNORM, "5640")),
        "effectivePeriod": {"start": "2023"},
        "dateAsserted": "2024-03-01",
    }
    return resource("MedicationStatement", **(usual | fields))


def vaccine(**fields: Any) -> dict[str, Any]:
    """A vaccine of last winter, told today."""
    usual = {
        "resourceType": "Immunization",
        "id": "1",
        "status": "completed",
        "vaccineCode": concept(("http://hl7.org/fhir/sid/cvx", "140")),
        "patient": {"reference": "Patient/p"},
        "occurrenceDateTime": "2023-11",
        "recorded": "2024-03-01",
    }
    return {key: value for key, value in (usual | fields).items() if value is not None}


def test_what_was_given_has_its_dose_and_is_known_as_it_is_given() -> None:
    """Charted at once; what was recorded says better, and so does a first version."""
    noon = at("2024-03-01T12:00:00Z")
    row = only(batch_of(given()))
    assert (row["field"], row["codes"], row["encounter"]) == (
        "MedicationAdministration.medication",
        f"{RXNORM}|5856",
        "Encounter/s",
    )
    assert (row["value"], row["unit"]) == (10.0, "[iU]")
    assert (row["time"], row["known"], row["assumed"]) == (noon, noon, True)
    infusion = {"start": "2024-03-01T12:00:00Z", "end": "2024-03-01T18:00:00Z"}
    lasting = only(batch_of(given(effectiveDateTime=None, effectivePeriod=infusion)))
    assert (lasting["time"], lasting["end"], lasting["known"]) == (noon, at("2024-03-01T18:00:00Z"), noon)
    first = only(batch_of(given(meta={"lastUpdated": "2024-03-02", "versionId": "1"})))
    assert (first["known"], first["assumed"]) == (at("2024-03-02"), False)
    assert only(batch_of(given(recorded="2024-03-03")))["known"] == at("2024-03-03")


@pytest.mark.parametrize("name", ["occurenceDateTime", "occurrenceDateTime"])
def test_what_was_given_is_read_as_r5_says_it(name: str) -> None:
    """R5 spells the time its own way, and wraps medicine and encounter."""
    sent = given(
        effectiveDateTime=None,
        medicationCodeableConcept=None,
        context=None,
        encounter={"reference": "Encounter/s"},
        medication={"concept": concept((RXNORM, "5856"))},
        **{name: "2024-03-01T12:00:00Z"},
    )
    assert only(batch_of(sent)) == only(batch_of(given()))


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("in-progress", ["MedicationAdministration.medication"]),
        ("stopped", ["MedicationAdministration.medication"]),
        ("unknown", []),
        (None, []),
        ("not-done", [RETRACTED]),
        ("entered-in-error", [RETRACTED]),
    ],
)
def test_only_what_was_given_counts(said: str | None, fields: list[str]) -> None:
    """What was stopped was given in part; what was not done takes back what was said."""
    batch = batch_of(given(status=said))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert sum(batch.skipped.values()) == (0 if fields == ["MedicationAdministration.medication"] else 1)


def test_what_is_taken_is_known_when_it_was_said() -> None:
    """From the start of taking it to its end; of what is over without a date, the day it was said."""
    row = only(batch_of(taken()))
    assert (row["field"], row["codes"]) == ("MedicationStatement.medication", f"{RXNORM}|5640")
    assert (row["time"], row["end"], row["known"], row["assumed"]) == (at("2023"), NAT, at("2024-03-01"), False)
    over = only(batch_of(taken(status="stopped")))
    assert over["end"] == at("2024-03-01")
    dated = only(batch_of(taken(status="stopped", effectivePeriod={"start": "2023", "end": "2023-06"})))
    assert dated["end"] == at("2023-06")
    assert only(batch_of(taken(status="recorded", effectivePeriod=None, effectiveDateTime="2023-02")))["time"] == at(
        "2023-02"
    )


@pytest.mark.parametrize(
    ("said", "fields"),
    [("intended", []), ("draft", []), ("unknown", []), ("not-taken", [RETRACTED]), ("entered-in-error", [RETRACTED])],
)
def test_what_is_not_taken_is_no_fact(said: str, fields: list[str]) -> None:
    """Meant to be taken is not taken."""
    batch = batch_of(taken(status=said))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"MedicationStatement: status {said}": 1}


@pytest.mark.parametrize("make", [medication, given, taken])
def test_every_medicine_is_found_where_it_is_coded(make: Callable[..., dict[str, Any]]) -> None:
    """Contained, in a Medication, or in one of the same transaction; R5 wraps the pointer."""
    contained = [{"resourceType": "Medication", "id": "m", "code": concept((RXNORM, "1191"))}]
    elsewhere = {"resourceType": "Medication", "id": "0b1c", "code": concept((RXNORM, "1191"))}
    for reference in ("#m", "Medication/0b1c", "urn:uuid:0b1c", "https://ehr.example.org/fhir/Medication/0b1c"):
        for pointer in (
            {"medicationReference": {"reference": reference}},
            {"medication": {"reference": {"reference": reference}}},
        ):
            sent = make(medicationCodeableConcept=None, contained=contained, **pointer)
            timeline = assemble(batch_of(sent, elsewhere), all_known=True)
            assert [timeline.code_words[place] for place in timeline.codes] == [f"{RXNORM}|1191"]


def test_a_vaccine_is_known_when_it_was_recorded() -> None:
    """Many are told years later; without a record it is assumed to be known when given."""
    row = only(batch_of(vaccine()))
    assert (row["field"], row["codes"]) == ("Immunization.vaccineCode", "http://hl7.org/fhir/sid/cvx|140")
    assert (row["time"], row["known"], row["assumed"]) == (at("2023-11"), at("2024-03-01"), False)
    untold = only(batch_of(vaccine(recorded=None)))
    assert (untold["known"], untold["assumed"]) == (at("2023-11"), True)
    undated = only(batch_of(vaccine(occurrenceDateTime=None, occurrenceString="last winter")))
    assert (undated["time"], undated["known"]) == (NAT, at("2024-03-01"))


@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"status": "not-done"}, [RETRACTED], "status not-done"),
        ({"status": "entered-in-error"}, [RETRACTED], "status entered-in-error"),
        ({"status": "maybe"}, [], "status other"),
        ({"vaccineCode": {}}, [], "no code"),
        ({"patient": None}, [], "no patient"),
    ],
)
def test_a_vaccine_that_was_not_given_is_no_fact(changed: dict[str, Any], fields: list[str], reason: str) -> None:
    """Declined is not given."""
    batch = batch_of(vaccine(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"Immunization: {reason}": 1}


@pytest.mark.parametrize(
    ("dosages", "route"),
    [
        ([], ""),
        ([{"text": "as needed"}], ""),
        ([{"route": concept(("http://snomed.info/sct", "6064005"))}], "http://snomed.info/sct|6064005"),
        ([{"route": concept(("http://snomed.info/sct", "6064005"))}] * 2, "http://snomed.info/sct|6064005"),
        ([{"route": concept(("http://snomed.info/sct", "6064005"))}, {"text": "or by mouth"}], ""),
        ([None, {"route": {"text": "rub in"}}], ""),
        ([{"route": {"text": "rub in"}}], "|rub in"),
    ],
)
def test_the_route_of_an_order_stands_where_a_measurement_has_its_unit(dosages: list[Any], route: str) -> None:
    """Only if all dosages name the same one: an order that may go by another route is of none."""
    assert only(batch_of(medication(dosageInstruction=dosages)))["unit"] == route
