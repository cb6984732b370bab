"""Events become a timeline: versions settled, references resolved, rows sorted. The same whatever the input order.

Two ways to one result: numpy for history, plain Python for the few dozen events of one hook call, where the
fixed cost of a numpy call would be most of the work. Tests hold them equal, bit for bit.
"""

from __future__ import annotations

from itertools import compress

import numpy as np
from numpy.typing import NDArray

from services.timeline.coverage import COMPLETE, Coverage
from services.timeline.errors import BadInput
from services.timeline.events import RETRACTED, EventColumns
from services.timeline.links import LINKS
from services.timeline.ranks import place_of, ranked
from services.timeline.shape import Timeline
from services.timeline.versions import Ints, Mask, Rows, resolve, settle


def assemble_large(columns: EventColumns, *, coverage: Coverage = COMPLETE, all_known: bool = False) -> Timeline:
    """The timeline of many events."""
    patients, (patient,) = ranked(columns.patient)
    fields, (field,) = ranked(columns.field)
    code_words, (codes,) = ranked(columns.codes)
    unit_words, (unit,) = ranked(columns.unit)
    answer_words, (answer,) = ranked(columns.answer)
    resource_words, (resource, encounter) = ranked(columns.resource, columns.encounter)
    rows = Rows(
        patient=patient, field=field, codes=codes, unit=unit, answer=answer, resource=resource, encounter=encounter,
        time=columns.time, end=columns.end, known=columns.known, until=columns.known, assumed=columns.assumed,
        value=columns.value + 0.0,  # -0.0 is 0.0
    )  # fmt: skip
    retracted = field == fields.index(RETRACTED) if RETRACTED in fields else np.zeros(len(field), dtype=np.bool_)
    rows = settle(rows, columns.updated, retracted, all_known=all_known)
    for pointing, coding, same_patient in LINKS:
        if pointing in fields and coding in fields:
            rows = _resolved(
                rows, fields.index(pointing), fields.index(coding), answer_words, resource_words, same_patient
            )
    if not rows.patient.all():
        rows = rows.take(rows.patient != 0)
    rows = rows.take(_order(rows))
    if (copies := _copies(rows)).any():
        rows = rows.take(~copies)

    patients, patient = _used(patients, rows.patient, keep_empty=False)
    fields, field = _used(fields, rows.field, keep_empty=False)
    code_words, codes = _used(code_words, rows.codes)
    unit_words, unit = _used(unit_words, rows.unit)
    answer_words, answer = _used(answer_words, rows.answer)
    resource_words, both = _used(resource_words, np.concatenate([rows.resource, rows.encounter]))
    resource, encounter = both[: len(rows.time)], both[len(rows.time) :]
    return Timeline(
        patients=patients, starts=np.searchsorted(patient, np.arange(len(patients) + 1)).astype(np.int64),
        fields=fields, code_words=code_words, unit_words=unit_words, answer_words=answer_words, resource_words=resource_words,
        field=_small(field, "fields"), codes=codes, unit=_small(unit, "units"), answer=answer,
        resource=resource, encounter=encounter,
        time=rows.time, end=rows.end, known=rows.known, until=rows.until, assumed=rows.assumed, value=rows.value,
        coverage=coverage,
    )  # fmt: skip


def _resolved(
    rows: Rows, pointing: int, coding: int, answer_words: tuple[str, ...], resource_words: tuple[str, ...], same_patient: bool
) -> Rows:  # fmt: skip
    """`resolve` for one pair of fields."""
    pointers = np.flatnonzero((rows.field == pointing) & (rows.answer != 0))
    coders = np.flatnonzero(rows.field == coding)
    if not len(pointers) or not len(coders):
        return rows
    said, where = np.unique(rows.answer[pointers], return_inverse=True)
    wanted = np.array([place_of(resource_words, answer_words[one]) for one in said.tolist()], dtype=np.int32)[where]
    return resolve(rows, pointers, wanted, coders, same_patient=same_patient)


def _order(rows: Rows) -> Ints:
    """By patient, time, field, codes, value, resource; then by all else, so that the input order never shows."""
    what = rows.field.astype(np.int64) << 32 | rows.codes
    order = np.lexsort((rows.resource, rows.value, what, rows.time, rows.patient))
    tied = _same(rows.patient, order) & _same(rows.time, order) & _same(what, order)
    tied &= _same(rows.value, order) & _same(rows.resource, order)
    if not tied.any():
        return order
    group = np.cumsum(~tied)
    in_tie = tied.copy()
    in_tie[:-1] |= tied[1:]
    places = np.flatnonzero(in_tie)
    row = order[places]
    rest = (rows.assumed, rows.encounter, rows.until, rows.known, rows.end, rows.unit, rows.answer)
    order[places] = row[np.lexsort((*(column[row] for column in rest), group[places]))]
    return order


def _same(column: NDArray[np.int32] | Ints | NDArray[np.float64], order: Ints | None = None) -> Mask:
    """Whether each row says the same as the one before it."""
    sorted_column = column if order is None else column[order]
    same = np.zeros(len(sorted_column), dtype=np.bool_)
    np.equal(sorted_column[1:], sorted_column[:-1], out=same[1:])
    if sorted_column.dtype == np.float64:
        missing = np.isnan(sorted_column)
        same[1:] |= missing[1:] & missing[:-1]
    return same


def _copies(rows: Rows) -> Mask:
    """The rows that are a copy of the one before."""
    copy = _same(rows.time)
    for name in Rows.__slots__:
        if not copy.any():
            break
        copy &= _same(getattr(rows, name))
    return copy


def _used(
    words: tuple[str, ...], index: NDArray[np.int32], *, keep_empty: bool = True
) -> tuple[tuple[str, ...], NDArray[np.int32]]:  # fmt: skip
    """Only the words that rows use (and ""), with the rows' places among them."""
    used = np.zeros(len(words), dtype=np.bool_)
    used[index] = True
    used[0] |= keep_empty
    if used.all():
        return words, index
    moved = (np.cumsum(used) - 1).astype(np.int32)
    return tuple(compress(words, used.tolist())), moved[index]


def _small(index: NDArray[np.int32], what: str) -> NDArray[np.int16]:
    """The index as int16, if so few words can be told apart by it."""
    if int(index.max(initial=0)) > np.iinfo(np.int16).max:
        raise BadInput(f"more than {np.iinfo(np.int16).max} different {what}", remedy="Assemble fewer patients at once")
    return index.astype(np.int16)
