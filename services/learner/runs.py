"""A training run as a whole: logged from its beginning, its files kept, shelved in MLflow; a failure is logged as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.guidance.errors import NotFound, Unavailable
from services.guidance.release import EvidencePack, ReleaseBundle, pack, unpack, unpack_evidence
from services.learner.retrain import Progress, Trained, train
from services.learner.run_log import EVIDENCE_FILE, RELEASE_FILE, REPORT_FILE, RESULT_FILE, Run, RunLog
from services.learner.train_options import TrainOptions
from services.plumbing.event_store import EventStore
from services.plumbing.mlflow_models import Shelf, shelve_release
from services.timeline.errors import BadInput, KnowdoError

__all__ = ["Kept", "TrainOptions", "kept_of", "release_of", "run_training"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a run: its release and evidence, every byte checked."""

    bundle: ReleaseBundle
    pack: EvidencePack


def run_training(
    directory: Path,
    store: EventStore,
    log: RunLog,
    shelf: Shelf,
    options: TrainOptions,
    *,
    run: str | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[str, dict[str, Any]]:
    """Train, keep, shelve and log; answers the run's id and its result."""
    if options.folds < 2:
        raise BadInput(f"{options.folds} folds", place="--folds", remedy="Take 5, or at least 2")
    run = run or log.begin(directory.name, kind="train", settings=msgspec.to_builtins(options))
    try:
        since, until, data_end = options.moments()
        trained = train(
            directory,
            store,
            folds=options.folds,
            seed=options.seed,
            workers=options.workers,
            since=since,
            until=until,
            data_end=data_end,
            data=options.data,
            running=_running(log, options.against),
            progress=progress,
        )
        result = trained.result() | {"mlflow": None, "run": run}
        _keep(log.folder(run), trained)
        progress("registering in MLflow", 0, 1)
        try:
            result["mlflow"] = _shelve(shelf, trained, store, options)
        except Unavailable as fault:
            result["mlflow_fault"] = str(fault)  # an hour's training is not lost because a shelf is
        progress("registering in MLflow", 1, 1)
        (log.folder(run) / RESULT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
    except KnowdoError as fault:
        log.fail(run, str(fault))
        raise
    except BaseException as fault:
        log.fail(run, f"stopped by {type(fault).__name__}")
        raise
    log.finish(run, result=result, release=trained.bundle.digest, evidence=trained.pack.digest)
    return run, result


def kept_of(log: RunLog, run: Run) -> Kept:
    """The release and evidence of a run, as they were made."""
    folder = log.folder(run.id)
    if run.release is None or run.evidence is None:
        raise BadInput(f"the run is {run.state}: it made no release", place=run.id, remedy="Name a run that is done")
    try:
        release, evidence = (folder / RELEASE_FILE).read_bytes(), (folder / EVIDENCE_FILE).read_bytes()
    except OSError as fault:
        raise BadInput(
            f"its files cannot be read ({fault.strerror})", place=str(folder), remedy="Train again"
        ) from fault
    bundle = unpack(release, expected_digest=run.release)
    return Kept(bundle=bundle, pack=unpack_evidence(evidence, expected_digest=run.evidence))


def release_of(log: RunLog, digest: str) -> bytes | None:
    """The packed release of that digest, if a run here made it."""
    try:
        run = log.of_release(digest)
        return (log.folder(run.id) / RELEASE_FILE).read_bytes()
    except (NotFound, OSError):
        return None


def _running(log: RunLog, digest: str) -> ReleaseBundle | None:
    """The release that runs now, if one is named; a run of this learner must have made it."""
    if not digest:
        return None
    packed = release_of(log, digest)
    if packed is None:
        raise BadInput(
            "no run here made this release",
            place="--against",
            remedy="Name the digest of a release that `knowdo learner runs` lists",
        )
    return unpack(packed, expected_digest=digest)


def _keep(folder: Path, trained: Trained) -> None:
    """The files of the run, each whole or not there."""
    files = {
        RELEASE_FILE: pack(trained.bundle),
        EVIDENCE_FILE: pack(trained.pack),
        REPORT_FILE: trained.pack.files[REPORT_FILE],
    }
    for name, data in files.items():
        temporary = folder / f".{name}"
        temporary.write_bytes(data)
        temporary.replace(folder / name)


def _shelve(shelf: Shelf, trained: Trained, store: EventStore, options: TrainOptions) -> dict[str, str]:
    evaluation = trained.evaluation
    shelved = shelve_release(
        shelf,
        trained.bundle,
        params={
            "folds": options.folds,
            "seed": options.seed,
            "chosen": evaluation.chosen,
            "rows": evaluation.rows,
            "events": evaluation.events,
            "store": store.digest,
            "from": evaluation.since,
            "to": evaluation.until,
            "evidence": trained.pack.digest,
        },
        metrics=trained.metrics(),
        files=trained.pack.files,
    )
    return {"run_id": shelved.run_id, "model": shelved.model, "version": shelved.version}
