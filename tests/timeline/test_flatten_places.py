"""Places and people as events of nobody."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.instants import ALWAYS
from tests.timeline.made import at, batch_of, concept, only

KINDS = [("Location", "type"), ("Organization", "type"), ("PractitionerRole", "specialty")]


@pytest.mark.parametrize(("kind", "element"), KINDS)
def test_a_place_says_how_it_is_coded_and_nothing_of_anybody(kind: str, element: str) -> None:
    """All its codes together; it was always known."""
    codes: list[Any] = [concept(("s", "b")), None, concept(("s", "a"))]
    row = only(batch_of({"resourceType": kind, "id": "x", element: codes, "meta": {"lastUpdated": "2024"}}))
    assert (row["patient"], row["field"], row["codes"]) == ("", f"{kind}.{element}", "s|a\ns|b")
    assert (row["resource"], row["known"], row["updated"]) == (f"{kind}/x", ALWAYS, at("2024"))


@pytest.mark.parametrize(("kind", "element"), KINDS)
def test_a_place_to_which_nothing_can_point_is_counted(kind: str, element: str) -> None:
    """Without an id or without a code it says nothing."""
    batch = batch_of(
        {"resourceType": kind, element: [concept(("s", "a"))]}, {"resourceType": kind, "id": "x", element: [{}]}
    )
    assert (len(batch), dict(batch.skipped)) == (0, {f"{kind}: no id or no {element}": 2})
