"""Procedures, service orders, appointments and tasks as events."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import NAT
from tests.timeline.made import SNOMED, at, batch_of, concept, only, resource, rows_of


def procedure(**fields: Any) -> dict[str, Any]:
    """An operation of two hours."""
    usual = {
        "status": "completed",
        "code": concept((SNOMED, "1")),
        "performedPeriod": {"start": "2024-03-01T08:00:00Z", "end": "2024-03-01T10:00:00Z"},
    }
    return resource("Procedure", **(usual | fields))


def service(**fields: Any) -> dict[str, Any]:
    """An order not to resuscitate."""
    usual = {
        "status": "active",
        "intent": "directive",
        "code": concept((SNOMED, "304253006")),
        "authoredOn": "2024-03-01",
    }
    return resource("ServiceRequest", **(usual | fields))


def test_a_procedure_is_known_when_it_is_over() -> None:
    """That is an assumption, unless this is its first version, which says when it was written down."""
    row = only(batch_of(procedure()))
    end = at("2024-03-01T10:00:00Z")
    assert (row["time"], row["end"], row["known"], row["assumed"]) == (at("2024-03-01T08:00:00Z"), end, end, True)
    first = only(batch_of(procedure(meta={"lastUpdated": "2024-03-02", "versionId": "1"})))
    assert (first["known"], first["assumed"]) == (at("2024-03-02"), False)
    later = only(batch_of(procedure(meta={"lastUpdated": "2024-06-02", "versionId": "4"})))
    assert (later["known"], later["assumed"]) == (end, True)
    undated = only(batch_of(procedure(performedPeriod=None, meta={"lastUpdated": "2024-06-02"})))
    assert (undated["time"], undated["known"], undated["assumed"]) == (NAT, at("2024-06-02"), False)
    moment = only(batch_of(procedure(performedPeriod=None, performedDateTime="2024-03-01")))
    assert (moment["time"], moment["end"], moment["known"]) == (at("2024-03-01"), NAT, at("2024-03-01"))


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("in-progress", ["Procedure.code"]),
        ("preparation", []),
        ("stopped", []),
        ("unknown", []),
        (None, []),
        ("not-done", [RETRACTED]),
        ("entered-in-error", [RETRACTED]),
    ],
)
def test_only_what_was_done_counts(said: str | None, fields: list[str]) -> None:
    """Completed and running procedures are facts; what was not done takes back what was said."""
    assert [row["field"] for row in rows_of(batch_of(procedure(status=said)))] == fields


def test_a_service_order_holds_until_it_is_revoked() -> None:
    """A revoked order was one: it ends when that was stored."""
    row = only(batch_of(service()))
    assert (row["field"], row["codes"], row["time"], row["end"]) == (
        "ServiceRequest.code",
        f"{SNOMED}|304253006",
        at("2024-03-01"),
        NAT,
    )
    assert only(batch_of(service(status="revoked", meta={"lastUpdated": "2024-04-01"})))["end"] == at("2024-04-01")
    planned = {"start": "2024-03-02", "end": "2024-03-03"}
    assert only(batch_of(service(status="completed", occurrencePeriod=planned)))["end"] == at("2024-03-03")


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"status": "draft"}, []),
        ({"status": "entered-in-error"}, [RETRACTED]),
        ({"intent": "plan"}, []),
        ({"code": None}, []),
        ({"doNotPerform": True}, []),
        ({"subject": {"reference": "Location/x"}}, []),
    ],
)
def test_a_service_that_was_not_ordered_is_no_order(changed: dict[str, Any], fields: list[str]) -> None:
    """As with medicines."""
    batch = batch_of(service(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped


def test_a_procedure_and_an_order_are_read_as_r5_says_them() -> None:
    """`occurrence` for `performed`, and a code wrapped as a CodeableReference."""
    told = procedure(
        performedPeriod=None, occurrencePeriod={"start": "2024-03-01T08:00:00Z", "end": "2024-03-01T10:00:00Z"}
    )
    assert only(batch_of(told)) == only(batch_of(procedure()))
    wrapped = service(code={"concept": concept((SNOMED, "304253006"))})
    assert only(batch_of(wrapped)) == only(batch_of(service()))


def appointment(**fields: Any) -> dict[str, Any]:
    """A visit in March, made in January."""
    usual = {
        "resourceType": "Appointment",
        "id": "1",
        "status": "booked",
        "serviceType": [concept(("s", "onc")), concept(("s", "lab"))],
        "created": "2024-01-10",
        "start": "2024-03-01T09:00:00-05:00",
        "end": "2024-03-01T10:00:00-05:00",
        "participant": [{"actor": {"reference": "Practitioner/x"}}, None, {"actor": {"reference": "Patient/p"}}],
    }
    return usual | fields


MADE, START, END = at("2024-01-10"), at("2024-03-01T14:00:00Z"), at("2024-03-01T15:00:00Z")


def times(row: dict[str, Any]) -> tuple[str, int, int, int, bool]:
    """Answer, time, end, known and whether that is assumed."""
    return row["answer"], row["time"], row["end"], row["known"], row["assumed"]


def test_an_appointment_stands_from_when_it_was_made_until_it_starts() -> None:
    """One event for all its service types."""
    row = only(batch_of(appointment()))
    assert (row["patient"], row["field"], row["codes"]) == ("p", "Appointment.serviceType", "s|lab\ns|onc")
    assert times(row) == ("|booked", MADE, START, MADE, False)
    stored = only(batch_of(appointment(created=None, status="waitlist", meta={"lastUpdated": "2024-01-11"})))
    assert times(stored) == ("|waitlist", at("2024-01-11"), START, at("2024-01-11"), False)


@pytest.mark.parametrize(
    ("status", "known"), [("fulfilled", END), ("noshow", END), ("arrived", START), ("checked-in", START)]
)
def test_what_became_of_an_appointment_is_not_known_before(status: str, known: int) -> None:
    """That it was booked was known before; today's status never leaks back."""
    booked, came = rows_of(batch_of(appointment(status=status, meta={"lastUpdated": "2024-06-01"})))
    assert times(booked) == ("|booked", MADE, START, MADE, False)
    assert times(came) == (f"|{status}", START, END, known, True)
    assert len(batch_of(appointment(status=status, created=None))) == 1


def test_an_appointment_that_was_cancelled_is_taken_back() -> None:
    """From when that was stored; and one in error for good."""
    for status in ("cancelled", "entered-in-error"):
        row = only(batch_of(appointment(status=status, meta={"lastUpdated": "2024-02-01"})))
        assert (row["field"], row["known"]) == (RETRACTED, at("2024-02-01"))


def test_an_appointment_is_the_patients_and_nobody_elses() -> None:
    """By its subject (R5) or a participant; a `urn:uuid:` may be anybody unless its type says who."""
    assert only(batch_of(appointment(participant=None, subject={"reference": "Patient/q"})))["patient"] == "q"
    uuid = {"reference": "urn:uuid:0b1c"}
    assert batch_of(appointment(participant=[{"actor": uuid}])).skipped == {"Appointment: no patient": 1}
    typed = only(batch_of(appointment(participant=[{"actor": uuid | {"type": "Patient"}}])))
    assert typed["patient"] == "0b1c"


def task(**fields: Any) -> dict[str, Any]:
    """A call to the patient, asked for in March."""
    usual = {
        "resourceType": "Task",
        "id": "1",
        "status": "requested",
        "intent": "order",
        "code": concept(("s", "call")),
        "for": {"reference": "Patient/p"},
        "authoredOn": "2024-03-01",
    }
    return usual | fields


def test_a_task_was_asked_for_before_it_was_done() -> None:
    """Two events: asked for from when it was written, done from when it ended."""
    assert times(only(batch_of(task()))) == ("|requested", at("2024-03-01"), NAT, at("2024-03-01"), False)
    asked, done = rows_of(batch_of(task(status="completed", lastModified="2024-03-05")))
    assert times(asked) == ("|requested", at("2024-03-01"), at("2024-03-05"), at("2024-03-01"), False)
    assert times(done) == ("|completed", at("2024-03-05"), NAT, at("2024-03-05"), False)
    executed = {"start": "2024-03-02", "end": "2024-03-03"}
    _, failed = rows_of(batch_of(task(status="failed", executionPeriod=executed, lastModified="2024-03-05")))
    assert times(failed) == ("|failed", at("2024-03-03"), NAT, at("2024-03-03"), True)
    _, under_way = rows_of(batch_of(task(status="in-progress", lastModified="2024-03-02")))
    assert times(under_way) == ("|in-progress", at("2024-03-02"), NAT, at("2024-03-02"), False)


@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"status": "draft"}, [], "status draft"),
        ({"status": "cancelled"}, [RETRACTED], "status cancelled"),
        ({"status": "entered-in-error"}, [RETRACTED], "status entered-in-error"),
        ({"status": None}, [], "status missing"),
        ({"intent": "plan"}, [], "intent plan"),
        ({"doNotPerform": True}, [], "do not perform"),
        ({"code": None}, [], "no code"),
        ({"for": {"reference": "Group/g"}}, [], "no patient"),
    ],
)
def test_a_task_that_nobody_asked_for_is_no_fact(changed: dict[str, Any], fields: list[str], reason: str) -> None:
    """As with orders."""
    batch = batch_of(task(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"Task: {reason}": 1}
