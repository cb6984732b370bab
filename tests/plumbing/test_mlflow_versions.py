"""Models that people put on MLflow's shelf: found by name, fetched as one file, from the shelf and from nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.plumbing.mlflow_models import QUIET, RELEASE_TAG, Shelf
from services.plumbing.mlflow_versions import (
    Version,
    fetch_model,
    find_new_versions,
    is_mlflow,
    mark_version,
    version_of,
)
from services.timeline.errors import BadInput

X = np.random.default_rng(0).normal(size=(200, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """An MLflow in SQLite."""
    return Shelf(tracking_uri=f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}")


@pytest.fixture(scope="module")
def mlflow(shelf: Shelf) -> Iterator[Any]:
    """As a data scientist has it, with an experiment of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        import mlflow

        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(shelf.tracking_uri)
        place = (Path(shelf.tracking_uri.removeprefix("sqlite:///")).parent / "theirs").as_uri()
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("theirs", artifact_location=place))
        yield mlflow
        mlflow.set_tracking_uri(before)


def test_boosters_are_fetched_in_their_own_form(shelf: Shelf, mlflow: Any) -> None:
    """LightGBM's text and XGBoost's UBJSON, by version, by run and by logged model: the very bytes, nothing loaded."""
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, Y), 2)
    other = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, Y), 2)
    with mlflow.start_run() as run:
        logged = mlflow.lightgbm.log_model(
            booster, name="booster", registered_model_name="made-up", pip_requirements=["x"]
        )
        mlflow.xgboost.log_model(other, name="other", registered_model_name="made-up", pip_requirements=["x"])
    text = fetch_model(shelf, "models:/made-up/1").data
    assert text.startswith(b"tree\n")
    assert fetch_model(shelf, f"runs:/{run.info.run_id}/booster").data == text
    assert fetch_model(shelf, f"models:/{logged.model_id}").data == text
    assert fetch_model(shelf, "models:/made-up/2").data == bytes(other.save_raw("ubj"))


def test_a_version_is_found_until_something_became_of_it(shelf: Shelf, mlflow: Any) -> None:
    """The oldest first; a release, an import and a refusal are not found again, until the tag is taken off."""
    client = mlflow.MlflowClient()
    client.create_registered_model("found")
    for _ in range(11):
        client.create_model_version("found", source="file:///made-up")
    client.set_model_version_tag("found", "1", RELEASE_TAG, "sha256:0")
    mark_version(shelf, Version(model="found", version="2"), release="sha256:1")
    mark_version(shelf, Version(model="found", version="3"), refused="no " * 900)
    assert [one.version for one in find_new_versions(shelf, "found")] == ["4", "5", "6", "7", "8", "9", "10", "11"]
    client.delete_model_version_tag("found", "3", "knowdo.refused")
    assert find_new_versions(shelf, "found")[0] == Version(model="found", version="3")
    assert find_new_versions(shelf, "nobody-knows-it") == []
    with pytest.raises(BadInput, match="no name"):
        find_new_versions(shelf, "a' or name='b")


@pytest.mark.parametrize("source", ["http://127.0.0.1:1/model", "ftp://somewhere/model", "file://elsewhere/model"])
def test_a_version_that_points_elsewhere_is_not_followed(shelf: Shelf, mlflow: Any, source: str) -> None:
    """Whoever registers a version says where its files are; the learner asks nobody but the shelf."""
    client = mlflow.MlflowClient()
    name = f"elsewhere-{source.partition(':')[0]}"
    client.create_registered_model(name)
    client.create_model_version(name, source=source)
    with pytest.raises(BadInput, match="not where the shelf keeps files"):
        fetch_model(shelf, f"models:/{name}/1")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("flavors: {lightgbm: {data: ../outside.txt}}", "a file elsewhere"),
        ("flavors: {sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle}}", "never loaded"),
        ("flavors: {sklearn: {pickled_model: model.pkl}}", "never loaded"),
        ("flavors: {lightgbm: {data: model.pkl}}", "not in lightgbm's own form"),
        ("flavors: {python_function: {loader_module: somebodys.code}}", "no flavour that is read here"),
        ("flavors: {xgboost: {}}", "cannot be read"),
        ("[]", "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_what_an_mlmodel_may_say_is_checked(shelf: Shelf, mlflow: Any, tmp_path: Path, told: str, why: str) -> None:
    """A pickle by its name, a path out of the folder, code of somebody's: refused before a byte is read."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(told)
    (tmp_path / "outside.txt").write_text("tree\n")
    client = mlflow.MlflowClient()
    name = f"told-{abs(hash(told))}"
    client.create_registered_model(name)
    client.create_model_version(name, source=folder.as_uri())
    with pytest.raises(BadInput, match=why):
        fetch_model(shelf, f"models:/{name}/1")


def test_addresses_are_known_from_files() -> None:
    """`models:/` and `runs:/`; a path is a path."""
    assert is_mlflow("models:/a/3")
    assert is_mlflow("runs:/0/model")
    assert not is_mlflow("models/a.skops")
    assert not is_mlflow("C:/models/a.skops")
    assert version_of("models:/a/3") == Version(model="a", version="3")
    assert version_of("models:/a@champion") is None
