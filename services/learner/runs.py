"""A training run as a whole: logged from its beginning, its files kept, shelved in MLflow; a failure is logged as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.guidance.errors import NotFound, Unavailable
from services.guidance.release import EvidencePack, ReleaseBundle, pack, unpack, unpack_evidence
from services.learner.engines.engine import Engine
from services.learner.retrain import Finder, Progress, Trained, train
from services.learner.run_log import EVIDENCE_FILE, RELEASE_FILE, REPORT_FILE, RESULT_FILE, Run, RunLog
from services.learner.train_options import TrainOptions
from services.plumbing.event_store import EventStore
from services.plumbing.mlflow_models import Shelf, shelve_release
from services.timeline.errors import BadInput, KnowdoError

__all__ = ["Kept", "Made", "TrainOptions", "kept_of", "make_training", "release_of", "run_training"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a run: its release and evidence, every byte checked."""

    bundle: ReleaseBundle
    pack: EvidencePack


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a training made: its result as it is told, and the digests of release and evidence."""

    result: dict[str, Any]
    release: str
    evidence: str


def run_training(
    directory: Path,
    store: EventStore,
    log: RunLog,
    shelf: Shelf,
    options: TrainOptions,
    *,
    engine: Engine | None = None,
    progress: Progress = lambda *_: None,
    finders: Mapping[str, Finder] | None = None,
    kind: str = "train",
) -> tuple[str, dict[str, Any]]:
    """Train (or find the models otherwise: `finders`), keep, shelve and log; answers the run's id and its result."""
    if options.folds < 2:
        raise BadInput(f"{options.folds} folds", place="--folds", remedy="Take 5, or at least 2")
    run = log.begin(directory.name, kind=kind, settings=msgspec.to_builtins(options))
    try:
        made = make_training(
            directory,
            store,
            log,
            shelf,
            options,
            run=run,
            engine=engine,
            progress=progress,
            finders=finders,
        )
    except KnowdoError as fault:
        log.fail(run, str(fault))
        raise
    except BaseException as fault:
        log.fail(run, f"stopped by {type(fault).__name__}")
        raise
    log.finish(run, result=made.result, release=made.release, evidence=made.evidence)
    return run, made.result


def make_training(
    directory: Path,
    store: EventStore,
    log: RunLog,
    shelf: Shelf,
    options: TrainOptions,
    *,
    run: str,
    engine: Engine | None = None,
    progress: Progress = lambda *_: None,
    finders: Mapping[str, Finder] | None = None,
) -> Made:
    """Train, keep and shelve, without a word to the log. What was kept by an attempt that was cut off is not made again."""
    folder = log.folder(run)
    if (made := _made_before(folder, run)) is not None:
        return made
    since, until, data_end = options.moments()
    trained = train(
        directory,
        store,
        folds=options.folds,
        seed=options.seed,
        workers=options.workers,
        engine=engine,
        since=since,
        until=until,
        data_end=data_end,
        data=options.data,
        running=_running(log, options.against),
        progress=progress,
        finders=finders or {},
    )
    result = trained.result() | {"mlflow": None, "run": run}
    _keep(folder, trained)
    progress("registering in MLflow", 0, 1)
    try:
        result["mlflow"] = _shelve(shelf, trained, store, options)
    except Unavailable as fault:
        result["mlflow_fault"] = str(fault)  # an hour's training is not lost because a shelf is
    progress("registering in MLflow", 1, 1)
    write_whole(folder / RESULT_FILE, msgspec.json.format(msgspec.json.encode(result), indent=1))
    return Made(result=result, release=trained.bundle.digest, evidence=trained.pack.digest)


def _made_before(folder: Path, run: str) -> Made | None:
    """The result is the last file that is written: where it is, everything is."""
    try:
        result = msgspec.json.decode((folder / RESULT_FILE).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return None
    if result.get("run") != run or result.get("mlflow") is None:
        return None
    return Made(result=result, release=str(result["release"]), evidence=str(result["evidence"]))


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
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(folder / name, data)


def write_whole(path: Path, data: bytes) -> None:
    """A file that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(data)
    temporary.replace(path)


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
