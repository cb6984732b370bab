"""Some chunks of FHIR data become one segment of events: the inner loop of ingest, run in worker processes.

Every resource that gives no fact is counted once, by its reason, and so is whatever is lost inside of those that do. The
first places of each reason are kept: file and line, never content.
"""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.learner.intake.bundles import deletions_of, resources_of
from services.learner.intake.sources import Chunk
from services.plumbing.event_store import Segment, write_segment
from services.plumbing.terminology_files import terminology_of
from services.timeline.events import EventBatch, EventColumns
from services.timeline.facts import retract
from services.timeline.flatten import FLATTEN, flatten
from services.timeline.instants import NAT, parse_instant
from services.timeline.resources import READ, Resource, Skip, decode_lines, decode_repaired, decode_strict
from services.timeline.terminology import mapped

PLACES: Final = 5
"""How many places are kept for each reason."""
BLOCK: Final = 2**15
"""Bytes that are decoded at once: what comes of them is flattened and freed while it is in the processor's caches.

Of 2**12 to 2**18 this is the quickest: a twentieth less time for all of an ingest than with 2**17 on a busy machine.
"""

_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one task: some chunks, and where their segment goes."""

    chunks: tuple[Chunk, ...]
    staging: str
    buckets: int
    terminology: str = ""
    """The folder in which the site says what its codes mean; "" where they are standard ones."""
    terminology_digest: str = ""
    deleted_at: int = NAT
    """When what a Bundle says was deleted was so, if it does not say."""


class Tally(msgspec.Struct, kw_only=True):
    """What was found in some chunks. Tallies add up."""

    resources: dict[str, int] = msgspec.field(default_factory=dict)
    """Resources, by type, of the types that are read."""
    events: dict[str, int] = msgspec.field(default_factory=dict)
    assumed: dict[str, int] = msgspec.field(default_factory=dict)
    """Events, by field, whose `known` time is assumed to be their own."""
    deleted: dict[str, int] = msgspec.field(default_factory=dict)
    """Resources, by type, that are said to be deleted."""
    unread: int = 0
    """Resources of other types, and what is no resource."""
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    """Resources, by reason, of which no fact came."""
    losses: dict[str, int] = msgspec.field(default_factory=dict)
    """What inside resources could not be read, or only with a repair, by reason."""
    places: dict[str, list[str]] = msgspec.field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add what was found elsewhere, later in the source."""
        for mine, theirs in (
            (self.resources, other.resources),
            (self.events, other.events),
            (self.assumed, other.assumed),
            (self.deleted, other.deleted),
            (self.skipped, other.skipped),
            (self.losses, other.losses),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        self.unread += other.unread
        for reason, places in other.places.items():
            kept = self.places.setdefault(reason, [])
            kept.extend(places[: PLACES - len(kept)])


@dataclass(slots=True)
class Place:
    """Where in the source the reading is."""

    file: str = ""
    line: int | str = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Noted(Counter[str]):
    """Counts reasons, and notes where each was met first: whoever counts need not know the place."""

    def __init__(self, here: Place, places: dict[str, list[str]]) -> None:
        super().__init__()
        self._here = here
        self._places = places

    def __setitem__(self, reason: str, count: int) -> None:
        super().__setitem__(reason, count)
        places = self._places.setdefault(reason, [])
        if len(places) < PLACES:
            places.append(str(self._here))


def read_load(load: Load) -> tuple[Tally, Segment]:
    """Flatten the chunks and write their segment."""
    collecting = gc.isenabled()
    gc.disable()  # nothing here makes cycles, and looking for them costs a sixth of the time
    try:
        return _read(load)
    finally:
        if collecting:
            gc.enable()


def _read(load: Load) -> tuple[Tally, Segment]:
    reader = _Reader(load.deleted_at)
    for chunk in load.chunks:
        reader.read(chunk)
    columns = mapped(reader.batch.columns(), terminology_of(load.terminology, load.terminology_digest))
    tally = reader.tally()
    _count_events(columns, tally)
    return tally, write_segment(Path(load.staging), columns, load.buckets)


class _Reader:
    """Reads chunk after chunk into one batch, and knows where it is."""

    def __init__(self, deleted_at: int = NAT) -> None:
        self.batch = EventBatch()
        self._deleted_at = deleted_at
        self._deleted: Counter[str] = Counter()
        self._here = Place()
        self._places: dict[str, list[str]] = {}
        self.batch.skipped = Noted(self._here, self._places)
        self.batch.losses = Noted(self._here, self._places)
        self._types: list[type[Resource]] = []
        self._unread = 0

    def read(self, chunk: Chunk) -> None:
        """Append the events of a chunk."""
        self._here.file = chunk.file
        if chunk.kind == "lines":
            self._lines(chunk)
        else:
            self._document(chunk)

    def tally(self) -> Tally:
        """What was found so far, but for the events."""
        types = Counter(self._types)
        return Tally(
            resources={kind.__name__: count for kind, count in types.items()},
            deleted=dict(self._deleted),
            unread=self._unread,
            skipped=dict(self.batch.skipped),
            losses=dict(self.batch.losses),
            places=self._places,
        )

    def _lines(self, chunk: Chunk) -> None:
        """Block after block; where a block is not one sound resource a line, line by line, to name what is not."""
        data, begin, line = chunk.data, 0, 0
        if not data:
            return
        ends, odd = _line_ends(data)
        while begin < len(data):
            after = min(int(np.searchsorted(ends, begin + BLOCK)) + 1, len(ends))
            end = int(ends[after - 1])
            block = data[begin:end]
            resources = None if odd.size and odd[line:after].any() else decode_lines(block)
            if resources is not None and len(resources) == after - line:
                self._sound(resources, chunk.first_line + line)
            else:
                self._one_by_one(block, chunk.first_line + line)
            begin, line = end, after

    def _sound(self, resources: list[Resource], first_line: int) -> None:
        batch, here = self.batch, self._here
        self._types += map(type, resources)
        for here.line, resource in enumerate(resources, start=first_line):
            FLATTEN[type(resource)](resource, batch)

    def _one_by_one(self, block: bytes, first_line: int) -> None:
        for number, line in enumerate(block.split(b"\n"), start=first_line):
            if not line or line.isspace():
                continue
            self._here.line = number
            if (resource := decode_strict(line)) is not None:
                self._flatten(resource, "")
            elif b'"Bundle"' in line:
                self._resources(line, f"{number}, ")
            else:
                self._odd(line, "")

    def _odd(self, content: bytes | msgspec.Raw, own_id: str) -> None:
        """What does not fit as it is: mended, or skipped with its reason."""
        try:
            resource = decode_repaired(content)
        except Skip as skip:
            self.batch.skipped[skip.reason] += 1
            self._unread += 1
            return
        self.batch.losses[f"{type(resource).__name__}: read with repairs"] += 1
        self._flatten(resource, own_id)

    def _document(self, chunk: Chunk) -> None:
        self._here.line = ""
        first = chunk.data[: chunk.data.find(b"\n") + 1].strip()
        if first.startswith(b"{") and first.endswith(b"}"):  # NDJSON under the wrong name
            self._lines(chunk)
        else:
            self._resources(chunk.data, "")

    def _resources(self, data: bytes | msgspec.Raw, prefix: str) -> None:
        """The resources of a Bundle, or the one resource that the document is."""
        try:
            for place, content, own_id in resources_of(data):
                self._here.line = prefix + place
                if (resource := decode_strict(content)) is None:
                    self._odd(content, own_id)
                else:
                    self._flatten(resource, own_id)
            if b'"DELETE"' in bytes(data):
                self._deletions(data, prefix)
        except Skip as skip:
            self.batch.skipped[skip.reason] += 1
            self._unread += 1

    def _deletions(self, data: bytes | msgspec.Raw, prefix: str) -> None:
        """Tombstones: whose the resource was is not said, and found out when the store is read."""
        for place, name, when in deletions_of(data):
            self._here.line = prefix + place
            kind = name.partition("/")[0]
            if kind not in READ:
                self.batch.skipped[f"{kind}: not read" if kind else "deletion that names no one resource"] += 1
                continue
            said = parse_instant(when) if when else NAT
            retract(self.batch, patient="", resource=name, updated=said if said != NAT else self._deleted_at)
            self._deleted[kind] += 1

    def _flatten(self, resource: Resource, own_id: str) -> None:
        resource.id = resource.id or own_id or None
        self._types.append(type(resource))
        flatten(resource, self.batch)


def _line_ends(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each line ends, its break included; and which lines do not begin with a brace and end with one (none: empty).

    If each does, and if as many JSON objects are read from them, then each line is one of these: no object could go over the end
    of a line, for within an object no opening brace follows a closing one without a comma.
    """
    text = np.frombuffer(data, dtype=np.uint8)
    breaks = np.flatnonzero(text == _NEWLINE)
    if not breaks.size or breaks[-1] != len(text) - 1:
        breaks = np.append(breaks, len(text))
    ends = np.minimum(breaks + 1, len(text))
    begins = np.append(0, ends[:-1])
    last = text[breaks - 1]
    if np.count_nonzero(last == _RETURN):  # lines from Windows
        last = text[breaks - 1 - (last == _RETURN)]
    odd = (text[begins] != _OPEN) | (last != _CLOSE)
    return ends, odd if odd.any() else odd[:0]


def _count_events(columns: EventColumns, tally: Tally) -> None:
    """Events, and those with an assumed `known` time, by field."""
    words = columns.field.words
    for count, into in (
        (np.bincount(columns.field.index, minlength=len(words)), tally.events),
        (np.bincount(columns.field.index[columns.assumed], minlength=len(words)), tally.assumed),
    ):
        into.update({word: int(n) for word, n in zip(words, count.tolist(), strict=True) if n})
