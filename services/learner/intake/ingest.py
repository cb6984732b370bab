"""FHIR data into the event store: read once, flattened in parallel, committed in one step.

Ingesting the same source again changes nothing. What was good in a broken source is kept, and the report says what
was not, by reason and place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import msgspec

from services.learner.engines.engine import Engine
from services.learner.intake.quality import Quality, weigh
from services.learner.intake.reading import Load, Tally, read_load
from services.learner.intake.sources import CHUNK, Chunk, Source, Trouble
from services.learner.workers import worker_pool
from services.plumbing.event_store import Cursor, EventStore, Segment, StoredSource
from services.plumbing.terminology_files import read_terminology
from services.timeline.instants import NAT
from services.timeline.terminology import NOTHING

ALONE: Final = 24 * 2**20
"""A source smaller than this is read in this process: starting others takes longer (0.4 s CPU each)."""

CHUNKS: Final = 4
"""So many chunks make a task: its segment has a part for every bucket, and parts have a cost of their own."""
_PACKED: Final = {".gz": 10, ".tgz": 10, ".bz2": 15, ".xz": 20, ".txz": 20}
"""How many times larger than it looks a packed source is, about."""


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """What was skipped or lost: why, how often, and where it was seen first."""

    reason: str
    count: int
    places: list[str]


class IngestReport(msgspec.Struct, frozen=True, kw_only=True):
    """How an ingest went: what `knowdo learner ingest --json` prints."""

    source: str
    store: str
    files: int
    bytes: int
    resources: dict[str, int]
    deleted: dict[str, int]
    """Resources that are said to be deleted, by type."""
    events: int
    skipped: list[Skip]
    """Resources of which no fact came."""
    losses: list[Skip]
    """What inside resources could not be read, or only with a repair."""
    troubles: list[Trouble]
    known_time_assumed: float
    """Share of events whose `known` time is taken to be the time at which they happened."""
    assumed_by_field: dict[str, float]
    complete: bool
    """False if a part of the source could not be read."""
    changed: bool
    seconds: float
    resources_per_second: int
    rows: int
    patients: int
    digest: str
    """Digest of the store's content after the ingest."""
    terminology: str
    """Digest of the site's terminology, by which codes were understood; "" if there is none. The bedside says its own."""
    quality: Quality | None
    """What the store is like; None if it was not asked for."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What a server gave, as against a source that somebody names: how far it goes, and what is wrong with it."""

    cursor: Cursor
    at: int
    """When what is said to be deleted was so, at the latest."""
    troubles: Sequence[Trouble] = ()


def ingest(
    path: Path | str,
    folder: Path,
    *,
    workers: int | None = None,
    buckets: int | None = None,
    terminology: Path | None = None,
    quality: bool = True,
    fetched: Fetched | None = None,
    chunk_bytes: int = CHUNK,
    engine: Engine | None = None,
    on_bytes: Callable[[int], None] = lambda _: None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> IngestReport:
    """Read a source into the store in this folder, and say how it went.

    `path`: a folder or file, or the address of one in an object store. `terminology`: the folder in which the site says what
    its codes mean. `quality`: report on the whole store at the end. `engine`: what does the work, else so many worker processes.
    """
    began = time.perf_counter()
    source = Source(path, chunk_bytes=chunk_bytes, on_bytes=on_bytes)
    source.troubles += fetched.troubles if fetched else ()
    size, name = source.size, fetched.cursor.name if fetched else source.name
    known = read_terminology(terminology) if terminology is not None else NOTHING
    store = EventStore.open_or_create(folder, buckets=buckets)
    before = store.digest
    tally = Tally()
    segments: list[Segment] = []
    alone = size * _PACKED.get(Path(source.name).suffix, 1) < ALONE
    wanted = workers if workers is not None else 1 if alone else len(os.sched_getaffinity(0))
    with store.append() as append, nullcontext(engine) if engine else worker_pool(wanted) as pool:
        loads = _loads(
            source,
            Load(
                chunks=(),
                staging=str(append.staging),
                buckets=store.buckets,
                terminology=str(terminology or ""),
                terminology_digest=known.digest,
                deleted_at=fetched.at if fetched else NAT,
            ),
            load_bytes=chunk_bytes * CHUNKS,
        )
        for part, segment in pool.map_in_order(read_load, loads):
            tally.add(part)
            if segment.rows:
                segments.append(segment)
        if not tally.resources and not tally.deleted and fetched is None:  # a server may have nothing new
            source.troubles.append(Trouble(place=name, message="no FHIR resource that Knowdo reads was found in it"))
        complete = not any(trouble.serious for trouble in source.troubles)
        resources, events = sum(tally.resources.values()), sum(tally.events.values())
        on_stage("merging")
        append.commit(
            segments,
            StoredSource(name=name, digest=source.digest, resources=resources, events=events, complete=complete),
            cursor=fetched.cursor if fetched and complete else None,
            each=pool.map_in_order,
        )
        seconds = time.perf_counter() - began
        on_stage("weighing")
        weighed = weigh(store, each=pool.map_in_order) if quality else None
    return IngestReport(
        source=str(path),
        store=str(folder),
        files=source.files,
        bytes=size,
        resources=dict(sorted(tally.resources.items())),
        deleted=dict(sorted(tally.deleted.items())),
        events=events,
        skipped=_listed(tally.skipped, tally),
        losses=_listed(tally.losses, tally),
        troubles=source.troubles,
        known_time_assumed=sum(tally.assumed.values()) / max(events, 1),
        assumed_by_field={field: n / tally.events[field] for field, n in sorted(tally.assumed.items())},
        complete=complete,
        changed=store.digest != before,
        seconds=round(seconds, 3),
        resources_per_second=round((resources + tally.unread) / max(seconds, 1e-9)),
        rows=store.rows,
        patients=store.patients,
        digest=store.digest,
        terminology=known.digest,
        quality=weighed,
    )


def _listed(counts: dict[str, int], tally: Tally) -> list[Skip]:
    """Reasons with their places, the most frequent first."""
    return [
        Skip(reason=reason, count=count, places=tally.places.get(reason, []))
        for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _loads(source: Source, task: Load, *, load_bytes: int) -> Iterator[Load]:
    """Chunks, gathered until a task is worth its start."""
    gathered: list[Chunk] = []
    size = 0
    for chunk in source.chunks():
        gathered.append(chunk)
        size += len(chunk.data)
        if size >= load_bytes:
            yield msgspec.structs.replace(task, chunks=tuple(gathered))
            gathered, size = [], 0
    if gathered:
        yield msgspec.structs.replace(task, chunks=tuple(gathered))


__all__ = ["Fetched", "IngestReport", "ingest"]
