"""Some chunks of FHIR data become one segment of events: the inner loop of ingest, run in worker processes.

Whatever is skipped is counted by its reason, and the first places of each reason are kept: file and line, never content.
"""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from services.learner.intake.bundles import resources_of
from services.learner.intake.sources import Chunk
from services.plumbing.event_store import Segment, write_segment
from services.timeline.events import EventBatch, EventColumns
from services.timeline.flatten import flatten
from services.timeline.resources import Skip, decode_repaired, decode_strict

PLACES: Final = 5
"""How many places are kept for each reason."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one task: some chunks, and where their segment goes."""

    chunks: tuple[Chunk, ...]
    staging: str
    buckets: int


class Tally(msgspec.Struct, kw_only=True):
    """What was found in some chunks. Tallies add up."""

    resources: dict[str, int] = msgspec.field(default_factory=dict)
    events: dict[str, int] = msgspec.field(default_factory=dict)
    assumed: dict[str, int] = msgspec.field(default_factory=dict)
    """Events, by field, whose `known` time is assumed to be their own."""
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    places: dict[str, list[str]] = msgspec.field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add what was found elsewhere, later in the source."""
        for mine, theirs in (
            (self.resources, other.resources),
            (self.events, other.events),
            (self.assumed, other.assumed),
            (self.skipped, other.skipped),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        for reason, places in other.places.items():
            kept = self.places.setdefault(reason, [])
            kept.extend(places[: PLACES - len(kept)])


class Skipped(Counter[str]):
    """Counts what was skipped, and notes where: whoever counts need not know the place."""

    def __init__(self) -> None:
        super().__init__()
        self.file = ""
        self.line: int | str = 0
        self.places: dict[str, list[str]] = {}

    def __setitem__(self, reason: str, count: int) -> None:
        super().__setitem__(reason, count)
        places = self.places.setdefault(reason, [])
        if len(places) < PLACES:
            places.append(f"{self.file}:{self.line}" if self.line else self.file)


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
    batch = EventBatch()
    skipped = Skipped()
    batch.skipped = skipped
    types: Counter[str] = Counter()
    for chunk in load.chunks:
        skipped.file = chunk.file
        if chunk.kind == "lines":
            _read_lines(chunk, batch, skipped, types)
        else:
            _read_document(chunk, batch, skipped, types)
    columns = batch.columns()
    tally = Tally(resources=dict(types), skipped=dict(skipped), places=skipped.places)
    _count_events(columns, tally)
    return tally, write_segment(Path(load.staging), columns, load.buckets)


def _read_lines(chunk: Chunk, batch: EventBatch, skipped: Skipped, types: Counter[str]) -> None:
    for number, line in enumerate(chunk.data.split(b"\n"), start=chunk.first_line):
        if not line:
            continue
        skipped.line = number
        if (resource := decode_strict(line)) is None:
            if line.isspace():
                continue
            if b'"Bundle"' in line:
                _read_resources(line, f"{number}, ", batch, skipped, types)
            else:
                _read_odd(line, "", batch, skipped, types)
            continue
        types[type(resource).__name__] += 1
        flatten(resource, batch)


def _read_odd(
    content: bytes | msgspec.Raw, own_id: str, batch: EventBatch, skipped: Skipped, types: Counter[str]
) -> None:
    """What does not fit as it is: mended, or skipped with its reason."""
    try:
        resource = decode_repaired(content)
    except Skip as skip:
        skipped[skip.reason] += 1
        return
    skipped[f"{type(resource).__name__}: read with repairs"] += 1
    resource.id = resource.id or own_id or None
    types[type(resource).__name__] += 1
    flatten(resource, batch)


def _read_document(chunk: Chunk, batch: EventBatch, skipped: Skipped, types: Counter[str]) -> None:
    skipped.line = ""
    first = chunk.data[: chunk.data.find(b"\n") + 1].strip()
    if first.startswith(b"{") and first.endswith(b"}"):  # NDJSON under the wrong name
        _read_lines(chunk, batch, skipped, types)
    else:
        _read_resources(chunk.data, "", batch, skipped, types)


def _read_resources(
    data: bytes | msgspec.Raw, prefix: str, batch: EventBatch, skipped: Skipped, types: Counter[str]
) -> None:
    """The resources of a Bundle, or the one resource that the document is."""
    try:
        for place, content, own_id in resources_of(data):
            skipped.line = prefix + place
            resource = decode_strict(content)
            if resource is None:
                _read_odd(content, own_id, batch, skipped, types)
                continue
            resource.id = resource.id or own_id or None
            types[type(resource).__name__] += 1
            flatten(resource, batch)
    except Skip as skip:
        skipped[skip.reason] += 1


def _count_events(columns: EventColumns, tally: Tally) -> None:
    """Events, and those with an assumed `known` time, by field."""
    words = columns.field.words
    for count, into in (
        (np.bincount(columns.field.index, minlength=len(words)), tally.events),
        (np.bincount(columns.field.index[columns.assumed], minlength=len(words)), tally.assumed),
    ):
        into.update({word: int(n) for word, n in zip(words, count.tolist(), strict=True) if n})
