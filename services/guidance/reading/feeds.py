"""Which events feed which features: decided once per way of coding (field, codes, unit, answer), then remembered.

A timeline has millions of events but few ways of coding them, and the bedside sees the same ones call after call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import nan
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from services.timeline.codes import CodeSet, icd10_category, ingredients_of
from services.timeline.links import LINKS
from services.timeline.units import conversion

_FIELD_SETS = 1_000  # which fields occur in one patient's answers: few combinations do

_CHARACTERS = 10_000_000  # of the signatures remembered: a hospital's hundred thousand need about as many

POINTS = "->"
"""The answer, in a signature, of whatever points to another resource for its codes."""
POINTERS = {pointing: coding.partition(".")[0] for pointing, coding, same_patient in LINKS if not same_patient}
"""Field that may point to a resource of no patient → its type. No search by patient finds it: it may never be asked for."""
POINTED = ("", *sorted(set(POINTERS.values())))
"""Those types, after "" for no pointer."""

Signature = tuple[str, str, str, str]
"""Field, codes, unit (of an order its route) and answer of an event; "" where no feature of that field looks at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWish:
    """What one feature asks of an event, apart from time."""

    fields: tuple[str, ...]
    codes: CodeSet | None
    answers: CodeSet | None
    unit: str | None
    levels: Mapping[str, float]
    distinct: str | None
    not_by: CodeSet | None = None
    """Routes of an order, which stand where a measurement has its unit."""

    @property
    def minds_codes(self) -> bool:
        """Whether it matters to it how an event is coded."""
        return self.codes is not None or bool(self.levels) or self.distinct not in (None, "resource")


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
    counts: NDArray[np.bool_]
    """It counts as it is; else it might, if what it points to were known."""
    pointed: NDArray[np.int64]
    """Which of `POINTED` it points to in vain for its codes; 0 = none."""


Feed = tuple[int, float, float, float, bool, int, bool, int]
"""One feed: feature, factor, offset, level, convertible, group, counts, pointed."""


def _table(rows: Sequence[Feed]) -> FeedTable:
    feature, factor, offset, level, convertible, group, counts, pointed = zip(*rows, strict=True) if rows else ((),) * 8
    return FeedTable(
        feature=np.array(feature, dtype=np.int64),
        factor=np.array(factor, dtype=np.float64),
        offset=np.array(offset, dtype=np.float64),
        level=np.array(level, dtype=np.float64),
        convertible=np.array(convertible, dtype=np.bool_),
        group=np.array(group, dtype=np.int64),
        counts=np.array(counts, dtype=np.bool_),
        pointed=np.array(pointed, dtype=np.int64),
    )


@dataclass(slots=True)
class _Memory:
    """What has been decided so far; only ever added to."""

    feeds_of: dict[Signature, tuple[int, ...]] = field(default_factory=dict)
    rows_of: dict[Signature, tuple[Feed, ...]] = field(default_factory=dict)
    rows: list[Feed] = field(default_factory=list)
    numbers: dict[Feed, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    table: FeedTable = field(default_factory=lambda: _table(()))
    characters: int = 0


class Feeding:
    """The wishes of all event features, and what is remembered of whom they took; safe to share between threads."""

    def __init__(self, wishes: Sequence[EventWish], *, remembered: int = 100_000) -> None:
        self._wishes: dict[str, list[tuple[int, EventWish]]] = {}
        for number, wish in enumerate(wishes):
            for name in wish.fields:
                self._wishes.setdefault(name, []).append((number, wish))
        self._unit = frozenset(
            name for name, asked in self._wishes.items() if any(wish.unit or wish.not_by for _, wish in asked)
        )
        self._answer = frozenset(
            name
            for name, asked in self._wishes.items()
            if any(wish.answers is not None or wish.levels for _, wish in asked)
        )
        self._pointing = frozenset(
            name
            for name, asked in self._wishes.items()
            if name in POINTERS and any(wish.minds_codes for _, wish in asked)
        )
        self._answer_alone = self._answer - self._pointing
        self._looks: dict[tuple[str, ...], NDArray[np.bool_]] = {}
        self._memory = _Memory()
        self._remembered = remembered
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._memory.feeds_of)

    def signatures(
        self, fields: Sequence[str], codes: Sequence[str], units: Sequence[str], answers: Sequence[str]
    ) -> list[Signature]:
        """How each event of a few is coded, as far as any feature of its field looks."""
        by_unit, by_answer, pointing = self._unit, self._answer_alone, self._pointing
        return [
            (
                field,
                code,
                unit if field in by_unit else "",
                POINTS if answer and field in pointing else answer if field in by_answer else "",
            )
            for field, code, unit, answer in zip(fields, codes, units, answers, strict=True)
        ]

    def looks_at(self, fields: tuple[str, ...]) -> NDArray[np.bool_]:
        """Per field of a timeline: whether any feature reads it, its unit, its answer, where it points (four rows)."""
        found = self._looks.get(fields)
        if found is None:
            asked = (self._wishes, self._unit, self._answer_alone, self._pointing)
            looks = [[name in those for name in fields] for those in asked]
            found = np.array(looks, dtype=np.bool_).reshape(len(asked), len(fields))
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
            memory = self._learn(signatures)
            return [memory.feeds_of[signature] for signature in signatures], memory.table

    def rows_of(self, signatures: Sequence[Signature]) -> list[tuple[Feed, ...]]:
        """The feeds of each way of coding, each as the row of the table that it is."""
        memory = self._memory
        try:
            return [memory.rows_of[signature] for signature in signatures]
        except KeyError:
            memory = self._learn(signatures)
            return [memory.rows_of[signature] for signature in signatures]

    def _learn(self, signatures: Sequence[Signature]) -> _Memory:
        """A memory that knows these ways of coding."""
        with self._lock:
            # Beyond so many the memory starts afresh: it does not grow with history. Nor with what a client makes up:
            # a unit or a list of codes may be as long as a body.
            if len(self._memory.feeds_of) > self._remembered or self._memory.characters > _CHARACTERS:
                self._memory = _Memory()
            memory = self._memory
            fresh = {one: self._decide(memory, one) for one in signatures if one not in memory.feeds_of}
            memory.characters += sum(map(len, chain.from_iterable(fresh)))
            # The table first: who sees a feed must find its row.
            memory.table = _table(memory.rows)
            memory.rows_of.update({one: tuple(memory.rows[feed] for feed in feeds) for one, feeds in fresh.items()})
            memory.feeds_of.update(fresh)
            return memory

    def _decide(self, memory: _Memory, signature: Signature) -> tuple[int, ...]:
        name, codes, unit, answer = signature
        # A coded token has a system; a text alone may only be how the pointer is shown.
        pointed = answer == POINTS and not any(one[0] != "|" for one in codes.split("\n") if one)
        numbers = []
        for feature, wish in self._wishes.get(name, ()):
            unclear = POINTED.index(POINTERS[name]) if pointed and wish.minds_codes else 0
            counts = wish.codes is None or wish.codes.matches(codes)
            if wish.answers is not None and not wish.answers.matches(answer):
                counts = False
            if wish.not_by is not None and wish.not_by.matches(unit):
                continue  # by whatever name the medicine goes
            groups = _counted_as(wish, codes) if counts else ()
            # What it would be counted as, were it known, nobody can say; nor need it be said.
            for group in groups or (("",) if unclear else ()):
                place = memory.groups.setdefault(group, len(memory.groups))
                feed = (feature, *_number(wish, codes, unit, answer), place, bool(groups), unclear)
                if feed not in memory.numbers:
                    memory.numbers[feed] = len(memory.rows)
                    memory.rows.append(feed)
                numbers.append(memory.numbers[feed])
        return tuple(numbers)


def _number(wish: EventWish, codes: str, unit: str, answer: str) -> tuple[float, float, float, bool]:
    """Factor, offset, level and whether the unit can be converted."""
    if wish.levels:
        # Some facts answer (valueCodeableConcept), others are coded (a discharge disposition).
        said = (codes if answer in ("", POINTS) else answer).split("\n")
        level = next((wish.levels[one] for one in said if one in wish.levels), nan)
        return nan, 0.0, level, True
    if wish.unit is None:
        return 1.0, 0.0, nan, True
    converted = conversion(token_or_codes=codes, from_unit=unit, to_unit=wish.unit)
    return (nan, 0.0, nan, False) if converted is None else (*converted, nan, True)


def _counted_as(wish: EventWish, codes: str) -> tuple[str, ...]:
    """What makes an event one of the distinct: its ICD-10 category (if any), the code asked for, each of its ingredients."""
    if wish.distinct == "icd10-3":
        category = icd10_category(codes)
        return (category,) if category else ()
    if wish.distinct == "ingredient":
        return ingredients_of(codes, wish.codes)
    if wish.distinct == "code":
        asked = wish.codes
        return (codes if asked is None else next((one for one in codes.split("\n") if asked.matches(one)), codes),)
    return ("",)
