"""The rows of a cohort: every bucket of the store through the bedside's own `read_features`, in order, in parallel.

Memory is bounded by a bucket and by the matrix itself. The rows come in the same order whatever the number of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.check import load_files
from services.guidance.features import FeaturePlan, compile_features, read_features
from services.guidance.folder import LoadedGuidance
from services.guidance.outcome import label_outcome
from services.learner.cohort import Flow, find_moments, in_population
from services.learner.workers import Pool
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from services.timeline.instants import FOREVER, NAT
from services.timeline.timeline import IndexRows, Timeline, assemble, index_rows

PENDING: Final = -1

Numbers = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRows:
    """One row for each moment of prediction in the population, matured or not."""

    names: tuple[str, ...]
    values: Numbers
    """N x F; NaN where there is no value."""
    states: NDArray[np.uint8]
    y: NDArray[np.int8]
    """1 happened, 0 did not, -1 cannot be learned from (pending, censored, competing)."""
    outcomes: Mapping[str, int]
    """Rows by the state of their outcome."""
    patients: Ints
    """Rows of one patient share a number."""
    at: Ints
    flow: Flow
    problems: Counter[str]
    future: int
    """Feature values whose event was not known at the moment of prediction: must be 0."""

    def __len__(self) -> int:
        return len(self.y)

    def matured(self) -> CohortRows:
        """Only the rows that can be learned from."""
        chosen = self.y >= 0
        return CohortRows(
            names=self.names,
            values=self.values[chosen],
            states=self.states[chosen],
            y=self.y[chosen],
            outcomes=self.outcomes,
            patients=self.patients[chosen],
            at=self.at[chosen],
            flow=self.flow,
            problems=self.problems,
            future=self.future,
        )

    def inputs(self, names: tuple[str, ...]) -> Numbers:
        """The columns of a model, in its order."""
        places = [self.names.index(name) for name in names]
        return np.ascontiguousarray(self.values[:, places])


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketTask:
    """One bucket's work, as it is sent to a worker."""

    folder: Path
    number: int
    guidance: tuple[tuple[str, bytes], ...]
    since: int
    until: int
    data_end: int


def read_cohort_rows(
    store: EventStore,
    loaded: LoadedGuidance,
    pool: Pool,
    *,
    since: int = NAT,
    until: int = FOREVER,
    data_end: int | None = None,
    on_bucket: Callable[[int], None] = lambda _: None,
) -> CohortRows:
    """All rows of a guidance's population in the store, with their labels as they stand at the end of the data."""
    if not store.rows:
        raise BadInput(
            "the event store is empty", place=str(store.folder), remedy="Ingest with `knowdo learner ingest`"
        )
    end = store.latest_known("Encounter.") if data_end is None else data_end
    files = tuple(sorted(loaded.files.items()))
    tasks = [
        BucketTask(folder=store.folder, number=number, guidance=files, since=since, until=until, data_end=end)
        for number in range(store.buckets)
    ]
    parts: list[CohortRows] = []
    patients = 0
    for part in pool.map_in_order(rows_of_bucket, tasks):
        np.add(part.patients, patients, out=part.patients)  # numbers of patients differ between buckets
        patients += int(part.flow.counts.get(("patients in the event store", "here"), 0))
        parts.append(part)
        on_bucket(len(parts))
    return _joined(parts)


def rows_of_bucket(task: BucketTask) -> CohortRows:
    """The rows of one bucket. Runs in worker processes."""
    loaded, plan = _prepared(task.guidance)
    guidance, value_sets = loaded.definition, loaded.value_sets
    timeline = assemble(EventStore.open(task.folder).read_bucket(task.number))
    flow = Flow()
    moments = find_moments(timeline, guidance, value_sets, flow, since=task.since, until=task.until)
    stays = moments.stays
    rows = index_rows(
        timeline,
        [timeline.patients[i] for i in stays.patient.tolist()],
        moments.at,
        [timeline.resource_words[i] for i in stays.encounter.tolist()],
    )
    features = read_features(plan, timeline, rows)
    here = in_population(guidance.population, features.columns(), len(rows), flow)
    rows = _take(rows, here)
    labels = label_outcome(guidance, value_sets, timeline, rows, task.data_end)
    return CohortRows(
        names=features.names,
        values=np.ascontiguousarray(features.values[here]),
        states=np.ascontiguousarray(features.states[here]),
        y=labels.y,
        outcomes=Counter(labels.state),
        patients=rows.patient.astype(np.int64),
        at=rows.at,
        flow=flow,
        problems=features.problems,
        future=_from_the_future(timeline, features.sources[here], rows.at),
    )


@lru_cache(maxsize=2)
def _prepared(files: tuple[tuple[str, bytes], ...]) -> tuple[LoadedGuidance, FeaturePlan]:
    """The guidance, read and compiled once for each process."""
    loaded = load_files(dict(files))
    return loaded, compile_features(loaded.definition, loaded.value_sets, {})


def _take(rows: IndexRows, chosen: NDArray[np.bool_]) -> IndexRows:
    return IndexRows(
        patient=rows.patient[chosen], at=rows.at[chosen], encounter=rows.encounter[chosen], start=rows.start[chosen]
    )


def _from_the_future(timeline: Timeline, sources: Ints, at: Ints) -> int:
    """How many values came from an event that was not yet known, or had not yet happened."""
    given = sources >= 0
    moments = np.broadcast_to(at[:, None], sources.shape)[given]
    events = sources[given]
    return int(((timeline.known[events] > moments) | (timeline.time[events] > moments)).sum())


def _joined(parts: list[CohortRows]) -> CohortRows:
    flow, problems, outcomes = Flow(), Counter[str](), Counter[str]()
    for part in parts:
        flow.add(part.flow)
        problems.update(part.problems)
        outcomes.update(part.outcomes)
    return CohortRows(
        names=parts[0].names,
        values=np.concatenate([part.values for part in parts]),
        states=np.concatenate([part.states for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        outcomes=dict(sorted(outcomes.items())),
        patients=np.concatenate([part.patients for part in parts]),
        at=np.concatenate([part.at for part in parts]),
        flow=flow,
        problems=problems,
        future=sum(part.future for part in parts),
    )
