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

from services.guidance.reading.encounter_classes import EncounterClasses
from services.guidance.reading.feeds import POINTS, FeedTable
from services.guidance.reading.kernels import Visible
from services.guidance.reading.plan import FeaturePlan
from services.guidance.reading.windows import Rows
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.timeline import Timeline

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


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
    counts: Bools | None
    """It counts as it is; None: all do."""
    doubtful: Bools | None
    """It points to something that was not asked for, and might be coded otherwise; None: none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a timeline was asked for, as far as events point elsewhere."""

    looks: Bools
    """Per field: whether any feature reads it, its unit, its answer, where it points (four rows)."""
    in_vain: Bools
    """Per type of `POINTED`: whether it was never asked for, so that a pointer may have found nothing for that alone."""
    complete: Bools
    """Per event feature: whether all that serves it was answered in full."""
    classes: EncounterClasses | None
    """None: no feature minds of which class an encounter is."""


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


def sort_entries(plan: FeaturePlan, asked: Asked, timeline: Timeline, begin: Ints, end: Ints) -> Entries:
    """The entries of some patients, whose events are rows `begin[i]:end[i]` of the timeline."""
    sizes = end - begin
    event = spread(begin, sizes)
    person = np.arange(len(sizes)).repeat(sizes)
    field = timeline.field[event]
    read = asked.looks[0][field].nonzero()[0]
    event, person, field = event[read], person[read], field[read]
    feeds, size, place, table = _feeds(plan, asked.looks, timeline, event, field)
    feed = feeds[spread(place, size)]
    event, person = event.repeat(size), person.repeat(size)
    feature = table.feature[feed]
    if plan.sure is not None:
        # What the bedside was sent is known, whatever its times say.
        sure = ~(plan.sure[feature] & timeline.assumed[event] & (timeline.known[event] != ALWAYS))
        event, person, feature, feed = event[sure], person[sure], feature[sure], feed[sure]
    unclear = np.count_nonzero(asked.looks[3]) > 0 and np.count_nonzero(table.pointed[feed]) > 0
    if unclear:
        # Where it was asked for in full, what was not found is not there: such an event counts as it is, or not at all.
        those = (table.counts[feed] | asked.in_vain[table.pointed[feed]]).nonzero()[0]
        event, person, feature, feed = event[those], person[those], feature[those], feed[those]
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
        counts=table.counts[feed] if unclear else None,
        doubtful=asked.in_vain[table.pointed[feed]] if unclear else None,
    )


def _feeds(
    plan: FeaturePlan, looks: Bools, timeline: Timeline, event: Ints, field: NDArray[np.int16]
) -> tuple[Ints, Ints, Ints, FeedTable]:
    """All feeds, and per event how many of them are its own and where they begin; with the table of feeds."""
    codes = timeline.codes[event]
    unit = timeline.unit[event] * looks[1][field]  # word 0 is ""
    answer = timeline.answer[event] * looks[2][field]
    answer_words: tuple[str, ...] = timeline.answer_words
    if np.count_nonzero(looks[3]):
        # Which resource is pointed to makes no way of coding of its own.
        answer = np.where(looks[3][field] & (timeline.answer[event] != 0), len(answer_words), answer)
        answer_words = (*answer_words, POINTS)
    key = field.astype(np.int64)
    for column, words in ((codes, timeline.code_words), (unit, timeline.unit_words), (answer, answer_words)):
        key = key * len(words) + column
    _, first, which = distinct(key)
    signatures = zip(
        map(timeline.fields.__getitem__, field[first].tolist()),
        map(timeline.code_words.__getitem__, codes[first].tolist()),
        map(timeline.unit_words.__getitem__, unit[first].tolist()),
        map(answer_words.__getitem__, answer[first].tolist()),
        strict=True,
    )
    found, table = plan.feeding.of(list(signatures))
    sizes = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    flat = np.fromiter(chain.from_iterable(found), dtype=np.int64)
    return flat, sizes[which], (sizes.cumsum() - sizes)[which], table


def find_visible(
    plan: FeaturePlan,
    timeline: Timeline,
    asked: Asked,
    entries: Entries,
    rows: Rows,
    low: Ints,
    high: Ints,
    problems: Counter[str],
) -> tuple[Visible, Ints, Ints]:
    """The events that each (feature, row) cell sees and can use.

    And the cells that saw one they could not use; and those that saw one of which nobody can say whether it counts.
    """
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
    doubtful = cell[:0]
    if plan.special:
        unsure = _hide(plan, timeline, asked, rows, entries.feature[entry], event, row, seen)
        doubtful = cell[unsure]
    if entries.doubtful is not None and entries.counts is not None:
        doubtful = np.concatenate((doubtful, cell[seen & entries.doubtful[entry]]))
        seen &= entries.counts[entry]
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
    ), unusable, doubtful  # fmt: skip


def _hide(
    plan: FeaturePlan, timeline: Timeline, asked: Asked, rows: Rows, feature: Ints, event: Ints, row: Ints, seen: Bools
) -> Ints:
    """What some features do not count: other encounters or classes of them, what has ended, what led to the stay.

    The places of those that count or not by the class of an encounter that was never seen, and may be there.
    """
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
    if asked.classes is None:
        return feature[:0]
    some = ((plan.not_during[feature] >= 0) & seen).nonzero()[0]
    during, known = asked.classes.judge(event[some], rows.at[row[some]], plan.not_during[feature[some]])
    unsure = some[~known & ~asked.complete[feature[some]]]
    seen[some[during]] = False
    seen[unsure] = False
    return unsure


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
