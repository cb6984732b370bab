"""Whether the store, as it is now, asks for a training: enough new outcomes, or inputs and risks that have drifted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from services.guidance.check import load_guidance
from services.guidance.evidence import EVALUATION_FILE, Evaluation, decode_report
from services.guidance.models.model_file import load_model
from services.guidance.release import MODEL_FILE
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.jobs.drift import stability_index
from services.learner.retrain import Progress
from services.learner.run_log import RunLog
from services.learner.runs import Kept, kept_of
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.timeline.instants import parse_instant

RISK = "risk"


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """How the rows since the last training are spread, against those that it read."""

    rows_then: int
    rows_now: int
    index: dict[str, float]
    """By input, and `risk`; empty if there are too few rows to judge."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; `reasons` are sentences, one for each trigger that holds."""

    store: str
    last: str | None
    outcomes: int
    new_outcomes: int
    drift: Drifted | None
    reasons: tuple[str, ...]


def look(
    directory: Path, store: EventStore, log: RunLog, *, workers: int = 1, progress: Progress = lambda *_: None
) -> Seen:
    """Compare the store with the last training of this guidance that is done."""
    loaded = load_guidance(directory)
    triggers = loaded.definition.learning.triggers
    with worker_pool(workers) as pool:
        rows = read_cohort_rows(
            store, loaded, pool, on_bucket=lambda done: progress("reading features", done, store.buckets)
        )
    last = log.last_of(loaded.definition.id)
    outcomes = int(np.count_nonzero(rows.y >= 0))
    new = outcomes - (int((last.result or {}).get("rows", 0)) if last is not None else 0)
    reasons = []
    if triggers.new_outcomes is not None and new >= triggers.new_outcomes:
        reasons.append(f"{new:,} new outcomes; {triggers.new_outcomes:,} are enough")
    drifted = None
    if triggers.drift is not None and last is not None:
        drifted = _drift(rows, kept_of(log, last), fewest=triggers.drift.fewest_rows)
        strays = {name: index for name, index in drifted.index.items() if index >= triggers.drift.psi}
        if strays:
            worst = max(strays, key=lambda name: strays[name])
            reasons.append(f"drift of {len(strays)} column(s), most of {worst} ({strays[worst]:.2f})")
    return Seen(
        store=store.digest,
        last=None if last is None else last.id,
        outcomes=outcomes,
        new_outcomes=new,
        drift=drifted,
        reasons=tuple(reasons),
    )


def _drift(rows: CohortRows, kept: Kept, *, fewest: int) -> Drifted:
    """Every input of the model, and its risk."""
    told = decode_report(kept.pack.files[EVALUATION_FILE], Evaluation, place=EVALUATION_FILE)
    since, until = parse_instant(told.since), parse_instant(told.until)
    then, now = rows.where((rows.at >= since) & (rows.at <= until)), rows.where(rows.at > until)
    index: dict[str, float] = {}
    if min(len(then), len(now)) >= fewest:
        model = load_model(kept.bundle.files[MODEL_FILE])
        before, after = then.inputs(model.inputs), now.inputs(model.inputs)
        index = {name: stability_index(before[:, i], after[:, i]) for i, name in enumerate(model.inputs)}
        index[RISK] = stability_index(model.risk(before), model.risk(after))
    return Drifted(rows_then=len(then), rows_now=len(now), index=index)
