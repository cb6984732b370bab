"""Features of N (patient, index) rows at once: history is N = 10^6, the bedside N = 1; same definition, same bits.

Every event that feeds a feature becomes an entry, sorted by (feature, patient, time). The window of a row is then a
stretch of entries, found by two searches; the stretches are laid out flat, what was not visible at the index falls
away, and each kind is reduced for all its features together (`reading.kernels`). One row of few events is read in plain
Python instead (`reading.one_row`), with the same result to the last bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.guidance.reading.encounter_classes import EncounterClasses
from services.guidance.reading.entries import Asked, find_visible, sort_entries
from services.guidance.reading.feeds import POINTED
from services.guidance.reading.kernels import ABSENT, KERNELS, UNKNOWN, VALUE, Groups, Visible
from services.guidance.reading.latest_days import keep_latest_days
from services.guidance.reading.one_row import FEW, read_one_row
from services.guidance.reading.plan import FeaturePlan, compile_features
from services.guidance.reading.windows import Rows, window_bounds
from services.timeline.errors import BadInput
from services.timeline.instants import ALWAYS, NAT
from services.timeline.one_patient import Moment, patient_of
from services.timeline.timeline import IndexRows, Timeline

__all__ = ["ABSENT", "UNKNOWN", "VALUE", "FeatureMatrix", "FeaturePlan", "compile_features", "read_features"]

Ints = NDArray[np.int64]
Numbers = NDArray[np.float64]
States = NDArray[np.uint8]

BUDGET = 1_000_000
"""Events of patients, and (row, feature) cells, that one chunk may hold: it bounds memory, whatever N is."""
_STEP_ROWS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMatrix:
    """The features of N rows, with what is known of each and the event that it came from."""

    names: tuple[str, ...]
    values: Numbers
    """N x F; NaN unless the state is VALUE."""
    states: States
    sources: Ints
    """N x F: the timeline row of the event that gave the value; -1 = none, or several did."""
    problems: Counter[str]
    """`feature: reason` → events that stood in a window but could not be used, or results out of range."""

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> tuple[Numbers, States]:
        """One feature's values and states, as `conditions` reads them."""
        place = self.names.index(name)
        return self.values[:, place], self.states[:, place]

    def columns(self) -> dict[str, tuple[Numbers, States]]:
        """Every feature's values and states."""
        return {name: (self.values[:, place], self.states[:, place]) for place, name in enumerate(self.names)}

    def model_inputs(self, names: Sequence[str]) -> Numbers:
        """N x K for a model, in its own order; NaN where there is no value."""
        return np.ascontiguousarray(self.values[:, _places(self.names, tuple(names))])


@lru_cache(maxsize=256)
def _places(names: tuple[str, ...], wanted: tuple[str, ...]) -> Ints:
    """Where each feature that a model wants stands among those there are."""
    position = {name: place for place, name in enumerate(names)}
    if missing := [name for name in wanted if name not in position]:
        raise BadInput(f"The model asks for {', '.join(missing)}, which this guidance does not compute")
    return np.array([position[name] for name in wanted], dtype=np.int64)


def read_features(plan: FeaturePlan, timeline: Timeline, rows: IndexRows, *, budget: int = BUDGET) -> FeatureMatrix:
    """Every feature of every row: what was visible at its index, in its windows."""
    if len(rows) == 1 and events_of(timeline, int(rows.patient[0])) <= FEW:
        return _read_one(plan, timeline, rows)
    return _read_many(plan, timeline, rows, budget)


def events_of(timeline: Timeline, patient: int) -> int:
    """How many events a patient has; -1 = nobody, who has none."""
    return int(timeline.starts[patient + 1] - timeline.starts[patient]) if patient >= 0 else 0


def _read_one(plan: FeaturePlan, timeline: Timeline, rows: IndexRows) -> FeatureMatrix:
    problems: Counter[str] = Counter()
    patient, encounter = int(rows.patient[0]), int(rows.encounter[0])
    moment = Moment(
        at=int(rows.at[0]),
        encounter=timeline.resource_words[encounter] if encounter > 0 else "",
        start=int(rows.start[0]),
    )
    values, states, sources = read_one_row(plan, patient_of(timeline, patient), moment, problems)
    found = np.array([sources], dtype=np.int64)
    return FeatureMatrix(
        names=plan.names,
        values=np.array([values], dtype=np.float64),
        states=np.array([states], dtype=np.uint8),
        sources=np.where(found < 0, -1, found + timeline.starts[patient]),
        problems=problems,
    )


def _read_many(plan: FeaturePlan, timeline: Timeline, rows: IndexRows, budget: int) -> FeatureMatrix:
    # Feature-major within: a feature is one stretch of memory. The last row stands for what a formula is not given.
    shape = (len(plan) + 1, len(rows))
    values = np.full(shape, np.nan)
    states = np.full(shape, UNKNOWN, dtype=np.uint8)
    states[-1] = ABSENT
    sources = np.full(shape, -1, dtype=np.int64)
    problems: Counter[str] = Counter()
    with np.errstate(over="ignore", invalid="ignore"):
        if len(plan.places):
            reader = _Reader(plan, timeline, problems)
            for chunk in _chunks(timeline, rows.patient, len(plan.places), budget):
                place = (plan.places[:, None], chunk)
                values[place], states[place], sources[place] = reader.read(rows, chunk)
        for step in plan.steps:
            for begin in range(0, len(rows), _STEP_ROWS):
                part = slice(begin, begin + _STEP_ROWS)
                step.compute(values[:, part], states[:, part], problems)
    return FeatureMatrix(
        names=plan.names, values=values[:-1].T, states=states[:-1].T, sources=sources[:-1].T, problems=problems
    )


def _chunks(timeline: Timeline, patient: NDArray[np.int32], features: int, budget: int) -> Iterator[Ints]:
    """Rows in the order of their patients, as many at a time as the budget allows."""
    if len(patient) <= 1:
        yield np.arange(len(patient))
        return
    order = patient.argsort(kind="stable")
    cost = features + np.where(patient < 0, 0, np.diff(timeline.starts, append=0)[patient])[order]
    piece = cost.cumsum() // budget
    yield from np.split(order, (piece[1:] != piece[:-1]).nonzero()[0] + 1)


class _Reader:
    """Reads chunk after chunk of one timeline."""

    def __init__(self, plan: FeaturePlan, timeline: Timeline, problems: Counter[str]) -> None:
        self.plan = plan
        self.timeline = timeline
        self.problems = problems
        of = timeline.coverage.of
        since = [max([of(query) for query in queries], default=ALWAYS) for queries in plan.queries]
        self.since = np.array(since, dtype=np.int64)[plan.query]
        self.asked = Asked(
            looks=plan.feeding.looks_at(timeline.fields),
            in_vain=np.array([bool(kind) and of(kind) > ALWAYS for kind in POINTED], dtype=np.bool_),
            complete=self.since <= ALWAYS,
            classes=EncounterClasses(timeline, plan.classes) if plan.classes else None,
        )

    def read(self, rows: IndexRows, chunk: Ints) -> tuple[Numbers, States, Ints]:
        """Values, states and sources of the event features, (feature, row), in the plan's order."""
        plan, timeline = self.plan, self.timeline
        patient = rows.patient[chunk]
        fresh = np.ones(len(chunk), dtype=np.bool_)
        np.not_equal(patient[1:], patient[:-1], out=fresh[1:])
        those = patient[fresh]
        entries = sort_entries(
            plan,
            self.asked,
            timeline,
            np.where(those < 0, 0, timeline.starts[those]),
            np.where(those < 0, 0, timeline.starts[those + 1]),
        )
        moments = Rows(
            person=np.cumsum(fresh) - 1, at=rows.at[chunk], start=rows.start[chunk], encounter=rows.encounter[chunk]
        )
        low, high, there = window_bounds(plan.windows, moments)
        visible, unusable, doubtful = find_visible(
            plan, timeline, self.asked, entries, moments, low, high, self.problems
        )
        dayed, began = doubtful[:0], doubtful[:0]
        if plan.latest_days is not None:
            visible, dayed, began = keep_latest_days(plan.latest_days, visible, len(chunk))
        values, settled, sources = self._reduce(visible, len(chunk))
        settled[dayed] |= began >= self.since[dayed // len(chunk)]
        if (summed := plan.kinds.get("sum")) is not None:
            # A sum that lacks a part is no sum.
            feature = unusable // len(chunk)
            values[unusable[(summed.start <= feature) & (feature < summed.stop)]] = np.nan
        grid = (len(plan.places), len(chunk))
        values, settled, sources = values.reshape(grid), settled.reshape(grid), sources.reshape(grid)
        # "Ever" reaches back to ALWAYS, not to NAT: covered only by a query that was answered in full.
        settled |= np.maximum(low, ALWAYS)[plan.window] >= self.since[:, None]
        if len(doubtful):
            # One that surely counts is still enough where one is; a number might be another.
            there_is = plan.asserting[doubtful // len(chunk)] & (values.ravel()[doubtful] == 1.0)
            settled.ravel()[doubtful] &= there_is
        settled &= there[plan.window]
        # An encounter that was not known at the index is not made so by what is known of it later.
        settled &= ~plan.this_encounter[:, None] | (moments.start != NAT)
        result = values[plan.ranged]
        outside = settled[plan.ranged] & ((result < plan.floor[:, None]) | (result > plan.ceiling[:, None]))
        if np.count_nonzero(outside):
            for place, times in Counter(plan.ranged[outside.nonzero()[0]].tolist()).items():
                self.problems[f"{plan.names[plan.places[place]]}: out of range"] += times
            values[plan.ranged] = np.where(outside, np.nan, result)
        states = np.where(settled, np.isnan(values), UNKNOWN).astype(np.uint8)  # ABSENT is 1, VALUE is 0
        missing = states != VALUE
        values[missing] = np.nan
        sources[missing] = -1
        return values, states, sources

    def _reduce(self, visible: Visible, rows: int) -> tuple[Numbers, NDArray[np.bool_], Ints]:
        """Per cell, flat: its number, whether that is settled whatever was not asked, and its source."""
        plan = self.plan
        values = np.where(plan.zero, 0.0, np.nan).repeat(rows)
        settled = np.zeros(len(values), dtype=np.bool_)
        sources = np.full(len(values), -1, dtype=np.int64)
        cell = visible.cell
        if not len(cell):
            return values, settled, sources
        fresh = np.ones(len(cell), dtype=np.bool_)
        np.not_equal(cell[1:], cell[:-1], out=fresh[1:])
        first = fresh.nonzero()[0]
        last = np.empty_like(first)
        last[:-1], last[-1] = first[1:] - 1, len(cell) - 1
        cell = cell[first]
        feature = cell // rows
        number = np.empty(len(cell))
        source = np.empty(len(cell), dtype=np.int64)
        edges = np.searchsorted(feature, np.arange(len(plan.places) + 1)).tolist()
        for kind, stretch in plan.kinds.items():
            part = slice(edges[stretch.start], edges[stretch.stop])
            if part.start == part.stop:
                continue
            groups = Groups(seen=visible, first=first[part], last=last[part])
            number[part], source[part] = KERNELS[kind](groups)
        unlisted = plan.levelled[feature] & np.isnan(number)
        if np.count_nonzero(unlisted):
            for one, times in Counter(feature[unlisted].tolist()).items():
                self.problems[f"{plan.names[plan.places[one]]}: answer not listed"] += times
        values[cell] = number
        sources[cell] = np.where(source < 0, -1, visible.event[source])
        recent = plan.latest[feature] & (visible.time[last] >= self.since[feature])
        settled[cell] = plan.asserting[feature] | recent
        return values, settled, sources
