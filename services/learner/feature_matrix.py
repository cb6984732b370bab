"""The rows of a cohort: every bucket of the store through the bedside's own `read_features`, in order, in parallel.

Memory is bounded by a bucket and by the matrix itself. The rows come in the same order whatever the number of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.guidance.check import load_files
from services.guidance.definition import PRIMARY
from services.guidance.features import FeaturePlan, compile_features, read_features
from services.guidance.folder import LoadedGuidance
from services.guidance.guards.canary import compile_canaries, watch_canaries
from services.guidance.guards.known_time import KnownTimeProof, values_of_the_future
from services.guidance.outcome import label_outcome, looked_for
from services.learner.cohort import Flow, find_moments, in_population
from services.learner.row_outcomes import Outcomes, all_of, outcomes_of
from services.learner.setting import Setting
from services.learner.sites import Sites
from services.learner.workers import Pool
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from services.timeline.instants import FOREVER, NAT
from services.timeline.timeline import IndexRows, assemble, index_rows

Numbers = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRows:
    """One row for each moment of prediction in the population, matured or not; `y` is of one prediction at a time."""

    names: tuple[str, ...]
    values: Numbers
    """N x F; NaN where there is no value."""
    states: NDArray[np.uint8]
    y: NDArray[np.int8]
    """1 happened, 0 did not, -1 cannot be learned from (pending, censored, competing)."""
    outcomes: Mapping[str, int]
    """Rows by the state of their outcome."""
    looked_for: NDArray[np.bool_]
    """Rows of whom that outcome was looked for."""
    happened: Ints
    """When that outcome happened; NAT where it did not."""
    until: Ints
    """Until when a row was followed (`Outcomes.until`)."""
    by_prediction: Mapping[str, Outcomes]
    """The outcomes of every prediction by name, the first (`risk`) among them."""
    patients: Ints
    """Rows of one patient share a number."""
    at: Ints
    setting: Setting
    """What the record says of the rows besides the features: the groups they belong to, and their ward."""
    sites: Sites
    flow: Flow
    problems: Counter[str]
    proof: KnownTimeProof
    """That nothing of the future was read."""

    def __len__(self) -> int:
        return len(self.y)

    def asked(self, prediction: str) -> CohortRows:
        """The rows for which a prediction is computed, with its outcome."""
        found = self.by_prediction[prediction]
        asked = replace(
            self,
            y=found.y,
            outcomes=found.states,
            looked_for=found.looked_for,
            happened=found.happened,
            until=found.until,
        )
        return asked.where(found.computed)

    def matured(self) -> CohortRows:
        """Only the rows that can be learned from."""
        return self.where(self.y >= 0)

    def where(self, chosen: NDArray[np.bool_]) -> CohortRows:
        """Some of the rows; the counts stay those of all. The other outcomes are let go."""
        return replace(
            self,
            values=self.values[chosen],
            states=self.states[chosen],
            y=self.y[chosen],
            looked_for=self.looked_for[chosen],
            happened=self.happened[chosen],
            by_prediction={},
            patients=self.patients[chosen],
            at=self.at[chosen],
            setting=self.setting.where(chosen),
            until=self.until[chosen],
            sites=self.sites.where(chosen),
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
    """All rows of a guidance's population in the store, with their labels as they stand at the end of the data.

    Refused if anything was read that was not yet known at a moment of prediction.
    """
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
    everyone = _joined(parts)
    everyone.proof.must_hold()
    return everyone


def rows_of_bucket(task: BucketTask) -> CohortRows:
    """The rows of one bucket. Runs in worker processes."""
    loaded, plan, canaries = _prepared(task.guidance)
    guidance, value_sets = loaded.definition, loaded.value_sets
    events = EventStore.open(task.folder).read_bucket(task.number)
    timeline = assemble(events)
    flow = Flow()
    moments = find_moments(
        timeline, guidance, value_sets, flow, since=task.since, until=task.until, data_end=task.data_end
    )
    stays = moments.stays
    rows = index_rows(
        timeline,
        [timeline.patients[i] for i in stays.patient.tolist()],
        moments.at,
        [timeline.resource_words[i] for i in stays.encounter.tolist()],
    )
    watched = watch_canaries(canaries, events, timeline, rows)
    del events  # the timeline holds them in its own order: once in memory is enough
    features = read_features(plan, timeline, rows)
    here = in_population(guidance.population, features.columns(), len(rows), flow)
    rows = _take(rows, here)
    columns = {name: (values[here], states[here]) for name, (values, states) in features.columns().items()}
    outcomes = {}
    for name, one in guidance.all_predictions.items():
        labels = label_outcome(guidance, value_sets, timeline, rows, task.data_end, outcome=one.outcome)
        tested = looked_for(one.outcome, value_sets, timeline, rows, task.data_end)
        outcomes[name] = outcomes_of(one, labels, tested, columns, rows.at, task.data_end)
    first = outcomes[PRIMARY]
    return CohortRows(
        names=features.names,
        values=np.ascontiguousarray(features.values[here]),
        states=np.ascontiguousarray(features.states[here]),
        y=first.y,
        outcomes=first.states,
        looked_for=first.looked_for,
        happened=first.happened,
        by_prediction=outcomes,
        patients=rows.patient.astype(np.int64),
        at=rows.at,
        setting=Setting.of_rows(timeline, rows),
        until=first.until,
        sites=Sites.of_stays(timeline, rows.encounter),
        flow=flow,
        problems=features.problems,
        proof=watched
        + KnownTimeProof(future=values_of_the_future(features.names, features.sources[here], timeline, rows.at)),
    )


@lru_cache(maxsize=2)
def _prepared(files: tuple[tuple[str, bytes], ...]) -> tuple[LoadedGuidance, FeaturePlan, FeaturePlan]:
    """The guidance, read and compiled once for each process, and the canaries that watch over it."""
    loaded = load_files(dict(files))
    guidance, value_sets = loaded.definition, loaded.value_sets
    return loaded, compile_features(guidance, value_sets, {}), compile_canaries(guidance, value_sets)


def _take(rows: IndexRows, chosen: NDArray[np.bool_]) -> IndexRows:
    return IndexRows(
        patient=rows.patient[chosen], at=rows.at[chosen], encounter=rows.encounter[chosen], start=rows.start[chosen]
    )


def _joined(parts: list[CohortRows]) -> CohortRows:
    flow, problems = Flow(), Counter[str]()
    for part in parts:
        flow.add(part.flow)
        problems.update(part.problems)
    outcomes = {name: all_of([part.by_prediction[name] for part in parts]) for name in parts[0].by_prediction}
    first = outcomes[PRIMARY]
    return CohortRows(
        names=parts[0].names,
        values=np.concatenate([part.values for part in parts]),
        states=np.concatenate([part.states for part in parts]),
        y=first.y,
        outcomes=first.states,
        looked_for=first.looked_for,
        happened=first.happened,
        by_prediction=outcomes,
        patients=np.concatenate([part.patients for part in parts]),
        at=np.concatenate([part.at for part in parts]),
        setting=Setting.joined([part.setting for part in parts]),
        until=first.until,
        sites=Sites.joined([part.sites for part in parts]),
        flow=flow,
        problems=problems,
        proof=sum((part.proof for part in parts), KnownTimeProof()),
    )
