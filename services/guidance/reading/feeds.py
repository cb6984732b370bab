"""Which events feed which features: decided once per way of coding (field, codes, unit, answer), then remembered.

A timeline has millions of events but few ways of coding them, and the bedside sees the same ones call after call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from services.timeline.codes import CodeSet, icd10_category
from services.timeline.units import conversion

_FIELD_SETS = 1_000  # which fields occur in one patient's answers: few combinations do

Signature = tuple[str, str, str, str]
"""Field, codes, unit and answer of an event; unit and answer are "" where no feature of that field looks at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWish:
    """What one feature asks of an event, apart from time."""

    fields: tuple[str, ...]
    codes: CodeSet | None
    answers: CodeSet | None
    unit: str | None
    levels: Mapping[str, float]
    distinct: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTable:
    """Feeds as columns: an event that feeds `feature` gives it `value * factor + offset`, or `level`."""

    feature: NDArray[np.int64]
    factor: NDArray[np.float64]
    offset: NDArray[np.float64]
    level: NDArray[np.float64]
    convertible: NDArray[np.bool_]
    group: NDArray[np.int64]
    """What it is counted as, where distinct codes are counted."""


_Feed = tuple[int, float, float, float, bool, int]


def _table(rows: Sequence[_Feed]) -> FeedTable:
    feature, factor, offset, level, convertible, group = zip(*rows, strict=True) if rows else ((),) * 6
    return FeedTable(
        feature=np.array(feature, dtype=np.int64),
        factor=np.array(factor, dtype=np.float64),
        offset=np.array(offset, dtype=np.float64),
        level=np.array(level, dtype=np.float64),
        convertible=np.array(convertible, dtype=np.bool_),
        group=np.array(group, dtype=np.int64),
    )


@dataclass(slots=True)
class _Memory:
    """What has been decided so far; only ever added to."""

    feeds_of: dict[Signature, tuple[int, ...]] = field(default_factory=dict)
    rows: list[_Feed] = field(default_factory=list)
    numbers: dict[_Feed, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    table: FeedTable = field(default_factory=lambda: _table(()))


class Feeding:
    """The wishes of all event features, and what is remembered of whom they took; safe to share between threads."""

    def __init__(self, wishes: Sequence[EventWish], *, remembered: int = 100_000) -> None:
        self._wishes: dict[str, list[tuple[int, EventWish]]] = {}
        for number, wish in enumerate(wishes):
            for name in wish.fields:
                self._wishes.setdefault(name, []).append((number, wish))
        self._unit = frozenset(name for name, asked in self._wishes.items() if any(wish.unit for _, wish in asked))
        self._answer = frozenset(
            name
            for name, asked in self._wishes.items()
            if any(wish.answers is not None or wish.levels for _, wish in asked)
        )
        self._looks: dict[tuple[str, ...], NDArray[np.bool_]] = {}
        self._memory = _Memory()
        self._remembered = remembered
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._memory.feeds_of)

    def looks_at(self, fields: tuple[str, ...]) -> NDArray[np.bool_]:
        """Per field of a timeline: whether any feature reads it, its unit, its answer (three rows)."""
        found = self._looks.get(fields)
        if found is None:
            looks = [[name in asked for name in fields] for asked in (self._wishes, self._unit, self._answer)]
            found = np.array(looks, dtype=np.bool_).reshape(3, len(fields))
            if len(self._looks) >= _FIELD_SETS:
                self._looks.clear()
            self._looks[fields] = found
        return found

    def of(self, signatures: Sequence[Signature]) -> tuple[list[tuple[int, ...]], FeedTable]:
        """The feeds of each way of coding, as rows of the table that comes with them."""
        memory = self._memory
        try:
            return [memory.feeds_of[signature] for signature in signatures], memory.table
        except KeyError:
            return self._learn(signatures)

    def _learn(self, signatures: Sequence[Signature]) -> tuple[list[tuple[int, ...]], FeedTable]:
        with self._lock:
            # Beyond so many the memory starts afresh: it does not grow with history.
            if len(self._memory.feeds_of) > self._remembered:
                self._memory = _Memory()
            memory = self._memory
            fresh = {one: self._decide(memory, one) for one in signatures if one not in memory.feeds_of}
            # The table first: who sees a feed must find its row.
            memory.table = _table(memory.rows)
            memory.feeds_of.update(fresh)
            return [memory.feeds_of[signature] for signature in signatures], memory.table

    def _decide(self, memory: _Memory, signature: Signature) -> tuple[int, ...]:
        name, codes, unit, answer = signature
        numbers = []
        for feature, wish in self._wishes.get(name, ()):
            if wish.codes is not None and not wish.codes.matches(codes):
                continue
            if wish.answers is not None and not wish.answers.matches(answer):
                continue
            group = _counted_as(wish, codes)
            if group is None:
                continue
            place = memory.groups.setdefault(group, len(memory.groups))
            feed = (feature, *_number(wish, codes, unit, answer), place)
            if feed not in memory.numbers:
                memory.numbers[feed] = len(memory.rows)
                memory.rows.append(feed)
            numbers.append(memory.numbers[feed])
        return tuple(numbers)


def _number(wish: EventWish, codes: str, unit: str, answer: str) -> tuple[float, float, float, bool]:
    """Factor, offset, level and whether the unit can be converted."""
    if wish.levels:
        # Some facts answer (valueCodeableConcept), others are coded (a discharge disposition).
        said = (answer or codes).split("\n")
        level = next((wish.levels[one] for one in said if one in wish.levels), nan)
        return nan, 0.0, level, True
    if wish.unit is None:
        return 1.0, 0.0, nan, True
    converted = conversion(token_or_codes=codes, from_unit=unit, to_unit=wish.unit)
    return (nan, 0.0, nan, False) if converted is None else (*converted, nan, True)


def _counted_as(wish: EventWish, codes: str) -> str | None:
    """What makes an event one of the distinct: its ICD-10 category (None: it has none), or the code that was asked for."""
    if wish.distinct == "icd10-3":
        return icd10_category(codes) or None
    if wish.distinct == "code":
        asked = wish.codes
        return codes if asked is None else next((one for one in codes.split("\n") if asked.matches(one)), codes)
    return ""
