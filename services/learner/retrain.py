"""The recipe, in order: cohort, matrix, fits, evaluation, alarms, choice, reference, release, evidence, report.

The same data, guidance and seed give the same release digest and the same evidence digest (on one image).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from services.guidance.check import check_guidance, load_guidance
from services.guidance.definition import Guidance
from services.guidance.errors import BadGuidance
from services.guidance.evidence import Evaluation, Leaks
from services.guidance.folder import LoadedGuidance
from services.guidance.ready import open_release
from services.guidance.release import EvidencePack, ReleaseBundle, build_release
from services.learner.evidence.audit_groups import alert_threshold, attributes_of
from services.learner.evidence.choice import choose
from services.learner.evidence.decision_curve import decision_curve
from services.learner.evidence.evaluation import Performance, evaluate
from services.learner.evidence.files import evidence_files, reference_of
from services.learner.evidence.leaks import find_leaks
from services.learner.evidence.sample_size import effective_parameters, sample_size
from services.learner.evidence.subgroups import subgroup_table
from services.learner.evidence.workload import workload
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.models.fitting import Candidate, fit_candidates
from services.learner.models.recipes import ModelKind
from services.learner.models.training_rows import TrainingRows
from services.learner.report import evidence_report
from services.learner.run_log import REPORT_FILE
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from services.timeline.instants import FOREVER, NAT, instant_text

Progress = Callable[[str, int, int], None]
"""Stage, done, of how many."""
_CURVE_POINTS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What one training run made."""

    bundle: ReleaseBundle
    pack: EvidencePack
    evaluation: Evaluation

    def result(self) -> dict[str, Any]:
        """What `knowdo learner train --json` prints."""
        said: dict[str, Any] = msgspec.to_builtins(self.evaluation)
        kept = ("guidance", "rows", "events", "models", "chosen", "price_of_glass_box", "leaks", "sample_size")
        return {name: said[name] for name in kept} | {"release": self.bundle.digest, "evidence": self.pack.digest}

    def metrics(self) -> dict[str, float]:
        """Numbers for MLflow: every model by its kind."""
        return {
            f"{kind}.{name}": float(value)
            for kind, report in self.evaluation.models.items()
            for name, value in (("auroc", report.auroc), ("auprc", report.auprc), ("brier", report.brier))
        }


def train(
    directory: Path,
    store: EventStore,
    *,
    folds: int = 5,
    seed: int = 0,
    workers: int = 1,
    since: int = NAT,
    until: int = FOREVER,
    data_end: int | None = None,
    progress: Progress = lambda *_: None,
) -> Trained:
    """Learn a guidance from the store: a release, and the evidence for it."""
    if faults := check_guidance(directory):
        raise BadGuidance(faults)
    loaded = load_guidance(directory)
    guidance = loaded.definition
    with worker_pool(workers) as pool:
        everyone = read_cohort_rows(
            store,
            loaded,
            pool,
            since=since,
            until=until,
            data_end=data_end,
            on_bucket=lambda done: progress("reading features", done, store.buckets),
        )
    rows = everyone.matured()
    if not len(rows):
        raise BadInput(
            f"no row can be learned from: {dict(everyone.outcomes)}",
            place=str(store.folder),
            remedy="Ingest a longer period, or look at the population of the guidance",
        )
    inputs = tuple(name for name, feature in guidance.features.items() if feature.use == "model")
    name = f"stays of the training data, {_day(int(rows.at.min()))} to {_day(int(rows.at.max()))}"
    X = rows.inputs(inputs)
    candidates = fit_candidates(
        X,
        rows.y,
        rows.patients,
        inputs,
        reference=name,
        directions={feature: guidance.features[feature].direction for feature in inputs},
        kinds=guidance.model.candidates,
        folds=folds,
        seed=seed,
        workers=workers,
        progress=lambda done, of, what: progress(f"fitting ({what})", done, of),
    )
    performances: dict[ModelKind, Performance] = {}
    for done, (kind, candidate) in enumerate(candidates.items(), start=1):
        performances[kind] = evaluate(rows.y, candidate.risk, rows.patients, fold=candidate.fold, seed=seed)
        progress("weighing", done, len(candidates) + 1)
    chosen = choose(performances, limit=guidance.model.glass_box_price)
    leaks = _leaks(rows, X, inputs, performances, guidance, seed)
    progress("weighing", len(candidates) + 1, len(candidates) + 1)
    model = candidates[chosen.chosen].model
    bundle = build_release(loaded, model.to_json(), reference_of(rows, inputs, name))
    open_release(bundle)  # the proof that it can speak
    risk = candidates[chosen.chosen].risk
    evaluation = Evaluation(
        guidance=guidance.id,
        release=bundle.digest,
        since=instant_text(int(rows.at.min())),
        until=instant_text(int(rows.at.max())),
        rows=len(rows),
        events=int(rows.y.sum()),
        patients=len(np.unique(rows.patients)),
        split=f"{folds}-fold cross-validation, grouped by patient",
        models={kind: performance.report() for kind, performance in performances.items()},
        chosen=chosen.chosen,
        price_of_glass_box=chosen.price,
        leaks=leaks,
        sample_size=sample_size(
            rows.y,
            out_of_fold=risk,
            parameters=effective_parameters(rows.y, fitted=model.risk(X), out_of_fold=risk),
        ),
        states=dict(everyone.outcomes),
    )
    pack = _pack(
        evaluation, chosen.chosen, loaded, store, rows, inputs, candidates, performances, folds=folds, seed=seed
    )
    return Trained(bundle=bundle, pack=pack, evaluation=evaluation)


def _leaks(
    rows: CohortRows,
    X: np.ndarray[Any, np.dtype[np.float64]],
    inputs: tuple[str, ...],
    performances: Mapping[ModelKind, Performance],
    guidance: Guidance,
    seed: int,
) -> Leaks:
    """The alarms, and one of our own: a value that came from an event not yet known at the moment of prediction."""
    leaks = find_leaks(
        TrainingRows.of(X, rows.y, rows.patients, inputs=inputs, reference="alarms"),
        aurocs={kind: performance.auroc.value for kind, performance in performances.items()},
        auroc_alarm=guidance.model.auroc_alarm,
        seed=seed,
    )
    if not rows.future:
        return leaks
    said = f"{rows.future} feature values came from events that were not known at the moment of prediction."
    return msgspec.structs.replace(leaks, found=(*leaks.found, said))


def _pack(
    evaluation: Evaluation,
    chosen: ModelKind,
    loaded: LoadedGuidance,
    store: EventStore,
    rows: CohortRows,
    inputs: tuple[str, ...],
    candidates: Mapping[ModelKind, Candidate],
    performances: Mapping[ModelKind, Performance],
    *,
    folds: int,
    seed: int,
) -> EvidencePack:
    """The evidence of the chosen model, with the report that people read."""
    guidance = loaded.definition
    risk = candidates[chosen].risk
    base_rate = evaluation.events / evaluation.rows
    threshold = alert_threshold(guidance, risk, base_rate)
    work = workload(rows.y, risk, rows.patients, threshold=threshold)
    highest = min(max(0.1, 4 * base_rate), 0.9)
    thresholds = [highest * i / _CURVE_POINTS for i in range(1, _CURVE_POINTS + 1)]
    curve = decision_curve(rows.y, risk, rows.patients, thresholds=thresholds)
    groups = subgroup_table(rows.y, risk, rows.patients, attributes_of(guidance, rows), threshold=threshold)
    files = evidence_files(
        evaluation=evaluation,
        guidance=guidance,
        store=store,
        rows=rows,
        inputs=inputs,
        performances=performances,
        recipes={kind: candidate.recipe for kind, candidate in candidates.items()},
        work=work,
        curve=curve,
        groups=groups,
        folds=folds,
        seed=seed,
    )
    report = evidence_report(
        guidance=guidance,
        evaluation=evaluation,
        performance=performances[chosen],
        work=work,
        curve=curve,
        groups=groups,
        flow=rows.flow.steps(),
        store=store.digest,
        seed=seed,
        folds=folds,
    )
    return EvidencePack(evidence="training", release=evaluation.release, files={**files, REPORT_FILE: report.encode()})


def _day(instant: int) -> str:
    return instant_text(instant)[:10]
