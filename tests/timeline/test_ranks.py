"""Words to ranks: the quick way, for words that are nearly in order, gives what sorting all of them gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.timeline.events import Coded
from services.timeline.ranks import place_of, ranked

WORDS = st.lists(st.text("abé|/1", max_size=4), max_size=60, unique=True)


@given(first=WORDS, behind=st.integers(0, 4), other=st.lists(st.text("abé", max_size=3), max_size=8, unique=True))
def test_ranks_are_places_among_all_words_sorted(first: list[str], behind: int, other: list[str]) -> None:
    """However much of the first column's words is in order, and whether or not the other's are among them."""
    kept = len(first) - min(behind, len(first))
    columns = [of([*sorted(first[:kept]), *first[kept:]]), of(other)]
    words, ranks = ranked(*columns)
    assert words == tuple(sorted({"", *first, *other}))
    for column, rank in zip(columns, ranks, strict=True):
        assert rank.dtype == np.int32
        assert [words[place] for place in rank.tolist()] == column.texts()


def of(words: list[str]) -> Coded:
    """A column that uses each word twice."""
    return Coded(index=np.tile(np.arange(len(words), dtype=np.int32), 2), words=tuple(words))


@given(words=WORDS, word=st.text("abé", max_size=3))
def test_a_word_is_found_where_it_is_or_not_at_all(words: list[str], word: str) -> None:
    """As `index` finds it."""
    ordered = tuple(sorted(words))
    assert place_of(ordered, word) == (ordered.index(word) if word in ordered else -1)
