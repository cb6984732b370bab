"""Models that people put on MLflow's shelf themselves: found by the guidance's name, and fetched as the file they are.

Only bytes are fetched, and only from where the shelf keeps its files: nothing is loaded by MLflow, so nothing can run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from services.plumbing.mlflow_models import LOADER, RELEASE_TAG, Shelf, mlflow_at
from services.timeline.errors import BadInput

IMPORTED_TAG: Final = "knowdo.imported"
"""On a version that was found: the release that it became."""
REFUSED_TAG: Final = "knowdo.refused"
"""On a version that cannot be imported: why. Take the tag off, and it is tried again."""
_SCHEMES: Final = ("models", "runs")
# Where an MLflow server keeps files for its clients. An http address would be anybody's.
_REMOTE: Final = frozenset({"mlflow-artifacts", "s3", "gs", "wasbs", "abfss", "dbfs"})
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A registered version of a model."""

    model: str
    version: str

    @property
    def uri(self) -> str:
        """As MLflow names it."""
        return f"models:/{self.model}/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The file of a model, and what MLflow says of it."""

    data: bytes
    uri: str
    inputs: tuple[str, ...]
    """Columns by the signature; empty where it has none."""


def find_new_versions(shelf: Shelf, guidance: str, *, patient: bool = True) -> list[Version]:
    """Versions under the guidance's name that are no release, were not imported and not refused: the oldest first.

    Not patient: Unavailable within seconds where MLflow does not answer, instead of its own minutes.
    """
    with mlflow_at(shelf, patient=patient) as mlflow:
        client = mlflow.MlflowClient()
        found = [
            one
            for one in client.search_model_versions(f"name='{_plain(guidance)}'")
            if not {RELEASE_TAG, IMPORTED_TAG, REFUSED_TAG} & set(one.tags)
        ]
    return [Version(model=guidance, version=one) for one in sorted((str(one.version) for one in found), key=int)]


def mark_version(shelf: Shelf, version: Version, *, release: str = "", refused: str = "") -> None:
    """Say on the shelf what became of a version, so that it is not found again."""
    with mlflow_at(shelf) as mlflow:
        tag, said = (IMPORTED_TAG, release) if release else (REFUSED_TAG, refused[:_LONGEST])
        mlflow.MlflowClient().set_model_version_tag(version.model, version.version, tag, said)


def version_of(uri: str) -> Version | None:
    """The registered version that `models:/name/3` names; None for another address."""
    parts = uri.removeprefix("models:/").split("/")
    if not uri.startswith("models:/") or len(parts) != 2 or not parts[1].isdecimal():
        return None
    return Version(model=parts[0], version=parts[1])


def is_mlflow(uri: str) -> bool:
    """Whether an address is MLflow's."""
    return uri.partition(":/")[0] in _SCHEMES and ":/" in uri


def fetch_model(shelf: Shelf, uri: str) -> Fetched:
    """The one file in which a model lies, by the flavour that logged it; BadInput if there is none without a pickle."""
    with mlflow_at(shelf) as mlflow, tempfile.TemporaryDirectory() as scratch:
        place = _place_of(mlflow.MlflowClient(), uri)
        _must_be_the_shelfs(place, shelf, uri)
        folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=place, dst_path=scratch)).resolve()
        try:
            told = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
            flavours, signature = told["flavors"], told.get("signature") or {}
            path = (folder / _file_of(flavours, uri)).resolve()
            if not path.is_relative_to(folder):
                raise BadInput("its MLmodel names a file elsewhere", place=uri, remedy=_AGAIN)
            return Fetched(data=path.read_bytes(), uri=uri, inputs=_columns(signature))
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as fault:
            raise BadInput(f"its MLmodel cannot be read ({type(fault).__name__})", place=uri, remedy=_AGAIN) from fault


_AGAIN: Final = (
    "Log the model again with mlflow.sklearn (serialization_format='skops'), mlflow.lightgbm or mlflow.xgboost"
)


def _place_of(client: Any, uri: str) -> str:
    """Where the files of a model are."""
    if (version := version_of(uri)) is not None:
        return str(client.get_model_version_download_uri(version.model, version.version))
    if uri.startswith("models:/m-") and uri.count("/") == 1:
        return str(client.get_logged_model(uri.removeprefix("models:/")).artifact_location)
    if uri.startswith("runs:/"):
        run, _, name = uri.removeprefix("runs:/").strip("/").partition("/")
        for logged in client.get_run(run).outputs.model_outputs:
            model = client.get_logged_model(logged.model_id)
            if model.name == name:
                return str(model.artifact_location)
        return f"{str(client.get_run(run).info.artifact_uri).rstrip('/')}/{name}"
    raise BadInput("no address of one model", place=uri, remedy="Name it as models:/name/3 or runs:/run/model")


def _must_be_the_shelfs(place: str, shelf: Shelf, uri: str) -> None:
    """Whoever registers a version says where its files are: only what the shelf itself keeps is fetched."""
    parts = urlsplit(place)
    if parts.scheme in _REMOTE:
        return
    if parts.scheme in ("", "file") and parts.netloc in ("", "localhost") and shelf.folder is not None:
        return  # a shelf in a file of this machine: whoever writes there reads the disk anyway
    raise BadInput(
        f"its files are not where the shelf keeps files ({parts.scheme or 'file'})", place=uri, remedy=_AGAIN
    )


def _file_of(flavours: Mapping[str, Any], uri: str) -> str:
    """The model's own file; a pickle is refused by name, before anything looks into it."""
    if (flavours.get("python_function") or {}).get("loader_module") == LOADER:
        raise BadInput("it is a release already", place=uri, remedy="Propose it: `knowdo learner propose`")
    if "sklearn" in flavours:
        found = flavours["sklearn"]
        if found.get("serialization_format") != "skops":
            raise BadInput(
                f"it is kept as {found.get('serialization_format', 'pickle')}, and a pickle is never loaded",
                place=uri,
                remedy="Log it again with mlflow.sklearn.log_model(..., serialization_format='skops')",
            )
        return str(found["pickled_model"])
    for flavour, remedy in (("lightgbm", "its `booster_`"), ("xgboost", "it as model_format='json' or 'ubj'")):
        if flavour in flavours:
            name = str(flavours[flavour]["data"])
            if name.endswith((".pkl", ".skops")):
                raise BadInput(
                    f"it is kept as {name.rpartition('.')[2]}, not in {flavour}'s own form",
                    place=uri,
                    remedy=f"Log {remedy} with mlflow.{flavour}.log_model",
                )
            return name
    raise BadInput(
        f"it has no flavour that is read here ({', '.join(sorted(flavours))[:100]})", place=uri, remedy=_AGAIN
    )


def _columns(signature: Mapping[str, Any]) -> tuple[str, ...]:
    columns = json.loads(signature.get("inputs") or "[]")
    names = tuple(str(column.get("name", "")) for column in columns if isinstance(column, dict))
    return names if all(names) else ()


def _plain(name: str) -> str:
    """A name that can stand in MLflow's filter."""
    if not name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise BadInput("no name of a guidance", place=name[:40], remedy="Letters, digits, `-`, `_` and `.`")
    return name
