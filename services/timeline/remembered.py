"""What texts were found to mean, kept while the same ones come again: the times, codes and addresses of one patient.

A hit is one look into a dict, without the call that `lru_cache` takes: ingest asks five times for every observation. A
memory that is full forgets everything and begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

V = TypeVar("V")


class Remembered(dict[str, V]):
    """`remembered[text]` is what the text means; a text longer than `longest` characters is never kept.

    So `most` such texts bound the memory, whatever a source sends. Threads may share it: each step is whole.
    """

    __slots__ = ("_longest", "_meaning", "_most")

    def __init__(self, meaning: Callable[[str], V], *, most: int, longest: int) -> None:
        super().__init__()
        self._meaning, self._most, self._longest = meaning, most, longest

    def __missing__(self, text: str) -> V:
        meant = self._meaning(text)
        if len(text) <= self._longest:
            if len(self) >= self._most:
                self.clear()
            self[text] = meant
        return meant
