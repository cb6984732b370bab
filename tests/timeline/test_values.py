"""Numbers, answers and amounts."""

from __future__ import annotations

from math import isnan

import pytest

from services.timeline.elements import Money, Quantity
from services.timeline.events import EventBatch
from services.timeline.values import paid, quantity_said, yes_or_no


@pytest.mark.parametrize(
    ("quantity", "said"),
    [
        (Quantity(value=1.0, unit="points", code="mg"), (1.0, "mg", "")),
        (Quantity(value=1.0, unit="points", system="https://example.org", code="P"), (1.0, "points", "")),
        (Quantity(value=1.0, system="https://example.org", code="P"), (1.0, "P", "")),
        (Quantity(value=1.0), (1.0, "", "")),
        (Quantity(unit="mg", comparator="<"), None),
    ],
)
def test_a_quantity_has_its_ucum_code_or_what_is_printed(
    quantity: Quantity, said: tuple[float, str, str] | None
) -> None:
    """A code counts as UCUM unless its system is another; without a number it says nothing, and nothing is counted."""
    batch = EventBatch()
    assert quantity_said(quantity, batch, "X") == said
    assert not batch.losses


@pytest.mark.parametrize(("comparator", "named"), [("<", "<"), (">=", ">="), ("ad", "ad"), ("Mrs Miller", "other")])
def test_a_comparator_is_counted_and_never_repeated_unless_it_is_fhirs(comparator: str, named: str) -> None:
    """It could be any text."""
    batch = EventBatch()
    assert quantity_said(Quantity(value=5.0, comparator=comparator), batch, "X") == (5.0, "", "")
    assert batch.losses == {f"X: comparator {named}, limit taken as value": 1}


def test_an_amount_has_its_currency() -> None:
    """As R4 or STU3 says it; without a number there is no amount."""
    assert paid(Money(value=2.5, currency="EUR")) == (2.5, "EUR")
    assert paid(Money(value=2.5, code="EUR")) == (2.5, "EUR")
    for nothing in (None, Money(currency="EUR")):
        value, unit = paid(nothing)
        assert isnan(value)
        assert unit == ""


def test_yes_and_no_are_answers() -> None:
    """As tokens without a system."""
    assert (yes_or_no(True)[2], yes_or_no(False)[2]) == ("|true", "|false")
