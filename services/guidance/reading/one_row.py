"""The features of one row: the same result as the kernels of many rows, bit for bit, in plain Python.

At the bedside a patient has some dozens of events, and the fixed cost of numpy's calls would be nearly all of the work.
Each step here is that of `entries` and `kernels` for one cell after the other; tests hold them equal, bit for bit.
"""

from __future__ import annotations

from collections import Counter
from math import isnan, nan
from typing import Final

from services.guidance.reading.feeds import POINTED, POINTS
from services.guidance.reading.kernels import ABSENT, UNKNOWN, VALUE
from services.guidance.reading.one_row_kernels import ONE, Cell
from services.guidance.reading.one_row_plan import EventFeature, taken_apart
from services.guidance.reading.plan import FeaturePlan
from services.timeline.instants import ALWAYS, DAY, NAT
from services.timeline.timeline import IndexRows, Timeline

Result = tuple[list[float], list[int], list[int]]
"""Values, states and sources of the event features, in the plan's order."""
Event = tuple[int, int, int, int, int, int, int, int, int, int, bool, float]
"""Field, codes, unit, answer, resource, encounter, time, end, known, until, assumed and value: a row of the timeline."""

FEW: Final = 400
"""Up to so many events of the patient plain Python is faster than numpy."""


def events_of(timeline: Timeline, patient: int) -> int:
    """How many events a patient has; -1 = nobody, who has none."""
    return int(timeline.starts[patient + 1] - timeline.starts[patient]) if patient >= 0 else 0


def read_one_row(plan: FeaturePlan, timeline: Timeline, rows: IndexRows, problems: Counter[str]) -> Result:
    """Read the one row of `rows`."""
    reader = _OneRow(plan, timeline, rows, problems)
    reader.gather()
    return reader.result()


class _OneRow:
    """One row on its way from events to features."""

    def __init__(self, plan: FeaturePlan, timeline: Timeline, rows: IndexRows, problems: Counter[str]) -> None:
        self.plan = plan
        self.timeline = timeline
        self.problems = problems
        self.at, self.start = int(rows.at[0]), int(rows.start[0])
        self.encounter = int(rows.encounter[0])
        patient = int(rows.patient[0])
        self.begin = int(timeline.starts[patient]) if patient >= 0 else 0
        self.end = int(timeline.starts[patient + 1]) if patient >= 0 else 0
        of = timeline.coverage.of
        self.since = [max([of(query) for query in queries], default=ALWAYS) for queries in plan.queries]
        self.in_vain = [bool(kind) and of(kind) > ALWAYS for kind in POINTED]
        self.features = taken_apart(plan).features
        self.windows = [window.bounds(self.at, self.start) for window in taken_apart(plan).windows]
        self.cells: list[Cell] = [[] for _ in self.features]
        self.doubtful: set[int] = set()
        self.spoiled: set[int] = set()

    def gather(self) -> None:
        """Put every event into the cells of the features that see it and can use it."""
        events = self._events()
        classes = _Classes(self, events) if self.plan.classes else None
        at, windows, features = self.at, self.windows, self.features
        visible = [(place, event) for place, event in enumerate(events, self.begin) if event[8] <= at < event[9]]
        found = self.plan.feeding.rows_of(self._signatures([event for _, event in visible]))
        for (place, event), feeds in zip(visible, found, strict=True):
            time = event[6]
            for number, factor, offset, level, convertible, group, counts, pointed in feeds:
                feature = features[number]
                low, high, _ = windows[feature.window]
                if not low <= time <= high:
                    continue
                if feature.sure and event[10] and event[8] != ALWAYS:
                    continue
                in_vain = pointed and self.in_vain[pointed]
                if not counts and not in_vain:
                    continue
                if feature.selective and not self._counts(feature, event):
                    continue
                if classes is not None and feature.not_during >= 0:
                    during, known = classes.judge(event[5], feature.not_during)
                    if not known and self.since[feature.query] > ALWAYS:
                        self.doubtful.add(number)
                        continue
                    if during:
                        continue
                if in_vain:
                    self.doubtful.add(number)
                    if not counts:
                        continue
                value = event[11] * factor + offset if level != level else level
                if feature.measured and not feature.low <= value <= feature.high:
                    self._spoil(number, feature, event[11], convertible)
                    continue
                counted = event[4] if feature.by_resource else group
                self.cells[number].append((value, time, place, counted))

    def _events(self) -> list[Event]:
        """The patient's events, row by row."""
        timeline, rows = self.timeline, slice(self.begin, self.end)
        columns = (
            timeline.field, timeline.codes, timeline.unit, timeline.answer, timeline.resource, timeline.encounter,
            timeline.time, timeline.end, timeline.known, timeline.until, timeline.assumed, timeline.value,
        )  # fmt: skip
        return list(zip(*[column[rows].tolist() for column in columns], strict=True))

    def _signatures(self, events: list[Event]) -> list[tuple[str, str, str, str]]:
        """How each event is coded, as far as any feature of its field looks."""
        timeline = self.timeline
        fields, codes, units, answers = (
            timeline.fields, timeline.code_words, timeline.unit_words, timeline.answer_words,
        )  # fmt: skip
        _, unit, answer, pointing = self.plan.feeding.looks_at(timeline.fields).tolist()
        return [
            (
                fields[event[0]],
                codes[event[1]],
                units[event[2]] if unit[event[0]] else "",
                POINTS if event[3] and pointing[event[0]] else answers[event[3]] if answer[event[0]] else "",
            )
            for event in events
        ]

    def _counts(self, feature: EventFeature, event: Event) -> bool:
        """Whether it is of this encounter, has not ended, and did not lead to the stay, where a feature minds."""
        if feature.this_encounter and self.encounter not in (event[5], event[4]):
            return False
        time, end = event[6], event[7]
        if feature.active and end != NAT and end <= self.at:
            return False
        if feature.leading and time < self.start:
            near = self.start - feature.leading
            return time < near and not (end != NAT and near <= end <= self.at)
        return True

    def _spoil(self, number: int, feature: EventFeature, value: float, convertible: bool) -> None:
        """Count what stood in a window and could not be used."""
        self.spoiled.add(number)
        if not convertible:
            self.problems[f"{feature.name}: unit not convertible"] += 1
        # Where only being there counts, the range says which events are meant: another one is no problem.
        elif not feature.asserting:
            self.problems[f"{feature.name}: {'no number' if isnan(value) else 'out of range'}"] += 1

    def result(self) -> Result:
        """What the cells say."""
        values, states, sources = [], [], []
        # "Ever" reaches back to ALWAYS, not to NAT: covered only by a query that was answered in full.
        reach = [max(low, ALWAYS) for low, _, _ in self.windows]
        in_no_stay = self.start == NAT
        for number, (feature, seen) in enumerate(zip(self.features, self.cells, strict=True)):
            since = self.since[feature.query]
            settled = reach[feature.window] >= since
            value, source = 0.0 if feature.zero else nan, -1
            if seen:
                value, source, alone = self._reduced(feature, seen, since)
                settled = settled or alone
            if number in self.spoiled and feature.kind == "sum":
                value = nan  # a sum that lacks a part is no sum
            if number in self.doubtful:
                # One that surely counts is still enough where one is; a number might be another.
                settled = settled and feature.asserting and value == 1.0
            # An encounter that was not known at the index is not made so by what is known of it later.
            if not settled or not self.windows[feature.window][2] or (in_no_stay and feature.this_encounter):
                value, state = nan, UNKNOWN
            else:
                if (bounds := feature.bounds) is not None and (value < bounds[0] or value > bounds[1]):
                    self.problems[f"{feature.name}: out of range"] += 1
                    value = nan
                state = VALUE if value == value else ABSENT
            values.append(value)
            states.append(state)
            sources.append(source if state == VALUE else -1)
        return values, states, sources

    def _reduced(self, feature: EventFeature, seen: Cell, since: int) -> tuple[float, int, bool]:
        """The number of a cell that has events, its source, and whether that is settled whatever was not asked."""
        settled = False
        if feature.latest_days:
            seen, began = _latest_days(seen, feature.latest_days)
            settled = began is not None and began >= since
            if not seen:
                return 0.0 if feature.zero else nan, -1, settled
        value, place = ONE[feature.kind](seen, self.at, self.start)
        if feature.levelled and isnan(value):
            self.problems[f"{feature.name}: answer not listed"] += 1
        settled = settled or feature.asserting or (feature.latest and seen[-1][1] >= since)
        return value, -1 if place < 0 else seen[place][2], settled


def _latest_days(seen: Cell, wanted: int) -> tuple[Cell, int | None]:
    """The readings of the latest days that have any, and the first instant of those days if they are all there."""
    dated = [one for one in seen if one[1] != NAT]
    days = sorted({one[1] // DAY for one in dated})[-wanted:]
    if not days:
        return dated, None
    return [one for one in dated if one[1] // DAY >= days[0]], days[0] * DAY if len(days) == wanted else None


class _Classes:
    """The classes of the patient's encounters as known at the index, and which of some sets each is in."""

    def __init__(self, row: _OneRow, events: list[Event]) -> None:
        fields = row.timeline.fields
        stated = fields.index("Encounter.class") if "Encounter.class" in fields else -1
        self._sets = row.plan.classes
        self._codes: dict[int, list[str]] = {}
        for event in events:
            if event[0] == stated and event[8] <= row.at < event[9] and event[6] <= row.at:
                self._codes.setdefault(event[4], []).append(row.timeline.code_words[event[1]])

    def judge(self, encounter: int, which: int) -> tuple[bool, bool]:
        """Whether an encounter is in set `which`, and whether its class is known at all. No encounter is in none."""
        if not encounter:
            return False, True
        codes = self._codes.get(encounter, ())
        return any(map(self._sets[which].matches, codes)), bool(codes)
