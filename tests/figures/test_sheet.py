"""The sheet: scales that never leave their ends, round ticks, lines of words that lose nothing but what does not fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.figures.sheet import Scale, Sheet, round_up, ticks, wrapped

numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def test_a_scale_is_linear_and_ends_at_its_ends() -> None:
    """Beyond its ends a value stands at the edge."""
    scale = Scale(low=0, high=10, start=100, end=200)
    assert [scale.at(value) for value in (0, 5, 10, -3, 12)] == [100, 150, 200, 100, 200]


@given(numbers, st.floats(min_value=1e-3, max_value=1e6))
def test_ticks_are_within_and_evenly_spread(low: float, span: float) -> None:
    """Few enough to be read, none outside."""
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 13
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in found)


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_the_end_of_an_axis_is_round_and_not_below(value: float) -> None:
    """And not so far above that half of the drawing is empty."""
    end = round_up(value)
    assert value * (1 - 1e-9) <= end <= 1.7 * value


@given(st.lists(st.text(alphabet="abcdefghij", min_size=1, max_size=12), min_size=1, max_size=12), st.integers(80, 600))
def test_wrapped_words_keep_their_order_and_their_room(words: list[str], width: int) -> None:
    """What is cut says so."""
    lines = wrapped(" ".join(words), width)
    assert len(lines) <= 3
    whole = " ".join(lines)
    assert "…" in whole or whole.split() == words


def test_words_are_escaped() -> None:
    """A label is never markup."""
    sheet = Sheet(width=360)
    sheet.text("label", 0, 0, "<script>")
    assert "&lt;script&gt;" in sheet.svg("x", "t & u", "d")
    assert "t &amp; u" in sheet.svg("x", "t & u", "d")
