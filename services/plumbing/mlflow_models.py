"""The door to MLflow: runs, and registered model versions that hold a release's very files. No pickle on either way.

MLflow is the workshop's shelf: a version here may be loaded and tried, and its tag names the release; what may speak
is decided by the registry's signature. Importing mlflow takes 2.7 s CPU, so it is imported only inside functions.
"""

from __future__ import annotations

import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from services.guidance.errors import BadRelease, Unavailable
from services.guidance.models.model_file import RiskModel, load_model
from services.guidance.release import MANIFEST_NAME, MODEL_FILE, ReleaseBundle, canonical_json

LOADER: Final = "services.plumbing.mlflow_loader"
RELEASE_TAG: Final = "knowdo.release"
_SQLITE: Final = "sqlite:///"
QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Nothing that comes off the shelf may run code by being unpickled.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_AGENT_HINTS": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_REGISTRY_VARIABLE: Final = "MLFLOW_REGISTRY_URI"
# MLflow itself tries for minutes: right for a release that is to be kept, wrong for a look that comes again.
_IMPATIENT: Final = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where MLflow keeps runs and models: a `sqlite:///path/mlflow.db` or `http…` address."""

    tracking_uri: str
    artifacts: Path | None = None
    """Folder for files; with SQLite `artifacts` beside the database if not named, with a server the server's own."""

    @property
    def folder(self) -> Path | None:
        """Where files go; None leaves it to the server."""
        if not self.tracking_uri.startswith(_SQLITE):
            return None
        return self.artifacts or Path(self.tracking_uri.removeprefix(_SQLITE)).parent / "artifacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """A release on the shelf."""

    run_id: str
    model: str
    version: str


def shelve_release(
    shelf: Shelf,
    bundle: ReleaseBundle,
    *,
    params: Mapping[str, str | int | float],
    metrics: Mapping[str, float],
    files: Mapping[str, bytes],
) -> Shelved:
    """One MLflow run with parameters, metrics and files, and a registered version of the model, tagged with the release.

    The same release again is a new run but the same version.
    """
    with mlflow_at(shelf) as mlflow, tempfile.TemporaryDirectory() as scratch:
        client = mlflow.MlflowClient()
        experiment = _experiment(client, bundle.guidance, shelf)
        with mlflow.start_run(
            experiment_id=experiment,
            run_name=f"{bundle.guidance} {bundle.version} {bundle.digest[7:15]}",
            tags={RELEASE_TAG: bundle.digest},
        ) as run:
            mlflow.log_params(dict(params))
            mlflow.log_metrics(dict(metrics))
            _write(Path(scratch) / "evidence", files)
            mlflow.log_artifacts(str(Path(scratch) / "evidence"), artifact_path="evidence")
            version = _version_of(client, bundle) or _register(mlflow, bundle, Path(scratch) / "release")
        return Shelved(run_id=run.info.run_id, model=bundle.guidance, version=version)


def open_shelved(folder: Path, expected_digest: str) -> RiskModel:
    """The model in a release's folder, every byte checked against the release's digest."""
    manifest = folder / MANIFEST_NAME
    try:
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path != manifest
        }
        told = msgspec.json.decode(manifest.read_bytes(), type=_Told)
    except (OSError, msgspec.DecodeError) as fault:
        raise BadRelease("its files cannot be read", place=str(folder), remedy=_AGAIN) from fault
    bundle = ReleaseBundle(guidance=told.guidance, version=told.version, files=files)
    if bundle.digest != expected_digest:
        raise BadRelease("its bytes are not what the digest says", place=str(folder), remedy=_AGAIN)
    return load_model(files[MODEL_FILE])


class _Told(msgspec.Struct):
    guidance: str
    version: str


_AGAIN: Final = "Train again, or take the release from the registry"


@contextmanager
def mlflow_at(shelf: Shelf, *, patient: bool = True) -> Iterator[Any]:
    """Mlflow, pointed at the shelf; its own errors become Unavailable. Not patient: one try of 5 seconds for each request."""
    os.environ.update(QUIET)
    changed = {} if patient else _IMPATIENT
    import mlflow
    from mlflow.exceptions import MlflowException

    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    tracking, registry = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    inherited = {name: os.environ.get(name) for name in (_REGISTRY_VARIABLE, *changed)}
    try:
        os.environ.update(changed)
        if shelf.folder is not None:
            shelf.folder.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(shelf.tracking_uri)
        mlflow.set_registry_uri(shelf.tracking_uri)
        yield mlflow
    except (MlflowException, OSError) as fault:
        raise Unavailable(
            f"MLflow does not answer or refuses ({type(fault).__name__}: {_first_line(fault)})",
            place=shelf.tracking_uri,
            remedy="Check the address (KNOWDO_MLFLOW_TRACKING_URI) and that its disk has room; the release is kept",
        ) from fault
    finally:
        mlflow.set_tracking_uri(tracking)
        # A registry that nobody named is that of the tracking server: naming it would pin it for all who come after.
        mlflow.set_registry_uri(None if registry == tracking else registry)
        for name, before in inherited.items():
            if before is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = before


def _experiment(client: Any, name: str, shelf: Shelf) -> str:
    """The experiment of a guidance; its files go beside the database, not into the current folder."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None
    if shelf.folder is not None:
        (shelf.folder / name).mkdir(parents=True, exist_ok=True)
        location = (shelf.folder / name).resolve().as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _version_of(client: Any, bundle: ReleaseBundle) -> str | None:
    """The version that already holds this release."""
    for version in client.search_model_versions(f"name='{bundle.guidance}'"):
        if version.tags.get(RELEASE_TAG) == bundle.digest:
            return str(version.version)
    return None


def _register(mlflow: Any, bundle: ReleaseBundle, folder: Path) -> str:
    """Log the release's files with the name of their loader, and register them under the guidance's id."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    _write(folder, {**bundle.files, MANIFEST_NAME: canonical_json(bundle.manifest)})
    inputs = load_model(bundle.files[MODEL_FILE]).inputs
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name) for name in inputs]),
        outputs=Schema([ColSpec("double", "risk")]),
    )
    with warnings.catch_warnings():
        # It asks for an example input; a row of somebody's values does not belong on the shelf.
        warnings.filterwarnings("ignore", message=".*input example", category=UserWarning)
        logged = mlflow.pyfunc.log_model(
            name="model",
            loader_module=LOADER,
            data_path=str(folder),
            model_config={"release": bundle.digest},
            signature=signature,
            # Given, so that MLflow does not start the model to find out; `knowdo` is installed where it is loaded.
            pip_requirements=["knowdo", f"mlflow=={mlflow.__version__}"],
        )
    tags = {RELEASE_TAG: bundle.digest, "knowdo.version": bundle.version}
    # It prints what it did, past every log level; whoever asked says it, and what fails is raised.
    with redirect_stderr(io.StringIO()):
        return str(mlflow.register_model(logged.model_uri, bundle.guidance, tags=tags).version)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _first_line(fault: BaseException) -> str:
    return str(fault).splitlines()[0][:200] if str(fault) else ""
