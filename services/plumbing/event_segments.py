"""Files of events: segments of what was just flattened (Arrow), merged into buckets (Parquet).

Both run in worker processes. A bucket's file is named by its content, so the same content is never written twice.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from services.plumbing.event_table import (
    SCHEMA,
    SHARED,
    TEXT,
    TIMES,
    canonical,
    content_digest,
    rows_by_bucket,
    to_table,
)
from services.timeline.errors import BadInput
from services.timeline.events import EventColumns

AGAIN: Final = "Ingest the sources again into a new store"
# Times are sorted or nearly so: differences take a quarter of the bytes that dictionaries of them do.
_PARQUET: Final = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": [*TEXT, "value"],
    "column_encoding": dict.fromkeys(TIMES, "DELTA_BINARY_PACKED"),
}


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: its file, and what is in it."""

    file: str
    rows: int
    patients: int
    digest: str


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A file of freshly flattened events: which record batch holds which bucket's rows."""

    path: str
    batches: dict[int, int]
    rows: int


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one bucket: its present file and the record batches to be merged into it."""

    folder: str
    number: int
    bucket: Bucket | None
    parts: tuple[tuple[str, int], ...]


def write_segment(staging: Path, columns: EventColumns, buckets: int) -> Segment:
    """Write freshly flattened events, one record batch for each bucket. Runs in worker processes."""
    path = staging / f"segment-{secrets.token_hex(8)}.arrow"
    parts = rows_by_bucket(to_table(columns), buckets)
    if not parts:
        return Segment(path="", batches={}, rows=0)
    schema = next(iter(parts.values())).schema
    with pa.ipc.new_file(path, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for part in parts.values():
            writer.write_batch(part.combine_chunks().to_batches()[0])
    return Segment(
        path=str(path),
        batches={bucket: i for i, bucket in enumerate(parts)},
        rows=sum(part.num_rows for part in parts.values()),
    )


def merge_bucket(merge: Merge) -> tuple[int, Bucket]:
    """Merge one bucket into a file named by its content. Runs in worker processes."""
    folder = Path(merge.folder)
    tables = [read_events(folder / merge.bucket.file)] if merge.bucket else []
    fresh = []
    for path, part in merge.parts:
        # Arrow's own format here: Parquet takes 1 ms to open, and there are (segments x buckets) parts to be read.
        with pa.memory_map(path) as file:
            fresh.append(pa.ipc.open_file(file).get_batch(part))
    tables.append(pa.Table.from_batches(fresh).combine_chunks().cast(SCHEMA))
    table = canonical(tables)
    digest = content_digest(table)
    if merge.bucket and merge.bucket.digest == digest:
        return merge.number, merge.bucket
    number = "shared" if merge.number == SHARED else f"{merge.number:05d}"
    name = f"bucket-{number}-{digest[:16]}.parquet"
    temporary = Path(merge.parts[0][0]).parent / name
    pq.write_table(table, temporary, **_PARQUET)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(folder / name)
    patients = len(table.column("patient").chunk(0).dictionary)
    return merge.number, Bucket(file=name, rows=table.num_rows, patients=patients, digest=digest)


def read_events(path: Path, *, columns: Sequence[str] | None = None) -> pa.Table:
    """A bucket's file, or some columns of it, as a table of the store's schema."""
    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    dictionaries = [name for name in schema.names if name in TEXT]
    try:
        return pq.read_table(path, columns=schema.names, read_dictionary=dictionaries, memory_map=True).cast(schema)
    except (OSError, pa.ArrowException) as fault:
        raise BadInput("the bucket's file is missing or damaged", place=str(path), remedy=AGAIN) from fault
