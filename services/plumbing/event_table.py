"""Events as an Arrow table in one canonical order: the same events give the same bytes, however they came in.

Text columns are dictionary encoded, words sorted; rows are sorted by (patient, known, time) and then by everything
else, and a row that is there twice is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.plumbing.event_arrays import (
    from_flags,
    from_numbers,
    from_ranks,
    from_words,
    text_and_sizes,
    to_flags,
    to_numbers,
)
from services.timeline.events import Coded, EventColumns

TEXT = ("patient", "field", "codes", "unit", "answer", "resource", "encounter")
TIMES = ("time", "end", "known", "updated")
WORDS = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [pa.field(name, WORDS, nullable=False) for name in TEXT]
    + [pa.field(name, pa.int64(), nullable=False) for name in TIMES]
    + [pa.field("assumed", pa.bool_(), nullable=False), pa.field("value", pa.float64(), nullable=False)]
)

ORDER = ("patient", "known", "time", "resource")
"""What rows are sorted by; the columns that break ties follow."""
TIES = ("field", "updated", "codes", "answer", "unit", "encounter", "end", "value", "assumed")


SHARED = -1
"""The bucket of events of no patient, such as how a Medication that orders point to is coded."""


def to_columns(table: pa.Table) -> EventColumns:
    """The table as the columns that `timeline.assemble` takes."""
    table = table.unify_dictionaries().combine_chunks()
    return EventColumns(
        patient=_coded(table, "patient"),
        field=_coded(table, "field"),
        codes=_coded(table, "codes"),
        unit=_coded(table, "unit"),
        answer=_coded(table, "answer"),
        resource=_coded(table, "resource"),
        encounter=_coded(table, "encounter"),
        time=_integers(table, "time"),
        end=_integers(table, "end"),
        known=_integers(table, "known"),
        updated=_integers(table, "updated"),
        assumed=to_flags(_one_chunk(table, "assumed")),
        value=_floats(table, "value"),
    )


def canonical(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows of all tables, each once, in the one order that depends on nothing but the rows."""
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    keys: dict[str, NDArray[np.int64]] = {}
    words: dict[str, pa.Array] = {}
    for name in TEXT:
        keys[name], words[name] = _ranked(table, name)
    for name in TIMES:
        keys[name] = _integers(table, name)
    keys["assumed"] = to_flags(_one_chunk(table, "assumed")).astype(np.int64)
    value = _floats(table, "value") + 0.0  # -0.0 becomes 0.0
    value[np.isnan(value)] = np.nan  # one NaN, not its many bit patterns
    keys["value"] = value.view(np.int64)

    rows = _sorted_rows(keys)
    rows = rows[_first_of_equals([keys[name] for name in (*ORDER, *TIES)], rows)]
    out = [from_ranks(keys[name][rows].astype(np.int32), words[name]) for name in TEXT]
    out += [from_numbers(keys[name][rows], pa.int64()) for name in TIMES]
    out += [from_flags(keys["assumed"][rows].astype(np.bool_)), from_numbers(value[rows], pa.float64())]
    return pa.table(out, schema=SCHEMA)


def content_digest(table: pa.Table) -> str:
    """SHA-256 over the words and numbers of a canonical table: independent of Parquet, Arrow and compression."""
    sha = hashlib.sha256()
    for name in TEXT:
        array = _one_chunk(table, name)
        text, sizes = text_and_sizes(array.dictionary)
        sha.update(f"{name} {len(sizes)} ".encode() + sizes.astype("<i4", copy=False).tobytes())
        sha.update(text)
        sha.update(to_numbers(array.indices, np.int32).astype("<i4", copy=False).data)
    for name in TIMES:
        sha.update(name.encode())
        sha.update(_integers(table, name).astype("<i8", copy=False).data)
    sha.update(b"assumed")
    sha.update(to_flags(_one_chunk(table, "assumed")).astype(np.uint8).data)
    sha.update(b"value")
    sha.update(_floats(table, "value").astype("<f8", copy=False).data)
    return sha.hexdigest()


def batches_by_bucket(columns: EventColumns, buckets: int) -> dict[int, pa.RecordBatch]:
    """The events of each bucket that has any; nothing is sorted yet. Each holds its own words, and few that it does not use."""
    if not len(columns):
        return {}
    patient = columns.patient
    bucket_of_word = np.array([bucket_of(word, buckets) for word in patient.words], dtype=np.int32)
    bucket = bucket_of_word[patient.index]
    order = np.argsort(bucket, kind="stable")
    numbers, begins = np.unique(bucket[order], return_index=True)
    sizes = np.diff(begins, append=len(order)).tolist()
    text = [_own_words(*_by_first_use(getattr(columns, name), order), begins) for name in TEXT]
    rest = [from_numbers(getattr(columns, name)[order], pa.int64()) for name in TIMES]
    rest += [from_flags(columns.assumed[order]), from_numbers(columns.value[order], pa.float64())]
    batches = {}
    for place, (number, begin, size) in enumerate(zip(numbers.tolist(), begins.tolist(), sizes, strict=True)):
        arrays = [pa.DictionaryArray.from_arrays(index.slice(begin, size), words[place]) for index, words in text]
        arrays += [array.slice(begin, size) for array in rest]
        batches[number] = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    return batches


def _by_first_use(column: Coded, order: NDArray[np.int64]) -> tuple[NDArray[np.int32], pa.StringArray]:
    """The column in this order of its rows, its words in the order in which these rows first use them.

    What only one patient has (resources, encounters) then stands together: a bucket's words are a stretch of them.
    """
    index = column.index[order]
    first = np.full(len(column.words), len(index), dtype=np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]
    places = np.argsort(first, kind="stable")
    rank = np.empty(len(places), dtype=np.int32)
    rank[places] = np.arange(len(places), dtype=np.int32)
    return rank[index], from_words(column.words).take(from_numbers(places, pa.int64()))


def _own_words(
    index: NDArray[np.int32], words: pa.StringArray, begins: NDArray[np.int64]
) -> tuple[pa.Int32Array, list[pa.StringArray]]:
    """The rows of a text column, bucket after bucket, and for each bucket the stretch of words that its rows use."""
    low, high = np.minimum.reduceat(index, begins), np.maximum.reduceat(index, begins)
    moved = index - np.repeat(low, np.diff(begins, append=len(index)))
    stretches = zip(low.tolist(), (high - low + 1).tolist(), strict=True)
    return from_numbers(moved, pa.int32()), [words.slice(begin, size) for begin, size in stretches]


def of_use_to(shared: pa.Table, table: pa.Table) -> pa.Table:
    """The shared events (medicines, how they are coded) that the rows of a bucket point to."""
    return shared.filter(pc.is_in(shared.column("resource").cast(pa.string()), _one_chunk(table, "answer").dictionary))


def bucket_of(patient: str, buckets: int) -> int:
    """The bucket that a patient lives in: stable over machines, runs and Python's hash seed."""
    if not patient:
        return SHARED
    return int.from_bytes(hashlib.blake2b(patient.encode(), digest_size=8).digest(), "big") % buckets


def _one_chunk(table: pa.Table, name: str) -> pa.Array:
    """One column as one array."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _coded(table: pa.Table, name: str) -> Coded:
    """A dictionary column as indices and words."""
    array = _one_chunk(table, name)
    return Coded(index=to_numbers(array.indices, np.int32), words=tuple(array.dictionary.to_pylist()))


def _integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """A column of times as int64."""
    return to_numbers(_one_chunk(table, name), np.int64)


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of values as float64."""
    return to_numbers(_one_chunk(table, name), np.float64)


def _ranked(table: pa.Table, name: str) -> tuple[NDArray[np.int64], pa.Array]:
    """Each row's place among the sorted words that are in use, and those words."""
    array = _one_chunk(table, name)
    index = to_numbers(array.indices, np.int32)
    used = np.zeros(len(array.dictionary), dtype=bool)
    used[index] = True
    places = np.flatnonzero(used)
    words = array.dictionary.take(from_numbers(places, pa.int64()))
    order = pc.sort_indices(words)
    rank = np.zeros(len(used), dtype=np.int64)
    rank[places[to_numbers(order, np.uint64).astype(np.int64)]] = np.arange(len(places))
    return rank[index], words.take(order)


def _sorted_rows(keys: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """The canonical order of rows: four keys first, the other nine only among rows that these leave equal."""
    order = np.lexsort([keys[name] for name in reversed(ORDER)]).astype(np.int64)
    equal = ~_first_of_equals([keys[name] for name in ORDER], order)
    if equal.any():
        tied = equal.copy()
        tied[:-1] |= equal[1:]
        rows = order[tied]
        group = np.cumsum(~equal)[tied]
        order[tied] = rows[np.lexsort([*(keys[name][rows] for name in reversed(TIES)), group])]
    return order


def _first_of_equals(keys: Sequence[NDArray[np.int64]], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True where a row differs from the one before it."""
    first = np.zeros(len(rows), dtype=bool)
    first[:1] = True
    for key in keys:
        ordered = key[rows]
        first[1:] |= ordered[1:] != ordered[:-1]
    return first
