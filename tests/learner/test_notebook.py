"""The learner in a notebook: the contract of a scikit-learn estimator, and the rows that a training run reads."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.utils.estimator_checks import check_estimator

from services.guidance.models.model_file import load_model
from services.learner.models.fitting import fit_model
from services.learner.models.training_rows import TrainingRows
from services.learner.notebook import Cohort, Scorecard
from services.learner.retrain import Trained
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from tests.learner.made_up import INPUTS, made_up

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "readmission.ipynb"


@pytest.mark.parametrize("kind", ["logistic", pytest.param("scorecard_additive", marks=pytest.mark.nightly)])
def test_scikit_learns_own_checks_pass(kind: str) -> None:
    """All of them, without an exception; only the fewest patients are lowered, as its checks fit on some dozen rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(Scorecard(kind, fewest_patients=1), on_fail=None)
    assert [one["check_name"] for one in found if one["status"] == "failed"] == []
    assert sum(one["status"] == "passed" for one in found) > 45


def test_what_is_fitted_is_what_a_training_run_fits() -> None:
    """The same bytes from the same rows, directions and seed; groups are patients."""
    data = made_up(600, rows_a_patient=2)
    frame = pd.DataFrame(data.X, columns=list(INPUTS))
    found = Scorecard(directions={"falls": 1}, reference="made-up rows", seed=3).fit(
        frame, data.y, groups=data.patients
    )
    rows = TrainingRows.of(
        data.X, data.y, data.patients, inputs=INPUTS, directions={"falls": 1}, reference="made-up rows"
    )
    assert found.to_json() == fit_model("scorecard", rows, seed=3).model.to_json()
    assert found.predict_proba(frame)[:, 1].tolist() == load_model(found.to_json()).risk(data.X).tolist()
    explained = found.explain(frame.iloc[0])
    assert explained["log_odds"].sum() == pytest.approx(found.decision_function(frame.iloc[:1])[0], abs=1e-9)
    assert explained["input"].tolist() == ["(reference)", *INPUTS]
    with pytest.raises(BadInput, match="patients with"):
        Scorecard().fit(frame[:40], data.y[:40])


def test_a_shape_is_what_an_input_adds() -> None:
    """Step by step, missing last; a straight line has its slope; a forest has none."""
    data = made_up(600)
    frame = pd.DataFrame(data.X, columns=list(INPUTS))
    found = Scorecard("scorecard_additive").fit(frame, data.y)
    shape = found.shape("age")
    row = frame.iloc[[5]].copy()
    share = dict(zip(INPUTS, found.explain(row.to_numpy()[0])["log_odds"].tolist()[1:], strict=True))["age"]
    here = shape[(shape["above"] < row["age"].item()) & (row["age"].item() <= shape["up_to"])]
    assert here["log_odds"].item() == pytest.approx(share, abs=1e-12)
    assert shape["above"].isna().sum() == 1
    line = Scorecard("logistic").fit(frame, data.y).shape("age")
    assert line["per_unit"].iloc[0] != 0
    with pytest.raises(BadInput, match="does not read 'weight'"):
        found.shape("weight")
    with pytest.raises(BadInput, match="no shape functions"):
        Scorecard("forest").fit(frame, data.y).shape("age")


def test_the_cohort_is_that_of_a_training_run(made_up_guidance: Path, ward_store: EventStore, trained: Trained) -> None:
    """The same rows, events and flow; split by time and cross-validated by patient with scikit-learn's own tools."""
    cohort = Cohort(made_up_guidance, ward_store.folder)
    matrix = cohort.matrix()
    assert (len(matrix), int(matrix.y.sum())) == (trained.evaluation.rows, trained.evaluation.events)
    assert list(matrix.X.columns) == ["age", "male", "creatinine", "creatinines"]
    assert matrix.directions == {"creatinine": 1}
    assert cohort.flow["step"].iloc[0] == "patients in the event store"
    assert int(cohort.outcomes().sum()) == len(cohort.rows)
    early, late = matrix.between(until="2024-07-01"), matrix.between(since="2024-07-01")
    assert len(early) + len(late) == len(matrix)
    assert early.at.max() < late.at.min()
    risk = cross_val_predict(
        Scorecard("logistic", directions=matrix.directions),
        matrix.X,
        matrix.y,
        groups=matrix.groups,
        cv=GroupKFold(3),
        method="predict_proba",
    )[:, 1]
    assert float(np.corrcoef(risk, matrix.y)[0, 1]) > 0.2
    with pytest.raises(BadInput, match="no prediction 'death'"):
        cohort.matrix("death")


@pytest.mark.skipif(not NOTEBOOK.is_file(), reason="the notebooks are not beside this installation")
def test_the_worked_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, in order, in a fresh kernel and an empty folder."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    pytest.importorskip("ipykernel", reason="there is no kernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[2]), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert said
    assert not [output for output in said if output.output_type == "error"]
