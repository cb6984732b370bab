"""What features cost: `python -m tests.load.cost_of_features FOLDER-OF-NDJSON [ROWS]`, for the shipped guidance.

CPU seconds on one core. The stays of a real folder, repeated up to ROWS (patient, index) pairs; and one pair alone, as at
the bedside.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from services.guidance.check import load_guidance
from services.guidance.features import compile_features, read_features
from services.guidance.prefetch import feature_queries
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import NAT
from services.timeline.timeline import IndexRows, Timeline, assemble

LIBRARY = Path(__file__).resolve().parents[2] / "services/guidance/library/readmission-30d"


def ends_of_stays(timeline: Timeline) -> IndexRows:
    """One pair for each stay that has ended, at its end."""
    stays = timeline.field == timeline.fields.index("Encounter.class")
    rows = np.flatnonzero(stays & (timeline.end != NAT))
    patient = np.searchsorted(timeline.starts, rows, side="right") - 1
    return IndexRows(
        patient=patient.astype(np.int32),
        at=timeline.end[rows],
        encounter=timeline.resource[rows].astype(np.int32),
        start=timeline.time[rows],
    )


def chosen(rows: IndexRows, which: np.ndarray) -> IndexRows:
    """Some of the pairs, in that order."""
    return IndexRows(
        patient=rows.patient[which], at=rows.at[which], encounter=rows.encounter[which], start=rows.start[which]
    )


def main(folder: Path, count: int) -> None:
    """Read, repeat, measure, print."""
    batch = EventBatch()
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            flatten_json(line, batch)
    timeline = assemble(batch.columns())
    loaded = load_guidance(LIBRARY)
    plan = compile_features(loaded.definition, loaded.value_sets, feature_queries(loaded.definition, loaded.value_sets))
    rows = ends_of_stays(timeline)
    many = chosen(rows, np.resize(np.arange(len(rows.at)), count))
    read_features(plan, timeline, chosen(rows, np.arange(8)))
    begun = time.process_time()
    read_features(plan, timeline, many)
    taken = time.process_time() - begun
    print(f"{len(plan.names)} features, {count:,} rows, {len(timeline.time):,} events: {taken:.1f} s CPU")  # noqa: T201

    busiest = int(np.argmax(np.diff(timeline.starts)[rows.patient]))
    one = chosen(rows, np.array([busiest]))
    events = int(np.diff(timeline.starts)[rows.patient[busiest]])
    begun = time.process_time()
    for _ in range(500):
        read_features(plan, timeline, one)
    each = (time.process_time() - begun) / 500
    print(f"{len(plan.names)} features, one row, {events:,} events of that patient: {each * 1e3:.2f} ms CPU")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
