"""Importing a model: the same evidence as ours, on rows that it has not seen, and no word more than is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner, Result

from services.guidance.check import load_guidance
from services.guidance.evidence import EVALUATION_FILE, Evaluation, decode_report
from services.guidance.models.model_file import load_model
from services.guidance.ready import open_release
from services.guidance.release import MODEL_FILE, unpack, unpack_evidence
from services.learner.app import job_queue, open_run_log, shelf_of
from services.learner.commands import app
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.import_runs import open_import
from services.learner.jobs.begin_by_itself import Beginner
from services.learner.jobs.work import work_on
from services.learner.models.imported.foreign import CannotConvert
from services.learner.retrain import Trained, train
from services.learner.settings import LearnerSettings
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.plumbing.mlflow_models import Shelf
from services.plumbing.mlflow_versions import IMPORTED_TAG, REFUSED_TAG, find_new_versions
from services.timeline.errors import BadInput, KnowdoError
from tests.learner.made_up_ward import GUIDANCE, write_guidance

skops_io = pytest.importorskip("skops.io")
INPUTS = ("age", "male", "creatinine", "creatinines")
NOWHERE = Shelf(tracking_uri="sqlite:////nowhere/mlflow.db")


@pytest.fixture(scope="module")
def rows(made_up_guidance: Path, ward_store: EventStore) -> CohortRows:
    """The cohort, as a data scientist gets it."""
    with worker_pool(1) as pool:
        return read_cohort_rows(ward_store, load_guidance(made_up_guidance), pool).matured()


def pipeline(rows: CohortRows, labels: Any = None) -> Any:
    """A logistic regression of somebody's own."""
    import pandas as pd

    frame = pd.DataFrame(rows.inputs(INPUTS), columns=list(INPUTS))
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    return model.fit(frame, rows.y if labels is None else labels)


@pytest.fixture(scope="module")
def skops_file(rows: CohortRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It in a file."""
    path = tmp_path_factory.mktemp("theirs") / "model.skops"
    path.write_bytes(skops_io.dumps(pipeline(rows)))
    return path


@pytest.fixture(scope="module")
def first(made_up_guidance: Path, ward_store: EventStore, skops_file: Path) -> Trained:
    """What it becomes where nobody says where its training ended."""
    return imported(made_up_guidance, ward_store, skops_file)


def imported(guidance: Path, store: EventStore, source: Path, **said: Any) -> Trained:
    """What the model in a file becomes."""
    wanted = open_import(NOWHERE, str(source), **said)
    return train(guidance, store, finders={"risk": wanted.find})


def test_an_imported_model_gets_a_release_and_the_whole_evidence(
    first: Trained, skops_file: Path, rows: CohortRows
) -> None:
    """The risks are its own, the release can speak, and the pack reads as the gates read it."""
    found = first
    assert open_release(found.bundle).model.inputs == INPUTS
    ours = load_model(found.bundle.files[MODEL_FILE]).risk(rows.inputs(INPUTS))
    import pandas as pd

    theirs = pipeline(rows).predict_proba(pd.DataFrame(rows.inputs(INPUTS), columns=list(INPUTS)))[:, 1]
    assert float(np.abs(ours - theirs).max()) <= 1e-12
    evaluation = decode_report(found.pack.files[EVALUATION_FILE], Evaluation, place=EVALUATION_FILE)
    assert evaluation.chosen == "imported"
    assert set(evaluation.models) == {"imported"}
    assert evaluation.rows == len(rows)
    assert "not declared" in evaluation.split
    assert evaluation.leaks is not None
    assert "what clarity costs is not known" in evaluation.price_of_glass_box.sentence
    assert "one for each input" in evaluation.sample_size.sentence
    assert "not declared" in evaluation.validations[0].unjudged
    recipe = json.loads(found.pack.files["evidence.json"])["predictions"]["risk"]["recipes"]["imported"]
    assert recipe["became"] == "scorecard"
    assert recipe["file"].startswith("sha256:")
    assert recipe["largest_difference_from_the_library"] <= 1e-12
    assert str(skops_file.parent) not in found.pack.files["evidence.json"].decode()


def test_the_report_does_not_say_of_an_imported_model_that_it_was_chosen_here(first: Trained) -> None:
    """Nothing was fitted: it was imported, which kind it became is said, and importing it makes the page again."""
    page = first.pack.files["report.html"].decode()
    assert "The model was imported and is a scorecard" in page
    assert "knowdo learner import MODEL --guidance made-up-death" in page
    assert "knowdo learner train" not in page
    assert "every step of it can be read" not in page


def test_a_declared_end_of_its_training_leaves_later_rows_only(
    made_up_guidance: Path, ward_store: EventStore, skops_file: Path, rows: CohortRows
) -> None:
    """They are a temporal validation, and the evidence says whose word it is."""
    found = imported(made_up_guidance, ward_store, skops_file, trained_until="2024-06-01")
    evaluation = found.evaluation
    assert 0 < evaluation.rows < len(rows)
    assert evaluation.since >= "2024-06-01"
    assert "rows from 2024-06-01 on" in evaluation.split
    assert "declared" in evaluation.split
    later = evaluation.validations[0]
    assert later.scheme == "temporal"
    assert later.rows == evaluation.rows
    assert later.auroc is not None
    with pytest.raises(BadInput, match="none is after its training ended"):
        imported(made_up_guidance, ward_store, skops_file, trained_until="2034-06-01")


def test_the_same_file_gives_the_same_digests(
    first: Trained, made_up_guidance: Path, ward_store: EventStore, skops_file: Path, tmp_path: Path
) -> None:
    """Wherever it lies."""
    (tmp_path / skops_file.name).write_bytes(skops_file.read_bytes())
    again = imported(made_up_guidance, ward_store, tmp_path / skops_file.name)
    assert again.bundle.digest == first.bundle.digest
    assert again.pack.digest == first.pack.digest


def test_trees_with_one_or_two_inputs_on_a_path_become_a_scorecard_and_others_a_forest(
    made_up_guidance: Path, ward_store: EventStore, rows: CohortRows, tmp_path: Path
) -> None:
    """From LightGBM's text and XGBoost's JSON; explanations add up, and compare with the cohort's own rows."""
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    X = rows.inputs(INPUTS)
    flat = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1, "max_depth": 2, "monotone_constraints": [0, 0, 1, 0]},
        lightgbm.Dataset(X, rows.y, feature_name=list(INPUTS)),
        20,
    )
    (tmp_path / "model.txt").write_text(flat.model_to_string())
    deep = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 4, "nthread": 1, "monotone_constraints": "(0,0,1,0)"},
        xgboost.DMatrix(X, rows.y, feature_names=list(INPUTS)),
        20,
    )
    deep.save_model(tmp_path / "model.json")
    for file, kind, theirs, tolerance in (
        ("model.txt", "scorecard", flat.predict(X), 1e-12),
        ("model.json", "forest", deep.predict(xgboost.DMatrix(X, feature_names=list(INPUTS))), 1e-6),
    ):
        found = imported(made_up_guidance, ward_store, tmp_path / file)
        model = load_model(found.bundle.files[MODEL_FILE])
        assert json.loads(found.bundle.files[MODEL_FILE])["kind"] == kind
        used = rows.inputs(model.inputs)
        assert float(np.abs(model.risk(used) - theirs).max()) <= tolerance
        explained = model.explain(used[0])
        assert explained.base + sum(explained.contributions) == pytest.approx(explained.log_odds, abs=1e-9)
        assert "judged on" in model.file.reference.name


def test_what_does_not_fit_the_guidance_is_refused(
    tmp_path: Path, made_up_guidance: Path, ward_store: EventStore, rows: CohortRows, skops_file: Path
) -> None:
    """An unknown feature (with the one that was meant), one kept from models, another direction, no names, a score's place."""
    with pytest.raises(CannotConvert, match=r"'creatinin', which is no feature.*mean creatinine"):
        imported(made_up_guidance, ward_store, skops_file, named=("age", "male", "creatinin", "creatinines"))
    with pytest.raises(CannotConvert, match="2 names for 4 columns"):
        imported(made_up_guidance, ward_store, skops_file, named=("age", "male"))
    kept = write_guidance(
        tmp_path / "made-up-death", GUIDANCE.replace("    label: male", "    use: audit\n    label: male")
    )
    with pytest.raises(CannotConvert, match="'male', which the guidance keeps from models"):
        imported(kept, ward_store, skops_file)
    upside_down = tmp_path / "down.skops"
    upside_down.write_bytes(skops_io.dumps(pipeline(rows, 1 - rows.y)))
    with pytest.raises(CannotConvert, match=r"direction.*creatinine \+1"):
        imported(made_up_guidance, ward_store, upside_down)
    nameless = tmp_path / "nameless.skops"
    nameless.write_bytes(
        skops_io.dumps(
            make_pipeline(SimpleImputer(), LogisticRegression(max_iter=999)).fit(rows.inputs(INPUTS), rows.y)
        )
    )
    with pytest.raises(CannotConvert, match="does not say what its 4 columns are"):
        imported(made_up_guidance, ward_store, nameless)


runner = CliRunner()


def run(*words: object, fails: bool = False) -> Result:
    """Run a command; a fault of ours is raised, as `knowdo` would print it."""
    result = runner.invoke(app, [str(word) for word in words])
    if isinstance(result.exception, KnowdoError):
        raise result.exception
    assert (result.exit_code != 0) == fails, result.output
    return result


def test_the_command_keeps_a_run_and_finds_what_is_new_on_the_shelf(
    tmp_path: Path,
    made_up_guidance: Path,
    ward_store: EventStore,
    skops_file: Path,
    rows: CohortRows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file is imported; a version that a data scientist registers is found by itself, once; a pickle is refused, once."""
    monkeypatch.setenv("KNOWDO_VAR", str(tmp_path))
    words = ("--guidance", made_up_guidance, "--store", ward_store.folder, "--workers", 1, "--json")
    told = json.loads(run("import", skops_file, *words).stdout)
    assert told["chosen"] == "imported"
    folder = tmp_path / "learner" / "runs" / told["run"]
    assert unpack((folder / "release.zip").read_bytes(), expected_digest=told["release"])
    assert unpack_evidence((folder / "evidence.zip").read_bytes(), expected_digest=told["evidence"])
    assert json.loads(run("runs", "--json").stdout)[0]["kind"] == "import"
    assert told["mlflow"]["version"] == "1"

    import mlflow

    shelf = shelf_of(LearnerSettings.from_environment())
    assert find_new_versions(shelf, "made-up-death") == []
    mlflow.set_tracking_uri(shelf.tracking_uri)
    monkeypatch.chdir(tmp_path)
    model = pipeline(rows)
    with mlflow.start_run():
        for form in ("skops", "cloudpickle"):
            mlflow.sklearn.log_model(
                model,
                name="theirs",
                serialization_format=form,
                registered_model_name="made-up-death",
                skops_trusted_types=["numpy.dtype"],
                pip_requirements=["scikit-learn"],
            )
    assert [version.version for version in find_new_versions(shelf, "made-up-death")] == ["2", "3"]
    both = json.loads(run("import", "--new", *words, fails=True).stdout)
    assert [one["version"] for one in both["imported"]] == ["models:/made-up-death/2"]
    assert both["imported"][0]["release"] == told["release"]
    assert "never loaded" in both["refused"]["models:/made-up-death/3"]
    client = mlflow.MlflowClient()
    assert client.get_model_version("made-up-death", "2").tags[IMPORTED_TAG] == told["release"]
    assert "never loaded" in client.get_model_version("made-up-death", "3").tags[REFUSED_TAG]
    assert json.loads(run("import", "--new", *words).stdout) == {"imported": [], "refused": {}}
    with pytest.raises(BadInput, match="release already"):
        run("import", "models:/made-up-death/1", *words)


def test_a_registered_version_is_imported_by_a_job_that_begins_by_itself(
    tmp_path: Path, ward_store: EventStore, rows: CohortRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the guidance says so: each version once, judged by a job of the queue; what cannot be imported fails with the reason."""
    folder = tmp_path / "guidance"
    triggers = "\nlearning:\n  triggers:\n    registered: true\n\npolicy:\n"
    write_guidance(folder / "made-up-death", GUIDANCE.replace("\npolicy:\n", triggers))
    monkeypatch.setenv("KNOWDO_VAR", str(tmp_path))
    monkeypatch.setenv("KNOWDO_LEARNER_STORE", str(ward_store.folder))
    monkeypatch.setenv("KNOWDO_LEARNER_GUIDANCE", json.dumps([str(folder)]))
    monkeypatch.setenv("KNOWDO_LEARNER_WORKERS", "1")
    monkeypatch.chdir(tmp_path)
    settings = LearnerSettings.from_environment()
    log, shelf = open_run_log(settings), shelf_of(settings)
    queue = job_queue(settings, log)

    import mlflow

    mlflow.set_tracking_uri(shelf.tracking_uri)
    mlflow.set_experiment("theirs")  # MLflow remembers the last one of this process, which is of another shelf
    with mlflow.start_run():
        for form in ("skops", "cloudpickle"):
            mlflow.sklearn.log_model(
                pipeline(rows),
                name="theirs",
                serialization_format=form,
                registered_model_name="made-up-death",
                skops_trusted_types=["numpy.dtype"],
                pip_requirements=["scikit-learn"],
            )
    beginner = Beginner(
        log.engine,
        queue,
        folders=(folder,),
        store=ward_store.folder,
        options={"seed": 1, "workers": 1},
        registered=lambda guidance: [one.uri for one in find_new_versions(shelf, guidance)],
    )
    put = beginner.put_due()
    assert [log.get(run).kind for run in put] == ["import", "import"]
    assert beginner.put_due() == []
    codes = []
    while (held := queue.take()) is not None:
        codes.append(work_on(held, settings))
    assert codes == [0, 1]
    good, bad = (log.get(run) for run in put)
    assert (good.state, bad.state) == ("done", "failed")
    assert good.release is not None
    assert "never loaded" in (bad.fault or "")
    client = mlflow.MlflowClient()
    assert client.get_model_version("made-up-death", "1").tags[IMPORTED_TAG] == good.release
    assert find_new_versions(shelf, "made-up-death") == []
    assert beginner.put_due() == []


def test_one_model_or_all_that_are_new() -> None:
    """Not both, not neither, and never without a guidance."""
    for words in (("import",), ("import", "a", "--new", "--guidance", "b"), ("import", "a"), ("import", "--new")):
        with pytest.raises(BadInput, match="one model and its guidance"):
            run(*words)
