"""What a store's manifest says: its buckets, what was read into them, how far servers were read, and who was erased."""

from __future__ import annotations

from typing import Final

import msgspec

from services.plumbing.event_removal import Erased
from services.plumbing.event_segments import Bucket

FORMAT: Final = 1


class StoredSource(msgspec.Struct, frozen=True, kw_only=True):
    """One source that was ingested: its bytes by digest, and how much of it became events."""

    name: str
    digest: str
    resources: int
    events: int
    complete: bool


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a server was read: the next fetch of the same asks for what changed since."""

    source: str
    name: str
    since: str


class StoreManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The store's table of contents; it holds no time of writing, so the same content is the same bytes."""

    format: int
    buckets: tuple[Bucket | None, ...]
    shared: Bucket | None = None
    sources: tuple[StoredSource, ...] = ()
    cursors: tuple[Cursor, ...] = ()
    erased: Erased | None = None
