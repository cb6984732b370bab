"""At which site each row was: the institution that the stay's Encounter names as its provider, as last said.

Where it names none, that which manages the last place of the stay (its Location's `managingOrganization`). A site is told
apart by the `id` of its Organization, and nothing else of it is read. A row of whose stay neither is known is of no site.
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
_PLACE: Final = "Encounter.siteLocation"
"""Of stays that name no provider; once its Location is known, its codes are that one's institution."""
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
        said = _last(timeline, _PLACE, timeline.codes, timeline.code_words)
        said |= _last(timeline, _PROVIDER, timeline.answer, timeline.answer_words)
        places = encounter.tolist()
        names = sorted({said[place] for place in places if place in said})
        number = {name: at for at, name in enumerate(names)}
        of = [number[said[place]] if place in said else NOWHERE for place in places]
        return cls(names=tuple(names), of=np.array(of, dtype=np.int32))

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


def _last(timeline: Timeline, field: str, column: NDArray[np.int32], words: Sequence[str]) -> dict[int, str]:
    """What the stays (places among `resource_words`) say last in this field: an Organization's id."""
    if field not in timeline.fields:
        return {}
    rows = np.flatnonzero((timeline.field == timeline.fields.index(field)) & (timeline.until == FOREVER))
    rows = rows[timeline.resource[rows] > 0]
    # Said twice without a version: the last in order, so that the order of ingestion changes nothing.
    rows = rows[np.lexsort((column[rows], timeline.time[rows]))]
    found = zip(timeline.resource[rows].tolist(), column[rows].tolist(), strict=True)
    return {stay: words[word].removeprefix(_PREFIX) for stay, word in found if words[word].startswith(_PREFIX)}
