"""A tree of 1,000 and 100 dots: whole people that add up, the missed always in view."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.figures.people import Flagging, hundred, tree
from tests.figures.drawn import FLAGGED, caption

counts = st.integers(min_value=0, max_value=20_000)


@given(counts, counts, counts, counts)
def test_of_a_thousand_people_each_is_counted_once(right: int, false_alarms: int, missed: int, left_alone: int) -> None:
    """Scaled parts add up to the whole and are within one person of their share; fewer are left as they are."""
    found = Flagging(right=right, false_alarms=false_alarms, missed=missed, left_alone=left_alone)
    shown = found.scaled()
    assert shown.people == min(found.people, 1000)
    if found.people > 1000:
        for part, scaled in ((right, shown.right), (missed, shown.missed), (false_alarms, shown.false_alarms)):
            assert abs(scaled - 1000 * part / found.people) < 1


def test_the_missed_are_shown() -> None:
    """Four ends, the missed among them."""
    page = tree(caption("tree"), FLAGGED)
    for words in ("happened: found", "did not: false alarm", "happened: missed", "did not: left in peace"):
        assert words in page


@pytest.mark.parametrize(
    ("right", "false_alarms", "squares", "rings"), [(262, 674, 28, 72), (9, 22, 9, 22), (0, 40, 0, 40), (40, 0, 40, 0)]
)
def test_one_mark_for_each_flagged_patient(right: int, false_alarms: int, squares: int, rings: int) -> None:
    """100 of many, each of few; filled first."""
    page = hundred(
        caption("hundred"),
        Flagging(right=right, false_alarms=false_alarms, missed=1, left_alone=1),
        happened="came back",
        happened_not="did not",
    )
    narrow = page.split("</svg>")[0]
    assert narrow.count('<rect class="dot s1"') == squares + 1  # and the one beside its words
    assert narrow.count("<circle") == rings + 1


def test_of_fewer_than_ten_no_rate_is_shown() -> None:
    """Privacy, said in words."""
    page = hundred(
        caption("hundred"),
        Flagging(right=3, false_alarms=6, missed=1, left_alone=1),
        happened="came back",
        happened_not="did not",
    )
    assert "Fewer than 10 patients were flagged" in page
    assert "<svg" not in page
