"""Importing a model as a run like any other: from a file or from MLflow's shelf to release, evidence and MLflow version.

`import_new_versions` is what a schedule calls: whatever was registered under the guidance's name since, each once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.guidance.definition import PRIMARY
from services.guidance.errors import BadGuidance
from services.learner.learn_imported import Import
from services.learner.models.imported.foreign import CannotConvert
from services.learner.models.imported.read_model import LARGEST, read_model
from services.learner.retrain import Progress
from services.learner.run_log import RunLog
from services.learner.runs import Made, make_training, run_training
from services.learner.train_options import TrainOptions, moment_of
from services.plumbing.event_store import EventStore
from services.plumbing.mlflow_models import Shelf
from services.plumbing.mlflow_versions import (
    Fetched,
    Version,
    fetch_model,
    find_new_versions,
    is_mlflow,
    mark_version,
    version_of,
)
from services.timeline.errors import BadInput
from services.timeline.instants import NAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Where a run is logged, what it reads, and where its release is shelved."""

    directory: Path
    """Of the guidance."""
    store: EventStore
    log: RunLog
    shelf: Shelf
    options: TrainOptions
    prediction: str = PRIMARY
    """The one whose model it is; the others of the guidance are learned or weighed as ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedVersion:
    """What became of a version that was found: a run, or the reason why not."""

    version: Version
    run: str = ""
    result: dict[str, Any] | None = None
    refused: str = ""


def open_import(shelf: Shelf, source: str, *, named: Sequence[str] = (), trained_until: str = "") -> Import:
    """Read a model from a file or from MLflow; BadInput says why it cannot be one of ours."""
    fetched = fetch_model(shelf, source) if is_mlflow(source) else _file(Path(source))
    foreign = read_model(fetched.data, place=source)
    signed = fetched.inputs if len(fetched.inputs) == foreign.columns else ()
    return Import(
        foreign=foreign,
        # A folder of somebody's own belongs into no evidence.
        place=source if is_mlflow(source) else Path(source).name,
        digest="sha256:" + hashlib.sha256(fetched.data).hexdigest(),
        named=tuple(named) or (() if foreign.names else signed),
        trained_until=moment_of(trained_until, "--trained-until", NAT),
        more={"mlflow": source} if is_mlflow(source) else {},
    )


def run_import(learner: Learner, wanted: Import, *, progress: Progress = lambda *_: None) -> tuple[str, dict[str, Any]]:
    """Judge the model, keep, shelve and log; answers the run's id and its result."""
    return run_training(
        learner.directory,
        learner.store,
        learner.log,
        learner.shelf,
        learner.options,
        progress=progress,
        finders={learner.prediction: wanted.find},
        kind="import",
    )


def make_import(learner: Learner, source: str, *, run: str, progress: Progress = lambda *_: None) -> Made:
    """Import a registered version for a run that is logged already; the shelf is told what it became, or why not."""
    version = version_of(source)
    try:
        wanted = open_import(learner.shelf, source)
    except BadInput as fault:
        if version is not None:
            mark_version(learner.shelf, version, refused=str(fault))
        raise
    try:
        made = make_training(
            learner.directory,
            learner.store,
            learner.log,
            learner.shelf,
            learner.options,
            run=run,
            progress=progress,
            finders={learner.prediction: wanted.find},
        )
    except CannotConvert as fault:
        if version is not None:
            mark_version(learner.shelf, version, refused=str(fault))
        raise
    if version is not None:
        mark_version(learner.shelf, version, release=made.release)
    return made


def import_version(
    learner: Learner,
    source: str,
    *,
    named: Sequence[str] = (),
    trained_until: str = "",
    progress: Progress = lambda *_: None,
) -> tuple[str, dict[str, Any]]:
    """Import one model; a registered version is told on the shelf what it became."""
    wanted = open_import(learner.shelf, source, named=named, trained_until=trained_until)
    run, result = run_import(learner, wanted, progress=progress)
    if (version := version_of(source)) is not None:
        mark_version(learner.shelf, version, release=result["release"])
    return run, result


def import_new_versions(
    learner: Learner, guidance: str, *, trained_until: str = "", progress: Progress = lambda *_: None
) -> Iterator[ImportedVersion]:
    """Every version registered under the guidance's name that was not looked at yet; one that will never do is marked.

    What fails for want of data is not marked, and found again; a shelf that is away is raised.
    """
    for version in find_new_versions(learner.shelf, guidance):
        try:
            wanted = open_import(learner.shelf, version.uri, trained_until=trained_until)
        except BadInput as fault:
            mark_version(learner.shelf, version, refused=str(fault))
            yield ImportedVersion(version=version, refused=str(fault))
            continue
        try:
            run, result = run_import(learner, wanted, progress=progress)
        except BadGuidance:
            raise
        except BadInput as fault:
            if isinstance(fault, CannotConvert):
                mark_version(learner.shelf, version, refused=str(fault))
            yield ImportedVersion(version=version, refused=str(fault))
        else:
            mark_version(learner.shelf, version, release=result["release"])
            yield ImportedVersion(version=version, run=run, result=result)


def _file(path: Path) -> Fetched:
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput("a model file of more than 512 MiB", place=path.name, remedy="Train a smaller model")
        return Fetched(data=path.read_bytes(), uri=path.name, inputs=())
    except OSError as fault:
        raise BadInput(
            f"cannot be read ({fault.strerror})", place=str(path), remedy="Name a file, or models:/name/3"
        ) from fault
