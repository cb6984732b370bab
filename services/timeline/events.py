"""Events: one row per clinical fact. A batch collects rows; its columns are what is stored and assembled.

Times are int64 microseconds (see `instants`). `time` is when it happened, `known` when it could be read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A dictionary-encoded text column: row i says `words[index[i]]`. Words may stand unused or in any order."""

    index: NDArray[np.int32]
    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Coded:
        """Encode texts, words in order of first appearance."""
        position: defaultdict[str, int] = defaultdict()
        position.default_factory = position.__len__  # a new word's place is the number of those before it
        index = np.fromiter(map(position.__getitem__, texts), dtype=np.int32, count=len(texts))
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
        time, end, known, updated = (np.array(self.cells[place::step], dtype=np.int64) for place in range(7, 11))
        return EventColumns(
            patient=text[0], field=text[1], codes=text[2], unit=text[3], answer=text[4],
            resource=text[5], encounter=text[6], time=time, end=end, known=known, updated=updated,
            assumed=np.array(self.cells[11::step], dtype=np.bool_),
            value=np.array(self.cells[12::step], dtype=np.float64),
        )  # fmt: skip


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
