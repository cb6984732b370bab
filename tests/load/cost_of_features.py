"""What features and scores cost: `python -m tests.load.cost_of_features FOLDER-OF-NDJSON [--rows N] [--json]`.

CPU on one core. History: the stays of a real folder, repeated up to N (patient, index) rows. The bedside: one row of one
patient with some seventy events, with its risk and the exact share of every feature in it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from services.guidance.check import load_guidance
from services.guidance.definition import Guidance
from services.guidance.features import FeaturePlan, compile_features, read_features
from services.guidance.models.scorecard import Scorecard
from services.guidance.prefetch import feature_queries
from services.timeline.codes import ValueSets
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import NAT
from services.timeline.timeline import IndexRows, Timeline, assemble, index_rows
from tests.load.figures import Figure, in_turn, show
from tests.load.hospital_call import LIBRARY, model_of, record

FEATURES = 30
MICROSECONDS = 1e6


def some_features(guidance: Guidance, size: int) -> Guidance:
    """The guidance with its first so many features, each with what it is computed from."""
    chosen: set[str] = set()
    for name in guidance.features:
        wanted = {*chosen, name, *computed_from(guidance, name)}
        if len(wanted) <= size:
            chosen = wanted
    features = {name: feature for name, feature in guidance.features.items() if name in chosen}
    return guidance.model_copy(update={"features": features})


def computed_from(guidance: Guidance, name: str) -> Iterable[str]:
    """Every feature that one is computed from, near or far."""
    for given in guidance.features[name].computed_from:
        yield given
        yield from computed_from(guidance, given)


def plan_of(guidance: Guidance, value_sets: ValueSets) -> FeaturePlan:
    """Its features, ready to be read."""
    return compile_features(guidance, value_sets, feature_queries(guidance, value_sets))


def history(folder: Path) -> Timeline:
    """All that the folder says."""
    batch = EventBatch()
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            flatten_json(line, batch)
    return assemble(batch)


def ends_of_stays(timeline: Timeline, count: int) -> IndexRows:
    """The end of each stay that has ended, over and over, in no order of patients."""
    stays = timeline.field == timeline.fields.index("Encounter.class")
    rows = np.flatnonzero(stays & (timeline.end != NAT))
    rows = np.random.default_rng(0).permutation(np.resize(rows, count))
    return IndexRows(
        patient=(np.searchsorted(timeline.starts, rows, side="right") - 1).astype(np.int32),
        at=timeline.end[rows],
        encounter=timeline.resource[rows].astype(np.int32),
        start=timeline.time[rows],
    )


def bedside(now: datetime) -> tuple[Timeline, IndexRows]:
    """One patient's seventy resources as prefetched, and the moment of the call."""
    batch = EventBatch()
    for resources in record("p", now).values():
        for one in resources:
            flatten_json(json.dumps(one).encode(), batch)
    timeline = assemble(batch, all_known=True)
    return timeline, index_rows(timeline, ["p"], [round(now.timestamp() * MICROSECONDS)], ["p-e"])


def many_rows(plan: FeaturePlan, timeline: Timeline, count: int) -> Figure:
    """History: so many rows once."""
    rows = ends_of_stays(timeline, count)
    begun = time.process_time()
    read_features(plan, timeline, rows)
    taken = time.process_time() - begun
    return Figure(
        what=f"{len(plan)} features x {count:,} (patient, index) rows, {len(timeline):,} events",
        ours=f"{taken:.1f} s CPU",
        target="60 s (30 features, 1,000,000 rows)",
    )


def one_row(guidance: Guidance, plan: FeaturePlan, now: datetime) -> Figure:
    """The bedside: features, and the risk with its reasons; beside it one row of scikit-learn's, without either."""
    timeline, rows = bedside(now)
    model = Scorecard.from_json(model_of(guidance))
    twice = IndexRows(
        patient=rows.patient.repeat(2), at=rows.at.repeat(2), encounter=rows.encounter.repeat(2), start=rows.start.repeat(2)
    )  # fmt: skip
    chance = np.random.default_rng(0)
    X = chance.normal(size=(2_000, len(model.inputs)))
    y = X[:, 0] + chance.normal(size=len(X)) > 0
    logistic, boosted = LogisticRegression().fit(X, y), HistGradientBoostingClassifier().fit(X, y)
    x = read_features(plan, timeline, rows).model_inputs(model.inputs)[0]

    def whole() -> None:
        matrix = read_features(plan, timeline, rows)
        model.explain(matrix.model_inputs(model.inputs)[0])

    # One thread each: those that OpenMP keeps awake would be counted with whoever comes next.
    with threadpool_limits(1):
        found = in_turn(
            {
                "whole": whole,
                "features": lambda: read_features(plan, timeline, rows),
                "score": lambda: model.explain(x),
                "two rows": lambda: read_features(plan, timeline, twice),
                "logistic": lambda: logistic.predict_proba(X[:1]),
                "boosted": lambda: boosted.predict_proba(X[:1]),
            },
            times=200,
            rounds=7,
        )
    ms = {name: f"{seconds * 1e3:.3f} ms" for name, seconds in found.items()}
    return Figure(
        what=f"one row of {len(plan)} features, {len(timeline)} events, its score and reasons",
        ours=f"{ms['whole']} (features {ms['features']}, score with reasons {ms['score']})",
        target="0.2 ms (30 features)",
        floor=f"the score with reasons alone {ms['score']}",
        peers=f"the kernels of many rows, two rows, features only {ms['two rows']}; scikit-learn, the prediction only, no "
        f"features, no reasons: logistic {ms['logistic']}, boosted trees {ms['boosted']}; quoted: calibrated 10.6 ms, "
        "TreeSHAP 1.8 ms",
    )


def main() -> None:
    """The shipped guidance: thirty of its features, then all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    loaded = load_guidance(LIBRARY)
    now = datetime.now(UTC)
    timeline = history(asked.folder)
    figures = []
    for guidance in (some_features(loaded.definition, FEATURES), loaded.definition):
        plan = plan_of(guidance, loaded.value_sets)
        figures += [many_rows(plan, timeline, asked.rows), one_row(guidance, plan, now)]
    show("Features and scores, CPU of one core", figures, as_json=asked.json)


if __name__ == "__main__":
    main()
