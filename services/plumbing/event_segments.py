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

from services.plumbing.event_removal import Erased, without
from services.plumbing.event_table import SCHEMA, SHARED, TEXT, TIMES, batches_by_bucket, canonical, content_digest
from services.timeline.errors import BadInput
from services.timeline.events import EventColumns

_BUFFER: Final = 2**20
"""Bytes that are gathered before they are written."""
AGAIN: Final = "Ingest the sources again into a new store"
# Times are sorted or nearly so: differences take a quarter of the bytes that dictionaries of them do. Nearly every
# resource is named once: a dictionary of them is only larger. Buckets are read whole: statistics would serve nobody,
# and cost a quarter of the writing.
_PARQUET: Final = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": [name for name in TEXT if name != "resource"] + ["value"],
    "column_encoding": dict.fromkeys(TIMES, "DELTA_BINARY_PACKED"),
    "write_statistics": False,
}


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: its file, and what is in it."""

    file: str
    rows: int
    patients: int
    digest: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket's events in a segment: where in the file they stand."""

    path: str
    begin: int
    size: int


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A file of freshly flattened events, bucket after bucket."""

    parts: dict[int, Part]
    rows: int


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one bucket: its present file and the parts of segments to be merged into it."""

    folder: str
    staging: str
    number: int
    bucket: Bucket | None
    parts: tuple[Part, ...] = ()
    erased: Erased | None = None
    """Who has no rows afterwards, whatever is merged."""


def write_segment(staging: Path, columns: EventColumns, buckets: int) -> Segment:
    """Write freshly flattened events, bucket after bucket. Runs in worker processes."""
    path = staging / f"segment-{secrets.token_hex(8)}.arrow"
    parts: dict[int, Part] = {}
    # Arrow's own file: hundreds of little pieces, each of which would be a call into Python with a file of Python's.
    with pa.BufferedOutputStream(pa.OSFile(str(path), "wb"), _BUFFER) as file:
        for number, batch in batches_by_bucket(columns, buckets).items():
            begin = file.tell()
            # A stream of its own, for a bucket is read with its own words, not with those of all. Not compressed: that
            # would cost more than all else here, and the whole is a quarter of the NDJSON as it is.
            with pa.ipc.new_stream(file, batch.schema) as stream:
                stream.write_batch(batch)
            parts[number] = Part(path=str(path), begin=begin, size=file.tell() - begin)
    return Segment(parts=parts, rows=len(columns))


def merge_bucket(merge: Merge) -> tuple[int, Bucket | None]:
    """Merge one bucket into a file named by its content; None if no row is left. Runs in worker processes."""
    folder = Path(merge.folder)
    tables = [read_events(folder / merge.bucket.file)] if merge.bucket else []
    tables += [_read_part(part) for part in merge.parts]
    if merge.erased is not None:
        tables = [without(table, merge.erased) for table in tables]
    table = canonical(tables)
    if not len(table):
        return merge.number, None
    digest = content_digest(table)
    if merge.bucket and merge.bucket.digest == digest:
        return merge.number, merge.bucket
    number = "shared" if merge.number == SHARED else f"{merge.number:05d}"
    name = f"bucket-{number}-{digest[:16]}.parquet"
    temporary = Path(merge.staging) / name
    pq.write_table(table, temporary, **_PARQUET)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(folder / name)
    patients = len(table.column("patient").chunk(0).dictionary)
    return merge.number, Bucket(file=name, rows=table.num_rows, patients=patients, digest=digest)


def _read_part(part: Part) -> pa.Table:
    """One bucket's events in a segment."""
    # Arrow's own format here: Parquet takes 1 ms to open, and there are (segments x buckets) parts to be read.
    with Path(part.path).open("rb") as file:
        file.seek(part.begin)
        return pa.ipc.open_stream(pa.py_buffer(file.read(part.size))).read_all()


def read_events(path: Path, *, columns: Sequence[str] | None = None) -> pa.Table:
    """A bucket's file, or some columns of it, as a table of the store's schema."""
    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    dictionaries = [name for name in schema.names if name in TEXT]
    try:
        with pq.ParquetFile(path, read_dictionary=dictionaries, memory_map=True) as file:
            return file.read(columns=schema.names).cast(schema)
    except (OSError, pa.ArrowException) as fault:
        raise BadInput("the bucket's file is missing or damaged", place=str(path), remedy=AGAIN) from fault
