"""What was measured, answered or paid: value, unit and answer of an event.

A result with a comparator (`<5`) keeps its number and is counted: at the limit of what the laboratory can measure
the limit is the best value there is.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.elements import Money, Quantity
from services.timeline.events import EventBatch

Said = tuple[float, str, str]
"""Value, unit, answer."""

NO_ANSWER: Final[Said] = (nan, "", "")
UNITY: Final = "1"
"""The UCUM unit of a pure number."""

UCUM: Final = "http://unitsofmeasure.org"

_COMPARATORS: Final = frozenset({"<", "<=", ">=", ">", "ad"})


def quantity_said(quantity: Quantity, batch: EventBatch, kind: str) -> Said | None:
    """The number and its UCUM code (the printed unit if there is no such code); None without a number."""
    value = quantity.value
    if value is None:
        return None
    if quantity.comparator is not None:
        named = quantity.comparator if quantity.comparator in _COMPARATORS else "other"
        batch.losses[f"{kind}: comparator {named}, limit taken as value"] += 1
    if quantity.code and (quantity.system is None or quantity.system == UCUM):
        return value, quantity.code, ""
    return value, quantity.unit or quantity.code or "", ""


def yes_or_no(value: bool) -> Said:
    """A truth value as an answer."""
    return nan, "", "|true" if value else "|false"


def paid(amount: Money | None) -> tuple[float, str]:
    """An amount and its currency (ISO 4217); nan and "" if none is said."""
    if amount is None or amount.value is None:
        return nan, ""
    return amount.value, amount.currency or amount.code or ""
