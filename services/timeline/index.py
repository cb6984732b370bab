"""Index moments: for which patient, when and in which stay a prediction is made."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.timeline.instants import NAT
from services.timeline.shape import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRows:
    """The moments at which a prediction is made: one row per (patient, time, encounter)."""

    patient: NDArray[np.int32]
    """Row into `timeline.patients`; -1 = nothing is known of them."""
    at: NDArray[np.int64]
    encounter: NDArray[np.int32]
    """Into `timeline.resource_words`; -1 = none, or nothing is known of it."""
    start: NDArray[np.int64]
    """Start of the stay as known at the index; NAT if none."""

    def __len__(self) -> int:
        return len(self.at)


def index_rows(timeline: Timeline, patients: Sequence[str], at: ArrayLike, encounters: Sequence[str]) -> IndexRows:
    """Place index moments in a timeline. Ids may be bare or `Patient/x`, `Encounter/x`; "" is no encounter."""
    moments = np.atleast_1d(np.asarray(at, dtype=np.int64))
    ids = [patient.removeprefix("Patient/") for patient in patients]
    stays = [f"Encounter/{stay.removeprefix('Encounter/')}" if stay else "" for stay in encounters]
    patient = _places(timeline.patients, ids)
    encounter = _places(timeline.resource_words, stays)
    encounter[encounter == 0] = -1  # word 0 is ""
    start = _stay_starts(timeline, patient, encounter, moments)
    return IndexRows(patient=patient, at=moments, encounter=encounter, start=start)


def _places(words: tuple[str, ...], wanted: Sequence[str]) -> NDArray[np.int32]:
    """Where each wanted word stands in sorted words; -1 = nowhere."""
    if len(wanted) * 16 < len(words):  # a few bisections are cheaper than a dictionary of all
        found = []
        for word in wanted:
            place = bisect_left(words, word)
            found.append(place if place < len(words) and words[place] == word else -1)
        return np.array(found, dtype=np.int32)
    position = {word: place for place, word in enumerate(words)}
    return np.fromiter((position.get(word, -1) for word in wanted), dtype=np.int32, count=len(wanted))


def _stay_starts(
    timeline: Timeline, patient: NDArray[np.int32], encounter: NDArray[np.int32], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The start of each stay, from the version of its Encounter that was visible at the index."""
    start = np.full(len(at), NAT, dtype=np.int64)
    if "Encounter.class" not in timeline.fields:
        return start
    stays = np.flatnonzero(timeline.field == timeline.fields.index("Encounter.class"))
    stays = stays[np.lexsort((timeline.time[stays], timeline.known[stays], timeline.resource[stays]))]
    owner = np.repeat(np.arange(len(timeline.patients)), np.diff(timeline.starts))
    resource = timeline.resource[stays]
    first = np.searchsorted(resource, encounter, side="left")
    last = np.searchsorted(resource, encounter, side="right")
    for version in range(int((last - first).max(initial=0))):
        row = first + version
        there = row < last
        row = stays[np.where(there, row, 0)]
        visible = there & (timeline.known[row] <= at) & (at < timeline.until[row]) & (owner[row] == patient)
        start = np.where(visible, timeline.time[row], start)
    return start
