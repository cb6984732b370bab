"""An event store of any number of patients, written straight as events: no FHIR resource is ever made.

A small demo hospital is ingested once. Its patients' events, thinned to some sixty for each, are written again and again as
those of other patients: other ids, the whole record moved by some days, every number a little different. What features read
(stays, codes, units, who points to whom) is what the demo hospital's are; what a model learns from it is not meant to be true.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.learner.engines.engine import Engine
from services.learner.intake.ingest import ingest
from services.plumbing.event_store import EventStore, Segment, StoredSource, write_segment
from services.timeline.events import Coded, EventColumns, concatenate
from services.timeline.instants import DAY, FOREVER, NAT

PATTERNS: Final = 500
"""Patients of the demo hospital that the others are copies of."""
KEPT: Final = 0.06
"""Share that is kept of what there is much of: the demo hospital has four hundred events for each patient."""
PATIENTS_A_BUCKET: Final = 6_250
"""So many patients make a bucket, whatever the number of patients: memory stays what it is."""
PATIENTS_A_TASK: Final = 2_500
_MANY: Final = (
    "Observation.",
    "ChargeItem.",
    "Claim.",
    "ExplanationOfBenefit.",
    "DiagnosticReport.",
    "Encounter.location",
)
"""Measurements, and what goes with them and no feature of a stay reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """The work of one task: which copies of the pattern, and where they go."""

    pattern: str
    first: int
    count: int
    patients: int
    staging: str
    buckets: int


def pattern_of(folder: Path) -> Path:
    """The store of the small hospital that all are copies of."""
    hospital, store = folder / "hospital", folder / "pattern"
    command = [sys.executable, "-m", "services.command", "demo", "hospital", "--patients", str(PATTERNS), "--seed", "7"]
    subprocess.run([*command, "--out", str(hospital)], check=True, capture_output=True)
    ingest(hospital / "fhir", store, workers=1, buckets=1, quality=False)
    return store


def many_patients(
    pattern: Path, folder: Path, patients: int, engine: Engine, *, done: Callable[[int], None] = lambda _: None
) -> EventStore:
    """A store of so many patients."""
    store = EventStore.open_or_create(folder, buckets=max(16, -(-patients // PATIENTS_A_BUCKET)))
    own = EventStore.open(pattern).patients
    count = max(1, PATIENTS_A_TASK // own)
    with store.append() as append:
        tasks = [
            Copies(
                pattern=str(pattern), first=first, count=count, patients=patients,
                staging=str(append.staging), buckets=store.buckets,
            )
            for first in range(0, -(-patients // own), count)
        ]  # fmt: skip
        segments: list[Segment] = []
        for segment in engine.map_in_order(write_copies, tasks):
            segments.append(segment)
            done(len(segments))
        events = sum(segment.rows for segment in segments)
        source = StoredSource(name="made up", digest=f"made up: {patients}", resources=0, events=events, complete=True)
        append.commit(segments, source, each=engine.map_in_order)
    return store


def write_copies(task: Copies) -> Segment:
    """Some copies of the pattern, as a segment. Runs in worker processes."""
    pattern = _thinned(EventStore.open(Path(task.pattern)).read_bucket(0))
    return write_segment(Path(task.staging), concatenate(_copies(pattern, task)), task.buckets)


def _copies(pattern: EventColumns, task: Copies) -> Iterator[EventColumns]:
    own = len(pattern.patient.words)
    for number in range(task.first, task.first + task.count):
        if (left := task.patients - number * own) <= 0:
            return
        # Only the first so many patients of the last copy.
        rows = np.arange(len(pattern)) if left >= own else np.flatnonzero(pattern.patient.index < left)
        chance = np.random.default_rng(number)
        moved = chance.integers(-180, 1, size=own)[pattern.patient.index[rows]] * DAY
        yield EventColumns(
            patient=_of(pattern.patient, rows, number), field=_of(pattern.field, rows), codes=_of(pattern.codes, rows),
            unit=_of(pattern.unit, rows), answer=_of(pattern.answer, rows, number), resource=_of(pattern.resource, rows, number),
            encounter=_of(pattern.encounter, rows, number),
            time=_later(pattern.time[rows], moved), end=_later(pattern.end[rows], moved),
            known=_later(pattern.known[rows], moved), updated=_later(pattern.updated[rows], moved),
            assumed=pattern.assumed[rows],
            value=pattern.value[rows] * np.exp(chance.normal(0, 0.05, size=len(rows))).round(3),
        )  # fmt: skip


def _thinned(events: EventColumns) -> EventColumns:
    """Few of what there is much of, and without what belongs to no patient; the words are only those in use."""
    many = np.array([word.startswith(_MANY) for word in events.field.words])[events.field.index]
    chance = np.random.default_rng(0).random(len(events))
    someone = np.array([bool(word) for word in events.patient.words])[events.patient.index]
    rows = np.flatnonzero(someone & (~many | (chance < KEPT)))
    names = ("patient", "field", "codes", "unit", "answer", "resource", "encounter")
    text = {name: _used(getattr(events, name), rows) for name in names}
    rest = {
        name: getattr(events, name)[rows] for name in ("time", "end", "known", "updated", "assumed", "value")
    }  # fmt: skip
    return replace(events, **text, **rest)


def _used(column: Coded, rows: NDArray[np.int64]) -> Coded:
    used, index = np.unique(column.index[rows], return_inverse=True)
    return Coded(index=index.astype(np.int32), words=tuple(column.words[place] for place in used.tolist()))


def _of(column: Coded, rows: NDArray[np.int64], number: int | None = None) -> Coded:
    """Some rows of a column of words; with a number, whatever is one patient's own gets it."""
    words = column.words
    if number is not None:
        words = tuple(
            f"{word}-{number}" if word and not word.startswith(_SHARED) and "|" not in word else word for word in words
        )
    return Coded(index=column.index[rows], words=words)


_SHARED: Final = ("Organization/", "Location/", "PractitionerRole/", "Medication/", "Practitioner/")
"""What is many patients'."""


def _later(times: NDArray[np.int64], moved: NDArray[np.int64]) -> NDArray[np.int64]:
    real = (times != NAT) & (times != FOREVER) & (times > NAT + 400 * DAY)
    return np.where(real, times + moved, times)
