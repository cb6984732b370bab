"""A memory says what the function says, asks it once for what it keeps, and never grows beyond its bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.timeline.remembered import Remembered


def test_what_is_remembered_is_asked_once() -> None:
    """The same text again is a look into the memory."""
    asked: list[str] = []

    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    lengths = Remembered(length, most=8, longest=8)
    assert [lengths["abc"], lengths["abc"], lengths[""], lengths["abc"]] == [3, 3, 0, 3]
    assert asked == ["abc", ""]


def test_a_text_that_is_too_long_is_answered_and_not_kept() -> None:
    """Or one hostile source could fill the memory."""
    lengths = Remembered(len, most=8, longest=4)
    assert lengths["abcde"] == 5
    assert not lengths
    assert lengths["abcd"] == 4
    assert list(lengths) == ["abcd"]


@given(st.lists(st.text(max_size=6)))
def test_a_full_memory_begins_anew_and_stays_right(texts: list[str]) -> None:
    """Whatever comes in whatever order: the answer is the function's, and no more is kept than was said."""
    lengths = Remembered(len, most=3, longest=4)
    for text in texts:
        assert lengths[text] == len(text)
        assert len(lengths) <= 3
        assert all(len(kept) <= 4 for kept in lengths)
