"""From events to the stretches that windows cut out of them: entries sorted by (feature, patient, time).

An event is an entry once for every feature that it feeds. Times become ranks, so that feature, patient and time are one
whole number and the two ends of a window are two binary searches.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from services.guidance.reading.feeds import FeedTable
from services.guidance.reading.kernels import Visible
from services.guidance.reading.plan import FeaturePlan, Windows
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.timeline import Timeline

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The index moments of one chunk, ordered by patient."""

    person: Ints
    """Which of the chunk's patients."""
    at: Ints
    start: Ints
    encounter: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Every (event, feature that it feeds), sorted by `key`; equal keys keep the timeline's order."""

    key: Ints
    """(feature * persons + person) * (moments + 1) + rank of the time."""
    persons: int
    moments: Ints
    """The distinct times, ascending."""
    event: Ints
    feature: Ints
    value: NDArray[np.float64]
    usable: Bools
    convertible: Bools
    counted: Ints
    """What it is counted as, where distinct ones are counted."""


def spread(begin: Ints, sizes: Ints) -> Ints:
    """`begin[0], begin[0] + 1, ...` for `sizes[0]` numbers, then from `begin[1]` on: many ranges, laid out flat."""
    if len(sizes) == 1:
        return np.arange(int(begin[0]), int(begin[0]) + int(sizes[0]))
    ends = sizes.cumsum()
    flat: Ints = (begin - ends + sizes).repeat(sizes) + np.arange(int(ends[-1]) if len(ends) else 0)
    return flat


def distinct(key: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct keys ascending, one place of each, and for every key which distinct one it is."""
    order = key.argsort(kind="stable")
    ordered = key[order]
    fresh = np.ones(len(key), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    which = np.empty(len(key), dtype=np.int64)
    which[order] = fresh.cumsum() - 1
    return ordered[fresh], order[fresh], which


def sort_entries(plan: FeaturePlan, looks: Bools, timeline: Timeline, begin: Ints, end: Ints) -> Entries:
    """The entries of some patients, whose events are rows `begin[i]:end[i]` of the timeline."""
    sizes = end - begin
    event = spread(begin, sizes)
    person = np.arange(len(sizes)).repeat(sizes)
    field = timeline.field[event]
    read = looks[0][field].nonzero()[0]
    event, person, field = event[read], person[read], field[read]
    feeds, size, place, table = _feeds(plan, looks, timeline, event, field)
    feed = feeds[spread(place, size)]
    event, person = event.repeat(size), person.repeat(size)
    feature = table.feature[feed]
    if plan.sure is not None:
        # What the bedside was sent is known, whatever its times say.
        sure = ~(plan.sure[feature] & timeline.assumed[event] & (timeline.known[event] != ALWAYS))
        event, person, feature, feed = event[sure], person[sure], feature[sure], feed[sure]
    moments, _, rank = distinct(timeline.time[event])
    key = (feature * len(sizes) + person) * (len(moments) + 1) + rank
    order = key.argsort(kind="stable")
    event, feature, feed = event[order], feature[order], feed[order]
    value = timeline.value[event] * table.factor[feed] + table.offset[feed]
    level = table.level[feed]
    value = np.where(np.isnan(level), value, level)
    inside = (value >= plan.low[feature]) & (value <= plan.high[feature])
    return Entries(
        key=key[order],
        persons=len(sizes),
        moments=moments,
        event=event,
        feature=feature,
        value=value,
        usable=inside | ~plan.measured[feature],
        convertible=table.convertible[feed],
        counted=np.where(plan.by_resource[feature], timeline.resource[event], table.group[feed]),
    )


def _feeds(
    plan: FeaturePlan, looks: Bools, timeline: Timeline, event: Ints, field: NDArray[np.int16]
) -> tuple[Ints, Ints, Ints, FeedTable]:
    """All feeds, and per event how many of them are its own and where they begin; with the table of feeds."""
    codes = timeline.codes[event]
    unit = timeline.unit[event] * looks[1][field]  # word 0 is ""
    answer = timeline.answer[event] * looks[2][field]
    key = field.astype(np.int64)
    for column, words in ((codes, timeline.code_words), (unit, timeline.unit_words), (answer, timeline.answer_words)):
        key = key * len(words) + column
    _, first, which = distinct(key)
    signatures = zip(
        map(timeline.fields.__getitem__, field[first].tolist()),
        map(timeline.code_words.__getitem__, codes[first].tolist()),
        map(timeline.unit_words.__getitem__, unit[first].tolist()),
        map(timeline.answer_words.__getitem__, answer[first].tolist()),
        strict=True,
    )
    found, table = plan.feeding.of(list(signatures))
    sizes = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    flat = np.fromiter(chain.from_iterable(found), dtype=np.int64)
    return flat, sizes[which], (sizes.cumsum() - sizes)[which], table


def window_bounds(windows: Windows, rows: Rows) -> tuple[Ints, Ints, Bools]:
    """Window x row: its first and its last instant (both within), and whether the row has such a window at all."""
    stay = rows.start != NAT
    start = np.where(stay, rows.start, rows.at)
    low = np.array((rows.at, start))[windows.from_start] - windows.length[:, None]
    low[windows.ever] = NAT
    if len(windows.last_of_stay):
        low[windows.last_of_stay] = np.maximum(low[windows.last_of_stay], start)
    if len(windows.joined):
        low[windows.joined] = np.minimum(low[windows.joined], start)
    high = np.empty_like(low)
    high[:] = rows.at
    # Before admission means before the stay began: its own first instant is not within.
    high[windows.before] = np.minimum(start - 1, rows.at)
    there = stay | ~windows.of_stay[:, None]
    if np.count_nonzero(stay) < len(stay):
        low[~there] = high[~there] = FOREVER
    return low, high, there


def find_visible(
    plan: FeaturePlan, timeline: Timeline, entries: Entries, rows: Rows, low: Ints, high: Ints, problems: Counter[str]
) -> tuple[Visible, Ints]:
    """The events that each (feature, row) cell sees and can use; and the cells that saw one they could not use."""
    count = len(rows)
    base = np.arange(len(plan.places))[:, None] * entries.persons + rows.person
    base *= len(entries.moments) + 1
    first = entries.moments.searchsorted(low, side="left")[plan.window]
    after = entries.moments.searchsorted(high, side="right")[plan.window]
    first = entries.key.searchsorted((base + first).ravel())
    sizes = entries.key.searchsorted((base + after).ravel()) - first
    cells = (sizes > 0).nonzero()[0]
    sizes = sizes[cells]
    entry = spread(first[cells], sizes)
    cell = cells.repeat(sizes)
    row = (cells % count).repeat(sizes)
    event = entries.event[entry]
    at = rows.at[row]
    seen = (timeline.known[event] <= at) & (at < timeline.until[event])
    if plan.special:
        _hide(plan, timeline, rows, entries.feature[entry], event, row, seen)
    usable = entries.usable[entry]
    spoiled = seen & ~usable
    unusable = cell[:0]
    if np.count_nonzero(spoiled):
        places = spoiled.nonzero()[0]
        unusable = cell[places]
        _report(plan, timeline, entries, entry[places], problems)
        seen &= usable
    if np.count_nonzero(seen) < len(seen):
        kept = seen.nonzero()[0]
        cell, row, event, at, entry = cell[kept], row[kept], event[kept], at[kept], entry[kept]
    return Visible(
        cell=cell,
        event=event,
        value=entries.value[entry],
        counted=entries.counted[entry],
        time=timeline.time[event],
        at=at,
        start=rows.start[row],
    ), unusable


def _hide(
    plan: FeaturePlan, timeline: Timeline, rows: Rows, feature: Ints, event: Ints, row: Ints, seen: Bools
) -> None:
    """What some features do not count: other encounters, what has ended, encounters that led to the stay."""
    some = plan.this_encounter[feature].nonzero()[0]
    if len(some):
        own = rows.encounter[row[some]]
        # An Encounter's own events are of that encounter, too.
        seen[some] &= (timeline.encounter[event[some]] == own) | (timeline.resource[event[some]] == own)
    some = plan.active[feature].nonzero()[0]
    if len(some):
        end = timeline.end[event[some]]
        seen[some] &= (end == NAT) | (end > rows.at[row[some]])
    some = plan.leading[feature].nonzero()[0]
    if len(some):
        start = rows.start[row[some]]
        near = np.where(start == NAT, FOREVER, start - plan.leading[feature[some]])
        time, end = timeline.time[event[some]], timeline.end[event[some]]
        ended = (end != NAT) & (end <= rows.at[row[some]]) & (end >= near)
        seen[some] &= (time >= start) | ((time < near) & ~ended)


def _report(plan: FeaturePlan, timeline: Timeline, entries: Entries, entry: Ints, problems: Counter[str]) -> None:
    """Count what stood in a window and could not be used, by feature and reason."""
    reasons = np.where(np.isnan(timeline.value[entries.event[entry]]), 1, 2)
    reasons[~entries.convertible[entry]] = 0
    words = ("unit not convertible", "no number", "out of range")
    # Where only being there counts, the range says which events are meant: another one is no problem.
    meant = (reasons == 0) | ~plan.asserting[entries.feature[entry]]
    kinds, counts = np.unique((entries.feature[entry] * len(words) + reasons)[meant], return_counts=True)
    for kind, number in zip(kinds.tolist(), counts.tolist(), strict=True):
        problems[f"{plan.names[plan.places[kind // len(words)]]}: {words[kind % len(words)]}"] += number
