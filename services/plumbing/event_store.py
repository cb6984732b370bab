"""The learner's event store: Parquet files, bucketed by a hash of the patient, named by one small manifest.

What the manifest names is the store; it is replaced in one step at the end of an append, so a crash at any moment
leaves the store as it was before, and the next append clears away what was left lying about. The same events give the
same digest, in whatever order and how often they came. Files that an append replaced are kept until the next one, for
readers that are still at work. Memory is bounded by a bucket.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.guidance.errors import Refused
from services.plumbing.event_manifest import FORMAT, Cursor, StoredSource, StoreManifest
from services.plumbing.event_removal import Erased, deletions_in
from services.plumbing.event_segments import (
    AGAIN,
    Bucket,
    Merge,
    Part,
    Segment,
    merge_bucket,
    read_events,
    write_segment,
)
from services.plumbing.event_table import SCHEMA, SHARED, bucket_of, canonical, content_digest, of_use_to, to_columns
from services.timeline.errors import BadInput
from services.timeline.events import EventColumns
from services.timeline.instants import NAT

__all__ = ["Append", "Cursor", "EventStore", "Segment", "StoreManifest", "StoredSource", "write_segment"]

MANIFEST: Final = "manifest.json"
DEFAULT_BUCKETS: Final = 16

A = TypeVar("A")
R = TypeVar("R")


class MapInOrder(Protocol):
    """Applies a function to each item, in order: `map`, or that of a process pool."""

    def __call__(self, function: Callable[[A], R], items: Iterable[A], /) -> Iterable[R]:
        """The results, in the order of the items."""


class EventStore:
    """Events of many patients, on disk."""

    def __init__(self, folder: Path, manifest: StoreManifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, folder: Path) -> EventStore:
        """Open a store that is there."""
        path = folder / MANIFEST
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=StoreManifest)
        except FileNotFoundError:
            raise BadInput(
                "no event store here",
                place=str(folder),
                remedy="Make one with `knowdo learner ingest SOURCE --store DIR`",
            ) from None
        except (OSError, msgspec.DecodeError) as fault:
            raise BadInput(f"the manifest cannot be read: {fault}", place=str(path), remedy=AGAIN) from fault
        if manifest.format != FORMAT:
            raise BadInput(
                f"store format {manifest.format}, but this version reads {FORMAT}", place=str(path), remedy=AGAIN
            )
        return cls(folder, manifest)

    @classmethod
    def open_or_create(cls, folder: Path, *, buckets: int | None = None) -> EventStore:
        """Open the store, or make an empty one. The number of buckets is fixed when it is made."""
        if (folder / MANIFEST).is_file():
            store = cls.open(folder)
            if buckets is not None and buckets != len(store.manifest.buckets):
                raise BadInput(
                    f"the store has {len(store.manifest.buckets)} buckets, not {buckets}",
                    place=str(folder),
                    remedy="Leave the number of buckets out, or ingest into a new store",
                )
            return store
        if buckets is not None and not 1 <= buckets <= 65_536:
            raise BadInput(f"{buckets} buckets", place=str(folder), remedy="Choose 1 to 65,536")
        if folder.exists() and any(folder.iterdir()):
            raise BadInput("not empty and no event store", place=str(folder), remedy="Name a new or an empty folder")
        folder.mkdir(parents=True, exist_ok=True)
        store = cls(folder, StoreManifest(format=FORMAT, buckets=(None,) * (buckets or DEFAULT_BUCKETS)))
        store._replace_manifest(store.manifest)
        return store

    @property
    def buckets(self) -> int:
        """How many buckets there are."""
        return len(self.manifest.buckets)

    @property
    def rows(self) -> int:
        """How many events are stored."""
        return sum(bucket.rows for bucket in self._all())

    @property
    def patients(self) -> int:
        """How many patients have events."""
        return sum(bucket.patients for bucket in self.manifest.buckets if bucket)

    @property
    def digest(self) -> str:
        """SHA-256 of the content, the same for the same events whatever the order of ingestion."""
        named = (*self.manifest.buckets, self.manifest.shared)
        parts = [f"knowdo-events {FORMAT} {self.buckets}", *(bucket.digest if bucket else "-" for bucket in named)]
        return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def since(self, source: str) -> str:
        """Up to when a server was read; "" if never."""
        return next((cursor.since for cursor in self.manifest.cursors if cursor.source == source), "")

    def read_bucket(self, number: int) -> EventColumns:
        """The events of one bucket, sorted by (patient, known, time); then the shared ones that it points to, and what was deleted."""
        bucket, shared = self.manifest.buckets[number], self.manifest.shared
        table = read_events(self.folder / bucket.file) if bucket else SCHEMA.empty_table()
        if bucket and shared:
            common = read_events(self.folder / shared.file)
            table = pa.concat_tables([table, of_use_to(common, table), deletions_in(common, table)])
        return to_columns(table)

    def latest_known(self, field_prefix: str) -> int:
        """The last time at which an event of such a field was known: up to then the record goes. NAT if there is none.

        What lies in the future of this machine's clock is a slip of the pen, and does not count.
        """
        now = time.time_ns() // 1000
        found = NAT
        for bucket in filter(None, self.manifest.buckets):
            table = read_events(self.folder / bucket.file, columns=["field", "known"])
            fields = table.column("field").cast(pa.string())
            known = table.column("known").filter(pc.starts_with(fields, field_prefix)).to_numpy()
            found = max(found, int(known[known <= now].max(initial=NAT)))
        return found

    def verify(self) -> list[str]:
        """The buckets whose content is not what the manifest says; empty if all is well."""
        wrong = []
        for bucket in self._all():
            try:
                if content_digest(canonical([read_events(self.folder / bucket.file)])) != bucket.digest:
                    wrong.append(f"{bucket.file}: the content is not what the manifest says")
            except BadInput as fault:
                wrong.append(str(fault))
        return wrong

    def _all(self) -> list[Bucket]:
        """Every bucket that has events."""
        return [bucket for bucket in (*self.manifest.buckets, self.manifest.shared) if bucket]

    @contextmanager
    def append(self) -> Iterator[Append]:
        """One append: write segments into `.staging`, then `commit`. Without a commit nothing has changed."""
        with self._alone():
            self.manifest = EventStore.open(self.folder).manifest
            self._clear_left_overs()
            staging = self.folder / f"staging-{secrets.token_hex(4)}"
            staging.mkdir()
            try:
                yield Append(self, staging)
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process appends at a time; the lock ends with the process, however it ends."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    "another process is writing to this store", place=str(self.folder), remedy="Wait until it has ended"
                ) from None
            yield

    def _clear_left_overs(self, *, but: Path | None = None) -> None:
        """Remove what the manifest does not name: files of an append that crashed, and those that the last one replaced."""
        named = {bucket.file for bucket in self._all()}
        for path in self.folder.iterdir():
            if path.name.startswith("staging-") and path != but:
                shutil.rmtree(path, ignore_errors=True)
            elif (path.name.startswith("bucket-") and path.name not in named) or path.name.startswith(MANIFEST + "."):
                path.unlink(missing_ok=True)

    def _replace_manifest(self, manifest: StoreManifest) -> None:
        """The one step by which a store changes; nothing is written if nothing changed."""
        data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        path = self.folder / MANIFEST
        if not (path.is_file() and path.read_bytes() == data):
            _sync_folder(self.folder)
            temporary = self.folder / f"{MANIFEST}.{secrets.token_hex(4)}"
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(self.folder)
        self.manifest = manifest


class Append:
    """An append under way: the folder for its segments, and the commit that makes them part of the store."""

    def __init__(self, store: EventStore, staging: Path) -> None:
        self.store = store
        self.staging = staging

    def commit(
        self, segments: Sequence[Segment], source: StoredSource | None = None, *, cursor: Cursor | None = None,
        each: MapInOrder = map,
    ) -> None:  # fmt: skip
        """Merge the segments into their buckets, bucket by bucket, then replace the manifest in one step.

        `cursor`: how far a server was read with that, known from the same step on as what was read.
        """
        manifest = self.store.manifest
        parts = {
            number: tuple(segment.parts[number] for segment in segments if number in segment.parts)
            for number in (SHARED, *range(self.store.buckets))
        }
        merges = [self._merge(number, manifest.erased, found) for number, found in parts.items() if found]
        sources = {s.digest: s for s in manifest.sources}
        if source is not None:
            sources.setdefault(source.digest, source)
        cursors = {one.source: one for one in manifest.cursors} | ({cursor.source: cursor} if cursor else {})
        self._replace(
            merges,
            each,
            sources=tuple(sources[digest] for digest in sorted(sources)),
            cursors=tuple(cursors[name] for name in sorted(cursors)),
        )

    def erase(self, patients: Sequence[str], *, each: MapInOrder = map) -> int:
        """Remove every row of these patients (bare ids), now and for good; how many rows that were.

        The files that held them go at once: a reader still at work with the store as it was must begin again.
        """
        store, before = self.store, self.store.rows
        erased = (store.manifest.erased or Erased.nobody()).plus(patients)
        numbers = sorted({bucket_of(patient, store.buckets) for patient in patients})
        held = [number for number in numbers if store.manifest.buckets[number] is not None]
        self._replace([self._merge(number, erased, ()) for number in held], each, erased=erased)
        store._clear_left_overs(but=self.staging)
        return before - store.rows

    def _merge(self, number: int, erased: Erased | None, parts: tuple[Part, ...]) -> Merge:
        manifest = self.store.manifest
        return Merge(
            folder=str(self.store.folder),
            staging=str(self.staging),
            number=number,
            bucket=manifest.shared if number == SHARED else manifest.buckets[number],
            parts=parts,
            erased=erased,
        )

    def _replace(self, merges: Sequence[Merge], each: MapInOrder, **changed: Any) -> None:
        """Do the merges, then name what came of them."""
        manifest = self.store.manifest
        present = {SHARED: manifest.shared, **dict(enumerate(manifest.buckets))} | dict(each(merge_bucket, merges))
        shared = present.pop(SHARED)
        self.store._replace_manifest(
            msgspec.structs.replace(manifest, buckets=tuple(present.values()), shared=shared, **changed)
        )


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
