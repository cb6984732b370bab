"""What the record says of each row besides its features: sex, race, ethnicity, language, payer, and the ward at that moment.

For looking at groups apart, and for counting alerts of a ward; nothing of it enters a model. Read for every guidance,
whether it lists them or not. What was last said of a patient counts; of insurance and ward, what held at the index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from services.timeline.instants import FOREVER, NAT
from services.timeline.timeline import IndexRows, Timeline

NOT_SAID: Final = -1
WARD: Final = "ward"
_Whose = Literal["patient", "stay"]
_READ: Final[tuple[tuple[str, str, _Whose], ...]] = (
    ("sex", "Patient.gender", "patient"),
    ("race", "Patient.race", "patient"),
    ("ethnicity", "Patient.ethnicity", "patient"),
    ("language", "Patient.language", "patient"),
    ("payer", "Coverage.type", "patient"),
    (WARD, "Encounter.location", "stay"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of each row, by its place among the words; -1 = not said."""

    words: tuple[str, ...]
    of: NDArray[np.int32]

    def where(self, chosen: NDArray[np.bool_]) -> Told:
        """Some of the rows; the words stay."""
        return Told(words=self.words, of=self.of[chosen])

    @classmethod
    def joined(cls, parts: Sequence[Told]) -> Self:
        """The rows of all parts, one after the other, with their words in one order."""
        words = sorted({word for part in parts for word in part.words})
        place = {word: number for number, word in enumerate(words)}
        # The last place of each part's list is for what is not said.
        moved = [np.array([*(place[word] for word in part.words), NOT_SAID], dtype=np.int32)[part.of] for part in parts]
        return cls(words=tuple(words), of=np.concatenate(moved))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """By name, what is said of each row; a name of which nothing is said in the whole record is missing."""

    told: Mapping[str, Told]

    def where(self, chosen: NDArray[np.bool_]) -> Setting:
        """Some of the rows."""
        return Setting(told={name: told.where(chosen) for name, told in self.told.items()})

    @classmethod
    def of_rows(cls, timeline: Timeline, rows: IndexRows) -> Self:
        """What the record says of each row."""
        return cls(told={name: _read(timeline, rows, field, whose) for name, field, whose in _READ})

    @classmethod
    def joined(cls, parts: Sequence[Setting]) -> Self:
        """The rows of all parts; every part has every name."""
        told = {name: Told.joined([part.told[name] for part in parts]) for name, _, _ in _READ}
        return cls(told={name: one for name, one in told.items() if one.words})


def _read(timeline: Timeline, rows: IndexRows, field: str, whose: _Whose) -> Told:
    """The last event of a field whose time had come at the index, of those that still stand in the end."""
    nobody = Told(words=(), of=np.full(len(rows), NOT_SAID, dtype=np.int32))
    if field not in timeline.fields:
        return nobody
    events = np.flatnonzero((timeline.field == timeline.fields.index(field)) & (timeline.until == FOREVER))
    if whose == "patient":
        owner = (np.searchsorted(timeline.starts, events, side="right") - 1).astype(np.int64)
        wanted = rows.patient.astype(np.int64)
    else:
        owner, wanted = timeline.resource[events].astype(np.int64), rows.encounter.astype(np.int64)
    # By owner, then time; of the same time the order of the timeline, which no order of ingestion changes.
    order = np.lexsort((timeline.time[events], owner))
    events, owner = events[order], owner[order]
    last = _last_not_after(owner, timeline.time[events], wanted, rows.at)
    said = np.where(timeline.answer > 0, timeline.answer + len(timeline.code_words), timeline.codes)
    found = np.append(said[events], 0)[last].astype(np.int64)
    if whose == "patient":
        # Insurance that had ended no longer holds; of what a patient is there is no end.
        found[
            (np.append(timeline.end[events], NAT)[last] != NAT) & (np.append(timeline.end[events], NAT)[last] < rows.at)
        ] = 0
    both = (*timeline.code_words, *timeline.answer_words)
    kept, of = np.unique(found, return_inverse=True)
    words = [both[place] for place in kept.tolist()]
    names = sorted({word for word in words if word})
    place = {word: number for number, word in enumerate(names)} | {"": NOT_SAID}
    return Told(words=tuple(names), of=np.array([place[word] for word in words], dtype=np.int32)[of])


def _last_not_after(
    owner: NDArray[np.int64], time: NDArray[np.int64], wanted: NDArray[np.int64], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each row the place of its owner's last event not after its moment; -1 = none (undated ones are before all)."""
    if not len(owner):
        return np.full(len(wanted), -1, dtype=np.int64)
    names, own = np.unique(owner, return_inverse=True)
    place = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    there = names[place] == wanted
    # Ranks of all times make one sortable key of (owner, time).
    times = np.unique(np.concatenate((time, at)))
    key = own.astype(np.int64) * (len(times) + 1) + np.searchsorted(times, time)
    asked = place.astype(np.int64) * (len(times) + 1) + np.searchsorted(times, at)
    found = np.searchsorted(key, asked, side="right") - 1
    return np.where(there & (found >= 0) & (own[np.maximum(found, 0)] == place), found, -1)
