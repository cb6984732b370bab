"""At which site each row was: the institution that the stay's Encounter names as its provider, as last said.

A site is told apart by the `id` of its Organization, and nothing else of it is read. Who provided the stay of a row may be
left unsaid; such a row is of no site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from services.timeline.instants import FOREVER
from services.timeline.timeline import Timeline

_PROVIDER: Final = "Encounter.serviceProvider"
_PREFIX: Final = "Organization/"
NOWHERE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """The site of each row, by its place among the names; -1 = not said."""

    names: tuple[str, ...]
    of: NDArray[np.int32]

    def where(self, chosen: NDArray[np.bool_]) -> Sites:
        """Some of the rows; the names stay."""
        return Sites(names=self.names, of=self.of[chosen])

    @classmethod
    def of_stays(cls, timeline: Timeline, encounter: NDArray[np.int32]) -> Self:
        """The site of each stay (`encounter` into `timeline.resource_words`, -1 = none)."""
        provider = np.zeros(len(timeline.resource_words) + 1, dtype=np.int64)  # the last for encounter -1
        if _PROVIDER in timeline.fields:
            rows = np.flatnonzero((timeline.field == timeline.fields.index(_PROVIDER)) & (timeline.until == FOREVER))
            rows = rows[timeline.resource[rows] > 0]
            # Said twice without a version: the last in order, so that the order of ingestion changes nothing.
            rows = rows[np.lexsort((timeline.answer[rows], timeline.time[rows]))]
            provider[timeline.resource[rows]] = timeline.answer[rows]
        words, of = np.unique(provider[encounter], return_inverse=True)
        told = np.where(words[of] == 0, NOWHERE, of - int(0 in words)).astype(np.int32)
        names = [timeline.answer_words[word].removeprefix(_PREFIX) for word in words.tolist() if word]
        return cls(names=tuple(names), of=told)

    @classmethod
    def joined(cls, parts: Sequence[Sites]) -> Self:
        """The rows of all parts, one after the other, with their names in one order."""
        names = sorted({name for part in parts for name in part.names})
        place = {name: number for number, name in enumerate(names)}
        return cls(
            names=tuple(names),
            of=np.concatenate(
                [np.array([*map(place.__getitem__, part.names), NOWHERE], dtype=np.int32)[part.of] for part in parts]
            ),
        )
