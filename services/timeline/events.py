"""Events: one row per clinical fact. A batch collects rows; its columns are what is stored and assembled.

Times are int64 microseconds (see `instants`). `time` is when it happened, `known` when it could be read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.timeline.instants import NAT

RETRACTED: Final = "retracted"
"""The field of a version that states no fact, but ends the visibility of the versions before it."""

COLUMNS: Final = (
    "patient", "field", "codes", "unit", "answer", "resource", "encounter",
    "time", "end", "known", "updated", "assumed", "value",
)  # fmt: skip
"""The order of the cells of one row in `EventBatch.cells`."""

_SOME: Final = 64
"""So many texts are looked at, to see whether any comes twice, before all are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A dictionary-encoded text column: row i says `words[index[i]]`. Words may stand unused or in any order."""

    index: NDArray[np.int32]
    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: list[str]) -> Coded:
        """Encode texts, words in order of first appearance."""
        count = len(texts)
        if count and texts == texts[:1] * count:  # such as the field
            return cls(index=np.zeros(count, dtype=np.int32), words=(texts[0],))
        if _differ(texts[:_SOME]) and _differ(texts):  # such as the resource
            return cls(index=np.arange(count, dtype=np.int32), words=tuple(texts))
        position: defaultdict[str, int] = defaultdict()
        position.default_factory = position.__len__  # a new word's place is the number of those before it
        index = np.fromiter(map(position.__getitem__, texts), dtype=np.int32, count=count)
        return cls(index=index, words=tuple(position))

    def texts(self) -> list[str]:
        """Every row's text."""
        return list(map(self.words.__getitem__, self.index.tolist()))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumns:
    """Events as columns of equal length."""

    patient: Coded
    field: Coded
    codes: Coded
    unit: Coded
    answer: Coded
    resource: Coded
    encounter: Coded
    time: NDArray[np.int64]
    end: NDArray[np.int64]
    known: NDArray[np.int64]
    updated: NDArray[np.int64]
    assumed: NDArray[np.bool_]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time)


class EventBatch:
    """Grows by appending. Two counts by `Type: reason` say what did not arrive whole.

    `skipped`: resources of which no fact came, exactly one count each (a retraction states no fact). So every
    resource either becomes facts or is counted here. `losses`: what inside resources could not be read, or only with
    a repair, whatever came of them.
    """

    __slots__ = ("cells", "losses", "skipped")

    def __init__(self) -> None:
        # One flat list, a row every len(COLUMNS) cells: one `extend` per event, and a column is a strided slice.
        self.cells: list[Any] = []
        self.skipped: Counter[str] = Counter()
        self.losses: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self.cells) // len(COLUMNS)

    def add(
        self,
        *,
        patient: str,
        field: str,
        codes: str = "",
        unit: str = "",
        answer: str = "",
        resource: str = "",
        encounter: str = "",
        time: int = NAT,
        end: int = NAT,
        known: int,
        updated: int = NAT,
        assumed: bool = False,
        value: float = nan,
    ) -> None:
        """Append one event by name. The flatten files extend `cells` directly: it is their hot loop."""
        self.cells.extend(
            (patient, field, codes, unit, answer, resource, encounter, time, end, known, updated, assumed, value)
        )

    def columns(self) -> EventColumns:
        """The events as columns, in the order in which they were added."""
        step = len(COLUMNS)
        text = [Coded.of(self.cells[place::step]) for place in range(7)]
        time, end, known, updated = (_whole(self.cells[place::step], np.int64) for place in range(7, 11))
        return EventColumns(
            patient=text[0], field=text[1], codes=text[2], unit=text[3], answer=text[4],
            resource=text[5], encounter=text[6], time=time, end=end, known=known, updated=updated,
            assumed=_whole(self.cells[11::step], np.bool_),
            value=np.fromiter(self.cells[12::step], dtype=np.float64, count=len(self)),
        )  # fmt: skip


def _differ(texts: list[str]) -> bool:
    """Whether no text comes twice."""
    return len(set(texts)) == len(texts)


def _whole(cells: list[Any], kind: type[np.generic]) -> NDArray[Any]:
    """Times, or yes and no, as an array. Often all are alike (no end, no update), and that is seen at once."""
    if cells and cells == cells[:1] * len(cells):
        return np.full(len(cells), cells[0], dtype=kind)
    return np.fromiter(cells, dtype=kind, count=len(cells))


def concatenate(parts: Iterable[EventColumns]) -> EventColumns:
    """The events of several parts (files, row groups, prefetch answers) as one."""
    listed = list(parts)
    if len(listed) == 1:
        return listed[0]
    if not listed:
        return EventBatch().columns()

    def text(columns: list[Coded]) -> Coded:
        position: dict[str, int] = {}
        pieces: list[NDArray[np.int32]] = []
        for column in columns:
            moved = [position.setdefault(word, len(position)) for word in column.words]
            pieces.append(np.array(moved, dtype=np.int32)[column.index])
        return Coded(index=np.concatenate(pieces), words=tuple(position))

    return EventColumns(
        patient=text([part.patient for part in listed]),
        field=text([part.field for part in listed]),
        codes=text([part.codes for part in listed]),
        unit=text([part.unit for part in listed]),
        answer=text([part.answer for part in listed]),
        resource=text([part.resource for part in listed]),
        encounter=text([part.encounter for part in listed]),
        time=np.concatenate([part.time for part in listed]),
        end=np.concatenate([part.end for part in listed]),
        known=np.concatenate([part.known for part in listed]),
        updated=np.concatenate([part.updated for part in listed]),
        assumed=np.concatenate([part.assumed for part in listed]),
        value=np.concatenate([part.value for part in listed]),
    )
