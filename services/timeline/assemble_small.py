"""The timeline of one hook call: the same result as `assemble_large`, in plain Python.

For some dozens of events the fixed cost of numpy calls would be most of the work. Only batches without versions
come here (each resource seen once, nothing retracted): at the bedside nearly all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.timeline.coverage import Coverage
from services.timeline.events import COLUMNS, RETRACTED, EventBatch, EventColumns
from services.timeline.instants import ALWAYS, FOREVER
from services.timeline.links import LINKS
from services.timeline.shape import Timeline

SMALL: Final = 300
"""Up to so many events of a batch plain Python is faster than numpy (70 events: 0.11 against 0.20 ms)."""
SMALL_COLUMNS: Final = 100
"""The same for events that are columns already."""

Row = tuple[Any, ...]
"""In the order of the timeline: patient, time, field, codes, missing, value, resource, then all else."""
_PATIENT, _FIELD, _CODES, _RESOURCE, _ANSWER = 0, 2, 3, 6, 7
_KNOWN, _UNTIL, _ASSUMED = 10, 11, 13


def assemble_small(events: EventBatch | EventColumns, *, coverage: Coverage, all_known: bool) -> Timeline | None:
    """The timeline of few events; None if they are of the kind that takes more than this."""
    rows = rows_in_order(events, all_known=all_known)
    return None if rows is None else _timeline(rows, coverage)


def rows_in_order(events: EventBatch | EventColumns, *, all_known: bool) -> list[Row] | None:
    """The events in the order of a timeline, what they point to looked up; None if a resource has several versions."""
    patient, field, codes, unit, answer, resource, encounter, time, end, known, updated, assumed, value = _lists(events)
    if RETRACTED in field or len(set(zip(patient, resource, updated, strict=True))) != len(set(resource)):
        return None
    size = len(patient)
    missing = [number != number for number in value]
    number = [0.0 if number != number else number + 0.0 for number in value]
    if all_known:
        known = [ALWAYS] * size
    rows: list[Row] = list(
        zip(patient, time, field, codes, missing, number, resource, answer, unit, end, known, [FOREVER] * size, encounter, assumed, strict=True)
    )  # fmt: skip
    fields = set(field)
    for pointing, coding, same_patient in LINKS:
        if pointing in fields and coding in fields:
            linked = _linked(rows, pointing, coding, same_patient)
            if linked is None:
                return None
            rows = linked
    if "" in patient:
        rows = [row for row in rows if row[_PATIENT]]
    rows.sort()
    if any(one == other for one, other in pairwise(rows)):
        rows = [rows[0], *(row for before, row in pairwise(rows) if row != before)]
    return rows


def _lists(events: EventBatch | EventColumns) -> list[list[Any]]:
    """The columns as lists, in the order of `COLUMNS`."""
    if isinstance(events, EventBatch):
        step = len(COLUMNS)
        return [events.cells[place::step] for place in range(step)]
    texts = [getattr(events, name).texts() for name in COLUMNS[:7]]
    return texts + [getattr(events, name).tolist() for name in COLUMNS[7:]]


def _linked(rows: list[Row], pointing: str, coding: str, same_patient: bool) -> list[Row] | None:
    """The rows, those that point to a resource coded as it is; None if one resource is coded twice."""
    coders = [row for row in rows if row[_FIELD] == coding]
    by = {row[_RESOURCE]: row for row in coders}
    if len(by) < len(coders):
        return None
    told: list[Row] = []
    for row in rows:
        coder = by.get(row[_ANSWER]) if row[_FIELD] == pointing and row[_ANSWER] else None
        if coder is None or (same_patient and coder[_PATIENT] != row[_PATIENT]):
            told.append(row)
            continue
        if row[_KNOWN] < coder[_KNOWN]:
            told.append((*row[:_UNTIL], coder[_KNOWN], *row[_UNTIL + 1 :]))
        coded = list(row)
        coded[_CODES] = coder[_CODES]
        coded[_KNOWN] = max(row[_KNOWN], coder[_KNOWN])
        coded[_ASSUMED] = row[_ASSUMED] or coder[_ASSUMED]
        if coded[_KNOWN] < FOREVER:
            told.append(tuple(coded))
    return told


def _timeline(rows: list[Row], coverage: Coverage) -> Timeline:
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * 14
    patient, time, field, codes, missing, number, resource, answer, unit, end, known, until, encounter, assumed = (
        columns
    )
    patients = tuple(sorted(set(patient)))
    fields = tuple(sorted(set(field)))
    code_words, code_rank = _ranks({"", *codes})
    unit_words, unit_rank = _ranks({"", *unit})
    answer_words, answer_rank = _ranks({"", *answer})
    resource_words, resource_rank = _ranks({"", *resource, *encounter})
    value = np.array(number, dtype=np.float64)
    value[np.array(missing, dtype=np.bool_)] = np.nan
    return Timeline(
        patients=patients,
        starts=np.array([*map(patient.index, patients), len(rows)], dtype=np.int64),
        fields=fields,
        code_words=code_words,
        unit_words=unit_words,
        answer_words=answer_words,
        resource_words=resource_words,
        field=np.array([*map({word: rank for rank, word in enumerate(fields)}.__getitem__, field)], dtype=np.int16),
        codes=_int32(codes, code_rank),
        unit=np.array([*map(unit_rank.__getitem__, unit)], dtype=np.int16),
        answer=_int32(answer, answer_rank),
        resource=_int32(resource, resource_rank),
        encounter=_int32(encounter, resource_rank),
        time=np.array(time, dtype=np.int64),
        end=np.array(end, dtype=np.int64),
        known=np.array(known, dtype=np.int64),
        until=np.array(until, dtype=np.int64),
        assumed=np.array(assumed, dtype=np.bool_),
        value=value,
        coverage=coverage,
    )


def _ranks(words: set[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    ordered = sorted(words)
    return tuple(ordered), {word: rank for rank, word in enumerate(ordered)}


def _int32(texts: Sequence[str], ranks: dict[str, int]) -> NDArray[np.int32]:
    return np.array([*map(ranks.__getitem__, texts)], dtype=np.int32)
