"""MLflow's shelf: the version holds the release's very files, gives the very risk, and holds no pickle."""

from __future__ import annotations

import json
import os
import pickletools
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.guidance.errors import BadRelease, Unavailable
from services.guidance.models.model_file import load_model
from services.guidance.release import MODEL_FILE, ReleaseBundle
from services.plumbing.mlflow_models import QUIET, RELEASE_TAG, Shelf, Shelved, open_shelved, shelve_release
from services.plumbing.mlflow_versions import find_new_versions

MODEL = {
    "kind": "scorecard",
    "inputs": ["age", "haemoglobin"],
    "intercept": -1.25,
    "linear": [{"input": 0, "coefficient": 0.013, "missing": 0.2}],
    "steps": [{"input": 1, "cuts": [8.0, 12.5], "values": [0.7, 0.1, -0.3], "missing": 0.05}],
    "pairs": [],
    "calibration": {"intercept": 0.01, "slope": 0.98},
    "reference": {"name": "made up", "linear": [0.8], "steps": [0.02], "pairs": []},
}
BUNDLE = ReleaseBundle(
    guidance="made-up",
    version="1.2.3",
    files={
        "guidance.yaml": b"id: made-up\n",
        "value_sets.json": b"{}",
        "resources/task.json": b"{}",
        MODEL_FILE: json.dumps(MODEL).encode(),
        "reference.json": b"{}",
    },
)
ROWS = np.array([[70.0, 9.9], [np.nan, 12.5], [41.0, np.nan], [np.nan, np.nan], [103.0, 8.0]])


def shelve(shelf: Shelf, bundle: ReleaseBundle = BUNDLE) -> Shelved:
    """Put the release on the shelf."""
    return shelve_release(shelf, bundle, params={"folds": 5}, metrics={"auroc": 0.84}, files={"evaluation.json": b"{}"})


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """An MLflow in SQLite, with its files beside it."""
    folder = tmp_path_factory.mktemp("mlflow")
    return Shelf(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")


@pytest.fixture(scope="module")
def shelved(shelf: Shelf) -> Shelved:
    """The release on that shelf."""
    return shelve(shelf)


@contextmanager
def at(shelf: Shelf) -> Iterator[Any]:
    """MLflow as any user of that shelf has it."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(shelf.tracking_uri)
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before)


def loaded(shelf: Shelf, version: str) -> Any:
    """The model as any MLflow user loads it."""
    with at(shelf) as mlflow:
        return mlflow.pyfunc.load_model(f"models:/made-up/{version}")


def downloaded(shelf: Shelf, version: str, **where: str) -> Path:
    """The artefact's files."""
    with at(shelf) as mlflow:
        return Path(mlflow.artifacts.download_artifacts(f"models:/made-up/{version}", **where))


def test_the_shelf_pins_no_registry_for_those_who_come_after(shelf: Shelf, shelved: Shelved) -> None:
    """Who names another tracking server afterwards gets its registry, as MLflow says."""
    with at(Shelf(tracking_uri="sqlite:///elsewhere.db")) as mlflow:
        assert mlflow.get_registry_uri() == "sqlite:///elsewhere.db"


def test_the_shelved_model_gives_the_risk_of_the_release(shelf: Shelf, shelved: Shelved) -> None:
    """`models:/<guidance>/1` against the model that CDS runs: 1e-12, whatever the order of columns; a misspelt input is refused."""
    import pandas as pd

    expected = load_model(BUNDLE.files[MODEL_FILE]).risk(ROWS)
    model = loaded(shelf, shelved.version)
    frame = pd.DataFrame(ROWS, columns=["age", "haemoglobin"])
    np.testing.assert_allclose(model.predict(frame), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.predict(frame[["haemoglobin", "age"]]), expected, rtol=0, atol=1e-12)
    whole = pd.DataFrame({"haemoglobin": [9.0], "age": [70.0]})
    np.testing.assert_allclose(model.predict(whole), load_model(BUNDLE.files[MODEL_FILE]).risk(np.array([[70.0, 9.0]])))
    with pytest.raises(Exception, match="haemoglobin"):
        model.predict(pd.DataFrame({"age": [70.0], "hemoglobin": [9.0]}))


def test_the_version_is_registered_and_tagged_and_the_run_holds_the_evidence(shelf: Shelf, shelved: Shelved) -> None:
    """Model name = guidance id; tag `knowdo.release` = digest; parameters, metrics and evidence in the run."""
    import mlflow

    client = mlflow.MlflowClient(shelf.tracking_uri, shelf.tracking_uri)
    version = client.get_model_version("made-up", "1")
    assert version.tags[RELEASE_TAG] == BUNDLE.digest
    run = client.get_run(shelved.run_id)
    assert run.data.metrics == {"auroc": 0.84}
    assert run.data.params["folds"] == "5"
    assert [f.path for f in client.list_artifacts(shelved.run_id, "evidence")] == ["evidence/evaluation.json"]


def test_there_is_no_pickle_anywhere_in_the_artefact(shelf: Shelf, shelved: Shelved, tmp_path: Path) -> None:
    """No file is a pickle by name or by content, and the release's files are there byte for byte."""
    folder = downloaded(shelf, shelved.version, dst_path=str(tmp_path))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 6
    for path in files:
        assert path.suffix not in {".pkl", ".pickle", ".joblib", ".pt", ".bin"}
        assert not is_pickle(path.read_bytes()), path.name
        assert b"pickle" not in path.read_bytes(), path.name
        assert path.suffix != ".py", "the artefact brings no code with it"
    for name, data in BUNDLE.files.items():
        assert (folder / "data" / "release" / name).read_bytes() == data


def is_pickle(data: bytes) -> bool:
    """Whether the bytes are a pickle that would do something."""
    if not data.startswith(b"\x80"):
        return False
    try:
        return len(list(pickletools.genops(data))) > 1
    except ValueError:
        return False


def test_the_same_release_again_is_the_same_version(shelf: Shelf, shelved: Shelved) -> None:
    """Training again with the same data and seed logs a run and makes no second version."""
    again = shelve(shelf)
    assert again.version == shelved.version
    assert again.run_id != shelved.run_id
    other = ReleaseBundle(guidance="made-up", version="1.2.4", files=BUNDLE.files)
    assert shelve(shelf, other).version == "2"


def test_an_altered_byte_in_the_artefact_is_not_loaded(shelf: Shelf, shelved: Shelved) -> None:
    """The model code checks every file against the release's digest before it gives one number."""
    found = (shelf.folder or Path()).rglob("data/release")
    release = next(p for p in found if b'"1.2.3"' in (p / "manifest.json").read_bytes())
    assert open_shelved(release, BUNDLE.digest).inputs == ("age", "haemoglobin")
    model = release / MODEL_FILE
    before = model.read_bytes()
    try:
        model.write_bytes(before.replace(b"-1.25", b"-1.26"))
        with pytest.raises(BadRelease):
            open_shelved(release, BUNDLE.digest)
    finally:
        model.write_bytes(before)


def test_unpickling_is_forbidden_and_nothing_is_reported_home() -> None:
    """The environment that mlflow sees says so, whatever it said before."""
    assert all(os.environ.get(name) == value for name, value in QUIET.items())


def test_a_shelf_that_does_not_answer_is_said_in_one_line(tmp_path: Path) -> None:
    """An address where nothing listens: Unavailable, with the address and what to do."""
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    try:
        with pytest.raises(Unavailable, match="MLflow"):
            shelve(Shelf(tracking_uri=f"http://127.0.0.1:{free_port()}"))
    finally:
        del os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]


def test_a_look_that_comes_again_does_not_wait_for_a_shelf_that_is_away() -> None:
    """Seconds instead of MLflow's own minutes of retries, both where nobody listens and where nobody answers."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        for port in (free_port(), mute.getsockname()[1]):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="MLflow"):
                find_new_versions(Shelf(tracking_uri=f"http://127.0.0.1:{port}"), "readmission-30d", patient=False)
            assert time.monotonic() - began < 15
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.nightly
def test_a_real_mlflow_server_over_http(tmp_path: Path) -> None:
    """The same calls against `mlflow server` with proxied artefacts: the same risk comes back."""
    import pandas as pd

    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path / 'm.db'}", "--artifacts-destination", str(tmp_path / "files"),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **QUIET}) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/health")
            shelf = Shelf(tracking_uri=f"http://127.0.0.1:{port}")
            model = loaded(shelf, shelve(shelf).version)
            expected = load_model(BUNDLE.files[MODEL_FILE]).risk(ROWS)
            frame = pd.DataFrame(ROWS, columns=["age", "haemoglobin"])
            np.testing.assert_allclose(model.predict(frame), expected, rtol=0, atol=1e-12)
        finally:
            server.terminate()


def wait_for(url: str, seconds: float = 90) -> None:
    """Wait until something answers."""
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


def test_a_published_first_model_and_further_ones_stand_on_the_shelf(shelf: Shelf) -> None:
    """The first model is the version, whatever its kind; the others are files of the same release, byte for byte."""
    import pandas as pd

    bundle = ReleaseBundle(
        guidance="made-up",
        version="1.3.0",
        files={
            **BUNDLE.files,
            MODEL_FILE: b'{"feature":"prevent","kind":"published"}',
            "models/stroke.json": json.dumps(MODEL).encode(),
            "references/stroke.json": b"{}",
        },
    )
    version = shelve(shelf, bundle).version
    risk = loaded(shelf, version).predict(pd.DataFrame({"prevent": [0.13, np.nan]}))
    assert risk[0] == 0.13
    assert np.isnan(risk[1])
    folder = downloaded(shelf, version)
    (kept,) = folder.rglob("models/stroke.json")
    assert kept.read_bytes() == bundle.files["models/stroke.json"]
