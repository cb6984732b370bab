"""Words become ranks: the place of each row's word among all of them sorted, the first of which is "".

A store's words are in order already, but for a few at the end: those are the only ones that are looked for and put in. With
half a million ids in a bucket, to sort and count them all again is a third of the work of a whole matrix.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import lt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.timeline.events import Coded

Ranks = NDArray[np.int32]
_FEW: Final = 3
"""To look for words one by one pays where there are so many times as many in order."""


def ranked(first: Coded, *others: Coded) -> tuple[tuple[str, ...], list[Ranks]]:
    """The words of some columns, each once, sorted, "" the first; and for each column the rank of each row's word."""
    ahead = _in_order(first.words)
    front, behind = first.words[:ahead], first.words[ahead:]
    few = {"", *behind, *(word for column in others for word in column.words)}
    if _FEW * len(few) > ahead:
        words = tuple(sorted({*first.words, *few}))
        rank = {word: place for place, word in enumerate(words)}
        return words, [_numbers(map(rank.__getitem__, one.words), one)[one.index] for one in (first, *others)]
    new = sorted(word for word in few if place_of(front, word) < 0)
    words = tuple(sorted((*front, *new)))
    places = np.arange(ahead, dtype=np.int32)
    before = np.array([bisect_left(front, word) for word in new], dtype=np.int64)
    moved = (places + np.searchsorted(before, places, side="right")).astype(np.int32)
    last = np.array([place_of(words, word) for word in behind], dtype=np.int32)
    rest = [_numbers((place_of(words, word) for word in one.words), one)[one.index] for one in others]
    return words, [np.concatenate((moved, last))[first.index], *rest]


def place_of(words: tuple[str, ...], word: str) -> int:
    """The place of a word among sorted ones; -1 if it is not there. For few words among many."""
    place = bisect_left(words, word)
    return place if place < len(words) and words[place] == word else -1


def _in_order(words: tuple[str, ...]) -> int:
    """How many words at the beginning each come after the one before."""
    if not words:
        return 0
    rising = np.fromiter(map(lt, words, words[1:]), dtype=np.bool_, count=len(words) - 1)
    return int(rising.argmin()) + 1 if not rising.all() else len(words)


def _numbers(places: Iterable[int], column: Coded) -> Ranks:
    return np.fromiter(places, dtype=np.int32, count=len(column.words))
