"""The features of one row: the same result as the kernels of many rows, bit for bit, in plain Python.

At the bedside a patient has some dozens of events, and the fixed cost of numpy's calls would be nearly all of the work.
Each step here is that of `entries` and `kernels` for one cell after the other; tests hold them equal, bit for bit.
"""

from __future__ import annotations

from collections import Counter
from math import isnan, nan
from typing import Final

import numpy as np

from services.guidance.reading.feeds import POINTED
from services.guidance.reading.kernels import ABSENT, UNKNOWN, VALUE
from services.guidance.reading.one_row_kernels import Cell
from services.guidance.reading.one_row_plan import EventFeature, taken_apart
from services.guidance.reading.plan import FeaturePlan
from services.timeline.instants import ALWAYS, DAY, NAT
from services.timeline.one_patient import Moment, OnePatient

Result = tuple[list[float], list[int], list[int]]
"""Values, states and sources (places among the patient's events, -1 = none) of all features, in the plan's order."""
FEW: Final = 400
"""Up to so many events of the patient plain Python is faster than numpy."""


def read_one_row(plan: FeaturePlan, patient: OnePatient, moment: Moment, problems: Counter[str]) -> Result:
    """Read the one row of a patient at a moment."""
    reader = _OneRow(plan, patient, moment, problems)
    reader.gather()
    values, states, sources = reader.result()
    if steps := taken_apart(plan).steps:
        # The last one stands for what a formula is not given.
        values.append(nan)
        states.append(ABSENT)
        with np.errstate(over="ignore", invalid="ignore"):
            for step in steps:
                step.compute(values, states, problems)
        del values[-1], states[-1]
    return values, states, sources


class _OneRow:
    """One row on its way from events to features."""

    def __init__(self, plan: FeaturePlan, patient: OnePatient, moment: Moment, problems: Counter[str]) -> None:
        self.plan = plan
        self.events = patient
        self.problems = problems
        self.at, self.start = moment.at, moment.start
        self.encounter = moment.encounter or None  # no event is of no encounter
        self.classes = _Classes(self) if plan.classes else None
        of = patient.coverage.of
        self.since = [max(map(of, queries), default=ALWAYS) for queries in plan.queries]
        apart = taken_apart(plan)
        self.features = apart.features
        windows = [window.bounds(self.at, self.start) for window in apart.windows]
        self.windows = [windows[feature.window] for feature in self.features]
        self.cells: list[Cell] = [[] for _ in self.features]
        self.doubtful: set[int] = set()
        self.spoiled: set[int] = set()

    def gather(self) -> None:
        """Put every event into the cells of the features that see it and can use it."""
        events, at, windows, features, cells = self.events, self.at, self.windows, self.features, self.cells
        feeding = self.plan.feeding
        found = feeding.rows_of(feeding.signatures(events.field, events.codes, events.unit, events.answer))
        columns = zip(found, events.known, events.until, events.time, events.value, events.resource, strict=True)
        for place, (feeds, known, until, time, number, resource) in enumerate(columns):
            if not feeds or not known <= at < until:
                continue
            for one, factor, offset, level, convertible, group, counts, pointed in feeds:
                low, high, _ = windows[one]
                if not low <= time <= high:
                    continue
                feature = features[one]
                if (pointed or feature.particular) and not self._admits(one, feature, place, counts, pointed):
                    continue
                value = number * factor + offset if level != level else level
                if feature.measured and not feature.low <= value <= feature.high:
                    self._spoil(one, feature, number, convertible)
                    continue
                cells[one].append((value, time, place, resource if feature.by_resource else group))

    def _admits(self, number: int, feature: EventFeature, place: int, counts: bool, pointed: int) -> bool:
        """Whether an event in the window counts for a feature that looks at more than times, or points elsewhere."""
        events = self.events
        if feature.sure and events.assumed[place] and events.known[place] != ALWAYS:
            return False
        in_vain = pointed and events.coverage.of(POINTED[pointed]) > ALWAYS
        if not counts and not in_vain:
            return False
        if feature.selective and not self._concerns(feature, place):
            return False
        if feature.not_during >= 0 and self.classes is not None:
            during, known = self.classes.judge(events.encounter[place], feature.not_during)
            if not known and self.since[feature.query] > ALWAYS:
                self.doubtful.add(number)
                return False
            if during:
                return False
        if in_vain:
            self.doubtful.add(number)
        return counts

    def _concerns(self, feature: EventFeature, place: int) -> bool:
        """Whether it is of this encounter, has not ended, and did not lead to the stay, where a feature minds."""
        events = self.events
        if feature.this_encounter and self.encounter not in (events.encounter[place], events.resource[place]):
            return False
        time, end = events.time[place], events.end[place]
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
        """What the cells say; what is computed from other features is still unknown."""
        size = len(self.plan)
        values, states, sources = [nan] * size, [UNKNOWN] * size, [-1] * size
        in_no_stay = self.start == NAT
        cells = zip(self.features, self.cells, self.windows, strict=True)
        for number, (feature, seen, (low, _, there)) in enumerate(cells):
            since = self.since[feature.query]
            # "Ever" reaches back to ALWAYS, not to NAT: covered only by a query that was answered in full.
            settled = low >= since or since <= ALWAYS
            value, source = feature.nothing, -1
            if seen:
                value, source, alone = self._reduced(feature, seen, since)
                settled = settled or alone
            if number in self.spoiled and feature.kind == "sum":
                value = nan  # a sum that lacks a part is no sum
            if number in self.doubtful:
                # One that surely counts is still enough where one is; a number might be another.
                settled = settled and feature.asserting and value == 1.0
            # An encounter that was not known at the index is not made so by what is known of it later.
            if not settled or not there or (in_no_stay and feature.this_encounter):
                continue
            if (bounds := feature.bounds) is not None and (value < bounds[0] or value > bounds[1]):
                self.problems[f"{feature.name}: out of range"] += 1
                value = nan
            place = feature.place
            if value == value:
                values[place], states[place], sources[place] = value, VALUE, source
            else:
                states[place] = ABSENT
        return values, states, sources

    def _reduced(self, feature: EventFeature, seen: Cell, since: int) -> tuple[float, int, bool]:
        """The number of a cell that has events, its source, and whether that is settled whatever was not asked."""
        settled = False
        if feature.latest_days:
            seen, began = _latest_days(seen, feature.latest_days)
            settled = began is not None and began >= since
            if not seen:
                return feature.nothing, -1, settled
        value, place = feature.reduce(seen, self.at, self.start)
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

    def __init__(self, row: _OneRow) -> None:
        events = row.events
        self._sets = row.plan.classes
        self._codes: dict[str, list[str]] = {}
        for place, field in enumerate(events.field):
            known = max(events.known[place], events.time[place])
            if field == "Encounter.class" and known <= row.at < events.until[place]:
                self._codes.setdefault(events.resource[place], []).append(events.codes[place])

    def judge(self, encounter: str, which: int) -> tuple[bool, bool]:
        """Whether an encounter is in set `which`, and whether its class is known at all. No encounter is in none."""
        if not encounter:
            return False, True
        codes = self._codes.get(encounter, ())
        return any(map(self._sets[which].matches, codes)), bool(codes)
