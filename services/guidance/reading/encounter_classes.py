"""Of which class an event's encounter is, as known at an index: for features that leave out what happened in some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.timeline.codes import CodeSet
from services.timeline.timeline import Timeline

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class EncounterClasses:
    """The classes of a timeline's encounters, and which of some sets each is in."""

    def __init__(self, timeline: Timeline, sets: Sequence[CodeSet]) -> None:
        self._timeline = timeline
        field = timeline.fields.index("Encounter.class") if "Encounter.class" in timeline.fields else -1
        stated = (timeline.field == field).nonzero()[0]
        self._stated = stated[timeline.resource[stated].argsort(kind="stable")]
        self._encounter = timeline.resource[self._stated]
        codes, which = np.unique(timeline.codes[self._stated], return_inverse=True)
        words = [timeline.code_words[one] for one in codes.tolist()]
        member = np.array([[one.matches(word) for word in words] for one in sets], dtype=np.bool_)
        self._member = member.reshape(len(sets), len(words))[:, which]

    def judge(self, event: Ints, at: Ints, which: Ints) -> tuple[Bools, Bools]:
        """Whether each event's encounter is, as known at `at`, in set `which`; and whether its class is known at all.

        An event of no encounter is in none, and that is known.
        """
        timeline = self._timeline
        encounter = timeline.encounter[event]
        first = self._encounter.searchsorted(encounter, side="left")
        last = self._encounter.searchsorted(encounter, side="right")
        last[encounter == 0] = first[encounter == 0]  # word 0 is "": of no encounter
        inside = np.zeros(len(event), dtype=np.bool_)
        known = encounter == 0
        patient = timeline.starts.searchsorted(event, side="right")
        for version in range(int((last - first).max(initial=0))):
            place = first + version
            there = (place < last).nonzero()[0]
            row, index = self._stated[place[there]], at[there]
            seen = (timeline.known[row] <= index) & (index < timeline.until[row]) & (timeline.time[row] <= index)
            # Another patient's encounter says nothing, whoever refers to it.
            seen &= timeline.starts.searchsorted(row, side="right") == patient[there]
            known[there] |= seen
            inside[there] |= seen & self._member[which[there], place[there]]
        return inside, known
