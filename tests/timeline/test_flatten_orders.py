"""Orders as events."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import ALWAYS, FOREVER, NAT
from tests.timeline.made import RXNORM, SNOMED, at, batch_of, concept, only, resource, rows_of


def medication(**fields: Any) -> dict[str, Any]:
    """An active order of ibuprofen."""
    usual = {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept((RXNORM, "5640")),
        "authoredOn": "2024-03-01T09:00:00Z",
    }
    return resource("MedicationRequest", **(usual | fields))


def service(**fields: Any) -> dict[str, Any]:
    """An order not to resuscitate."""
    usual = {
        "status": "active",
        "intent": "directive",
        "code": concept((SNOMED, "304253006")),
        "authoredOn": "2024-03-01",
    }
    return resource("ServiceRequest", **(usual | fields))


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
    assert batch.skipped == {"MedicationRequest: over, but no date says when": 1}


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
