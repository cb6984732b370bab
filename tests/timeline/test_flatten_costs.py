"""Claims, explanations of benefit and charges as events."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import NAT
from tests.timeline.made import at, batch_of, concept, only, resource, rows_of

USD = {"value": 120.5, "currency": "USD"}
STAY = {"reference": "Encounter/s"}
SERVED, WRITTEN = at("2024-03-01"), at("2024-03-20")
CATEGORY = "http://terminology.hl7.org/CodeSystem/adjudication"


def claim(kind: str = "Claim", **fields: Any) -> dict[str, Any]:
    """A visit and a test in March, claimed three weeks later."""
    total: Any = {"value": 200, "currency": "EUR"}
    usual = {
        "resourceType": kind,
        "id": "1",
        "status": "active",
        "use": "claim",
        "patient": {"reference": "Patient/p"},
        "billablePeriod": {"start": "2024-03-01", "end": "2024-03-04"},
        "created": "2024-03-20",
        "item": [
            {"productOrService": concept(("s", "visit")), "net": USD, "encounter": [STAY]},
            {"productOrService": concept(("s", "test")), "servicedDate": "2024-03-02"},
            {"net": USD},
            None,
        ],
        "total": total if kind == "Claim" else [{"category": concept((CATEGORY, "submitted")), "amount": total}, {}],
    }
    return {key: value for key, value in (usual | fields).items() if value is not None}


@pytest.mark.parametrize(("kind", "category"), [("Claim", ""), ("ExplanationOfBenefit", f"{CATEGORY}|submitted")])
def test_a_claim_is_its_items_and_its_totals(kind: str, category: str) -> None:
    """Amounts with their currency, of when the service was given, known when the claim was written."""
    batch = batch_of(claim(kind))
    visit, test, total = rows_of(batch)
    assert (visit["field"], visit["codes"], visit["value"], visit["unit"]) == (f"{kind}.item", "s|visit", 120.5, "USD")
    assert (visit["time"], visit["end"], visit["encounter"]) == (SERVED, at("2024-03-04"), "Encounter/s")
    assert (test["codes"], isnan(test["value"]), test["unit"]) == ("s|test", True, "")
    assert (test["time"], test["end"]) == (at("2024-03-02"), NAT)
    assert (total["field"], total["codes"], total["value"], total["unit"]) == (f"{kind}.total", category, 200.0, "EUR")
    assert (total["time"], total["end"], total["encounter"]) == (SERVED, at("2024-03-04"), "Encounter/s")
    assert {(row["known"], row["assumed"]) for row in rows_of(batch)} == {(WRITTEN, False)}
    assert not batch.skipped
    assert batch.losses[f"{kind}: item without a code"] == 2


def test_money_of_stu3_has_its_currency_too() -> None:
    """There it was a Quantity."""
    sent = claim(item=None, total={"value": 7, "system": "urn:iso:std:iso:4217", "code": "CHF"})
    assert (only(batch_of(sent))["value"], only(batch_of(sent))["unit"]) == (7.0, "CHF")


@pytest.mark.parametrize("kind", ["Claim", "ExplanationOfBenefit"])
@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"status": "draft"}, [], "status draft"),
        ({"status": "cancelled"}, [RETRACTED], "status cancelled"),
        ({"status": "entered-in-error"}, [RETRACTED], "status entered-in-error"),
        ({"use": "preauthorization"}, [], "preauthorization"),
        ({"use": "predetermination"}, [], "predetermination"),
        ({"item": None, "total": None}, [], "no item and no total"),
        ({"patient": None}, [], "no patient"),
    ],
)
def test_what_costs_nothing_is_counted(kind: str, changed: dict[str, Any], fields: list[str], reason: str) -> None:
    """What was only asked in advance, withdrawn or empty is no cost."""
    batch = batch_of(claim(kind, **changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"{kind}: {reason}": 1}


def charge(**fields: Any) -> dict[str, Any]:
    """A charge of a stay."""
    usual = {
        "status": "billed",
        "code": concept(("s", "charges")),
        "context": STAY,
        "occurrenceDateTime": "2024-03-01",
        "enteredDate": "2024-03-20",
        "priceOverride": USD,
    }
    return resource("ChargeItem", **(usual | fields))


def test_a_charge_is_known_when_it_was_entered() -> None:
    """Else when stored, else it is assumed to be known when it arose."""
    row = only(batch_of(charge()))
    assert (row["field"], row["codes"], row["value"], row["unit"]) == ("ChargeItem.code", "s|charges", 120.5, "USD")
    assert (row["time"], row["known"], row["assumed"], row["encounter"]) == (SERVED, WRITTEN, False, "Encounter/s")
    assumed = only(batch_of(charge(enteredDate=None)))
    assert (assumed["known"], assumed["assumed"]) == (SERVED, True)
    lasting = {"start": "2024-03-01", "end": "2024-03-04"}
    period = only(batch_of(charge(enteredDate=None, occurrenceDateTime=None, occurrencePeriod=lasting)))
    assert (period["time"], period["end"], period["known"]) == (SERVED, at("2024-03-04"), at("2024-03-04"))


def test_a_charge_is_read_as_r5_says_it() -> None:
    """`encounter` for `context`, and the price as a component."""
    r5 = charge(context=None, encounter=STAY, priceOverride=None, totalPriceComponent={"type": "base", "amount": USD})
    assert only(batch_of(r5)) == only(batch_of(charge()))


@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"status": "planned"}, [], "status planned"),
        ({"status": "aborted"}, [RETRACTED], "status aborted"),
        ({"status": "entered-in-error"}, [RETRACTED], "status entered-in-error"),
        ({"code": None}, [], "no code"),
        ({"subject": None}, [], "no patient"),
    ],
)
def test_what_was_not_charged_is_no_cost(changed: dict[str, Any], fields: list[str], reason: str) -> None:
    """Planned or aborted."""
    batch = batch_of(charge(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"ChargeItem: {reason}": 1}
