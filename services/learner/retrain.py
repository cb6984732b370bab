"""The recipe, in order: cohort, matrix (read once), each prediction learned or weighed, release, evidence, report.

The same data, guidance and seed give the same release digest and the same evidence digest (on one image).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from services.guidance.check import check_guidance, load_guidance
from services.guidance.definition import PRIMARY, Guidance, Prediction
from services.guidance.errors import BadGuidance
from services.guidance.evidence import Evaluation, Judged, JudgedPrediction
from services.guidance.folder import LoadedGuidance
from services.guidance.models.model_file import RiskModel, load_model
from services.guidance.ready import open_release
from services.guidance.release import EvidencePack, ReleaseBundle, build_release, model_file
from services.guidance.words.evidence_wording import DataKind
from services.learner.engines.engine import Engine
from services.learner.evidence.files import evidence_files
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.learn import Fitting, Found, Progress, find
from services.learner.learn_recalibrated import find_recalibrated
from services.learner.models.splits import SharedFolds
from services.learner.report.again import Asked
from services.learner.report.page import evidence_report
from services.learner.run_log import REPORT_FILE
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from services.timeline.instants import FOREVER, NAT, instant_text

__all__ = ["Finder", "Progress", "Trained", "train"]

Finder = Callable[[Guidance, str, CohortRows, Fitting], Found]
"""How a prediction's model is found: it is fitted, unless another way is named."""
_FITTED: Final[Mapping[str, Finder]] = MappingProxyType({})


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
        more = ("published", "unevaluated", "beside", "predictions")
        told = {name: said[name] for name in kept} | {name: said[name] for name in more if said[name]}
        return told | {"release": self.bundle.digest, "evidence": self.pack.digest}

    def metrics(self) -> dict[str, float]:
        """Numbers for MLflow: every model by its kind, those of further predictions by prediction and kind."""
        return dict(self._metrics())

    def _metrics(self) -> Iterator[tuple[str, float]]:
        for prediction, judged in self.evaluation.everything.items():
            for kind, report in judged.models.items():
                for name, value in (("auroc", report.auroc), ("auprc", report.auprc), ("brier", report.brier)):
                    yield ".".join(part for part in (prediction, kind, name) if part), float(value)


def train(
    directory: Path,
    store: EventStore,
    *,
    folds: int = 5,
    seed: int = 0,
    workers: int = 1,
    engine: Engine | None = None,
    since: int = NAT,
    until: int = FOREVER,
    data_end: int | None = None,
    data: DataKind = "patients",
    running: ReleaseBundle | None = None,
    progress: Progress = lambda *_: None,
    finders: Mapping[str, Finder] = _FITTED,
) -> Trained:
    """Learn a guidance from the store: a release, and the evidence for it.

    `engine`: what reads the features, else so many worker processes. Models are fitted by these in any case. `running`: the
    release that it may replace. `finders`: other ways to a prediction's model.
    """
    if faults := check_guidance(directory):
        raise BadGuidance(faults)
    loaded = load_guidance(directory)
    guidance = loaded.definition
    incumbents = _models_of(running, guidance)
    with nullcontext(engine) if engine else worker_pool(workers) as pool:
        everyone = read_cohort_rows(
            store,
            loaded,
            pool,
            since=since,
            until=until,
            data_end=data_end,
            on_bucket=lambda done: progress("reading features", done, store.buckets),
        )
    fitting = Fitting(
        folds=SharedFolds(folds, seed=seed),
        count=folds,
        seed=seed,
        workers=workers,
        progress=progress,
        incumbents=incumbents,
    )
    try:
        found = {
            name: (finders.get(name) or _way_to(prediction))(guidance, name, everyone, fitting)
            for name, prediction in guidance.all_predictions.items()
        }
    except BadInput as fault:
        if fault.place:
            raise
        raise BadInput(fault.message, place=str(store.folder), remedy=fault.remedy) from fault
    bundle = _release(loaded, found)
    evaluation = _evaluation(guidance, bundle, found, folds)
    against = running.digest if running is not None else None
    asked = Asked(folds=folds, seed=seed, data=data, since=since, until=until, data_end=data_end, against=against)
    pack = _pack(evaluation, guidance, store, everyone, found, asked)
    return Trained(bundle=bundle, pack=pack, evaluation=evaluation)


def _models_of(running: ReleaseBundle | None, guidance: Guidance) -> dict[str, RiskModel]:
    """The models of the release that runs now, by the predictions that this guidance still has."""
    if running is None:
        return {}
    if running.guidance != guidance.id:
        raise BadInput(
            f"the release that runs now is of {running.guidance}, not of {guidance.id}",
            place="--against",
            remedy="Name a release of the same guidance",
        )
    files = {name: model_file(name) for name in guidance.all_predictions}
    return {name: load_model(running.files[file]) for name, file in files.items() if file in running.files}


def _way_to(prediction: Prediction) -> Finder:
    return find_recalibrated if prediction.model.recalibrate else find


def _release(loaded: LoadedGuidance, found: Mapping[str, Found]) -> ReleaseBundle:
    first = found[PRIMARY]
    others = {name: (one.model.to_json(), one.reference) for name, one in found.items() if name != PRIMARY}
    bundle = build_release(loaded, first.model.to_json(), first.reference, others=others)
    open_release(bundle)  # the proof that it can speak
    return bundle


def _evaluation(guidance: Guidance, bundle: ReleaseBundle, found: Mapping[str, Found], folds: int) -> Evaluation:
    """What was found of the first prediction, with what was found of the others in it."""
    first = found[PRIMARY]
    learned = any(one.model.published is None for one in guidance.all_predictions.values())
    return Evaluation(
        **_facts(first.judged),
        guidance=guidance.id,
        release=bundle.digest,
        since=instant_text(int(first.rows.at.min())),
        until=instant_text(int(first.rows.at.max())),
        split=first.split
        or (f"{folds}-fold cross-validation, grouped by patient" if learned else "nothing was fitted: all rows"),
        predictions={
            name: JudgedPrediction(**_facts(found[name].judged), label=prediction.label)
            for name, prediction in guidance.predictions.items()
        },
    )


def _facts(judged: Judged) -> dict[str, Any]:
    return {name: getattr(judged, name) for name in Judged.__struct_fields__}


def _pack(
    evaluation: Evaluation,
    guidance: Guidance,
    store: EventStore,
    everyone: CohortRows,
    found: Mapping[str, Found],
    asked: Asked,
) -> EvidencePack:
    """The evidence, with the report that people read."""
    files = evidence_files(
        evaluation=evaluation,
        guidance=guidance,
        store=store,
        found=found,
        folds=asked.folds,
        seed=asked.seed,
        against=asked.against,
    )
    report = evidence_report(
        guidance=guidance,
        evaluation=evaluation,
        found=found,
        flow=everyone.flow.steps(),
        store=store.digest,
        asked=asked,
    )
    return EvidencePack(evidence="training", release=evaluation.release, files={**files, REPORT_FILE: report.encode()})
