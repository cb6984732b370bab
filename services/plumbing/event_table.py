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


def to_table(columns: EventColumns) -> pa.Table:
    """The columns as a table; nothing is sorted yet."""
    arrays: list[pa.Array] = []
    for name in TEXT:
        coded: Coded = getattr(columns, name)
        words = pa.array(list(coded.words), type=pa.string())
        arrays.append(pa.DictionaryArray.from_arrays(pa.array(coded.index, type=pa.int32()), words))
    arrays += [pa.array(getattr(columns, name), type=pa.int64()) for name in TIMES]
    arrays.append(pa.array(columns.assumed, type=pa.bool_()))
    # NaN stands for "no number" and stays NaN: Arrow's null is not used.
    arrays.append(pa.array(columns.value, type=pa.float64(), from_pandas=False))
    return pa.table(arrays, schema=SCHEMA)


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
        assumed=_array(table, "assumed").astype(np.bool_, copy=False),
        value=_floats(table, "value"),
    )


def canonical(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows of all tables, each once, in the one order that depends on nothing but the rows."""
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    keys: dict[str, NDArray[np.int64]] = {}
    words: dict[str, pa.Array] = {}
    for name in TEXT:
        keys[name], words[name] = _ranked(table, name)
    for name in (*TIMES, "assumed"):
        keys[name] = _integers(table, name)
    value = _floats(table, "value") + 0.0  # -0.0 becomes 0.0
    value[np.isnan(value)] = np.nan  # one NaN, not its many bit patterns
    keys["value"] = value.view(np.int64)

    rows = _sorted_rows(keys)
    rows = rows[_first_of_equals([keys[name] for name in (*ORDER, *TIES)], rows)]
    out = [pa.DictionaryArray.from_arrays(pa.array(keys[n][rows].astype(np.int32)), words[n]) for n in TEXT]
    out += [pa.array(keys[name][rows], type=pa.int64()) for name in TIMES]
    out.append(pa.array(keys["assumed"][rows].astype(np.bool_)))
    out.append(pa.array(value[rows], type=pa.float64(), from_pandas=False))
    return pa.table(out, schema=SCHEMA)


def content_digest(table: pa.Table) -> str:
    """SHA-256 over the words and numbers of a canonical table: independent of Parquet, Arrow and compression."""
    sha = hashlib.sha256()
    for name in TEXT:
        array = _one_chunk(table, name)
        lengths = pc.binary_length(array.dictionary).to_numpy(zero_copy_only=False)
        sha.update(f"{name} {len(lengths)} ".encode() + lengths.astype("<i4", copy=False).tobytes())
        sha.update("".join(array.dictionary.to_pylist()).encode())
        sha.update(array.indices.to_numpy(zero_copy_only=False).astype("<i4", copy=False).tobytes())
    for name in TIMES:
        sha.update(name.encode() + _integers(table, name).astype("<i8", copy=False).tobytes())
    sha.update(b"assumed" + _array(table, "assumed").astype(np.uint8).tobytes())
    sha.update(b"value" + _floats(table, "value").astype("<f8", copy=False).tobytes())
    return sha.hexdigest()


def rows_by_bucket(table: pa.Table, buckets: int) -> dict[int, pa.Table]:
    """The rows of each bucket that has any, text as plain strings so that each part holds only its own words."""
    table = table.unify_dictionaries().combine_chunks()
    if table.num_rows == 0:
        return {}
    patients = _one_chunk(table, "patient")
    of_word = np.array([bucket_of(word, buckets) for word in patients.dictionary.to_pylist()], dtype=np.int64)
    of_row = of_word[patients.indices.to_numpy(zero_copy_only=False)]
    order = np.argsort(of_row, kind="stable")
    bounds = np.searchsorted(of_row[order], np.arange(SHARED, buckets + 1))
    plain = pa.schema([pa.field(f.name, pa.string() if f.name in TEXT else f.type, nullable=False) for f in SCHEMA])
    ordered = table.take(pa.array(order)).cast(plain)
    cuts = zip(range(SHARED, buckets), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    return {bucket: ordered.slice(begin, end - begin) for bucket, begin, end in cuts if end > begin}


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
    index: NDArray[np.int32] = array.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return Coded(index=index, words=tuple(array.dictionary.to_pylist()))


def _array(table: pa.Table, name: str) -> NDArray[np.generic]:
    """A column of numbers as numpy."""
    array: NDArray[np.generic] = _one_chunk(table, name).to_numpy(zero_copy_only=False)
    return array


def _integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """A column of times, or of yes and no, as int64."""
    return _array(table, name).astype(np.int64, copy=False)


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of values as float64."""
    return _array(table, name).astype(np.float64, copy=False)


def _ranked(table: pa.Table, name: str) -> tuple[NDArray[np.int64], pa.Array]:
    """Each row's place among the sorted words that are in use, and those words."""
    array = _one_chunk(table, name)
    index = array.indices.to_numpy(zero_copy_only=False)
    used = np.zeros(len(array.dictionary), dtype=bool)
    used[index] = True
    places = np.flatnonzero(used)
    words = array.dictionary.take(pa.array(places))
    order = pc.sort_indices(words)
    rank = np.zeros(len(used), dtype=np.int64)
    rank[places[order.to_numpy(zero_copy_only=False)]] = np.arange(len(places))
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
