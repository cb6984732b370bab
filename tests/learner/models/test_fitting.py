"""services/learner/models/fitting.py, boosting.py, logistic.py, recalibration.py, recipes.py and training_rows.py."""

from __future__ import annotations

import csv
import gzip
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from services.guidance.models.model_file import load_model
from services.learner.evidence.metrics import auroc, squared_errors
from services.learner.models.fitting import Candidate, fit_candidates, fit_model
from services.learner.models.recalibration import averaged_calibration, fit_calibration
from services.learner.models.recipes import KINDS, RECIPES, ModelKind
from services.learner.models.training_rows import TrainingRows
from services.timeline.errors import BadInput
from tests.learner.made_up import INPUTS, MadeUp, made_up


@pytest.fixture(scope="module")
def data() -> MadeUp:
    """Rows with two stays for every patient."""
    return made_up(2400, rows_a_patient=2)


@pytest.fixture(scope="module")
def candidates(data: MadeUp) -> dict[ModelKind, Candidate]:
    """All four kinds, two folds."""
    return fit(data)


def fit(data: MadeUp, **changes: object) -> dict[ModelKind, Candidate]:
    """All four kinds, two folds, unless changed."""
    settings: dict[str, object] = {"reference": "made-up stays", "folds": 2, "seed": 3} | changes
    return fit_candidates(data.X, data.y, data.patients, INPUTS, **settings)  # type: ignore[arg-type]


def test_every_kind_is_fitted_tested_and_compiled(data: MadeUp, candidates: dict[ModelKind, Candidate]) -> None:
    """Each candidate has a risk out of fold for every row, its recipe, and a model that its own bytes give back."""
    assert tuple(candidates) == KINDS
    for kind, candidate in candidates.items():
        assert ((candidate.risk > 0) & (candidate.risk < 1)).all()
        assert load_model(candidate.model.to_json()) == candidate.model
        assert candidate.model.inputs == INPUTS
        assert "made-up stays" in candidate.model.method
        assert candidate.recipe == RECIPES[kind].declared()
        assert auroc(data.y, candidate.risk) > 0.6
        # Calibrated on rows that the model had not seen: the risks add up to the events.
        assert candidate.risk.sum() == pytest.approx(data.y.sum(), rel=0.08)


def test_the_same_data_and_seed_give_the_same_bytes_whatever_the_workers(
    data: MadeUp, candidates: dict[ModelKind, Candidate]
) -> None:
    """Models and risks are the same with two worker processes; another seed gives others."""
    again = fit(data, workers=2, kinds=("scorecard", "forest"))
    for kind, candidate in again.items():
        assert candidate.model.to_json() == candidates[kind].model.to_json()
        assert candidate.risk.tolist() == candidates[kind].risk.tolist()
    other = fit(data, kinds=("logistic",), seed=4)["logistic"]
    assert other.risk.tolist() != candidates["logistic"].risk.tolist()


def test_a_row_is_tested_by_a_model_that_never_saw_its_patient(data: MadeUp) -> None:
    """What is said of a fold is what a model says that was given the other rows only, and they share no patient."""
    before = fit(data, kinds=("scorecard",))["scorecard"]
    inside = before.fold == 0
    outside = TrainingRows.of(data.X, data.y, data.patients, inputs=INPUTS, reference="made-up stays").where(~inside)
    alone = fit_model("scorecard", outside, seed=3 + 1000)
    assert alone.model.risk(data.X[inside]).tolist() == before.risk[inside].tolist()
    assert not set(data.patients[inside]) & set(data.patients[~inside])


def test_progress_is_told_after_each_fit(data: MadeUp) -> None:
    """Done, in all, and what: as many times as there are fits."""
    told: list[tuple[int, int, str]] = []
    fit(data, kinds=("logistic",), progress=lambda done, total, what: told.append((done, total, what)))
    assert told == [(1, 3, "logistic, fold 1 of 2"), (2, 3, "logistic, fold 2 of 2"), (3, 3, "logistic, all rows")]


@pytest.mark.parametrize("kind", ["scorecard_additive", "scorecard", "forest"])
def test_a_declared_direction_is_kept(data: MadeUp, kind: ModelKind) -> None:
    """Risk never falls with age and never rises with falls once the guidance says so, whatever the data say."""
    directions = {"age": 1, "falls": -1}
    rows = TrainingRows.of(
        data.X, data.y, data.patients, inputs=INPUTS, directions=directions, reference="made-up stays"
    )
    model = fit_model(kind, rows, seed=0).model
    for place, sign in ((0, 1), (4, -1)):
        for row in data.X[:40]:
            line = np.repeat(row[None, :], 60, axis=0)
            line[:, place] = np.linspace(0, 100, 60)
            assert (sign * np.diff(model.log_odds(line)) >= -1e-12).all()


def test_inputs_that_nobody_has_or_that_never_vary_do_no_harm(data: MadeUp) -> None:
    """An input that is never known, one that is constant, and one known in a handful of rows are fitted around."""
    rare = np.full(len(data.y), np.nan)
    rare[:3] = 1.0
    X = np.column_stack([data.X, np.full(len(data.y), np.nan), np.ones(len(data.y)), rare])
    names = (*INPUTS, "never_known", "constant", "rarely_known")
    found = fit_candidates(
        X, data.y, data.patients, names, reference="made-up stays", kinds=("logistic", "scorecard", "forest"), folds=2
    )
    for candidate in found.values():
        assert np.isfinite(candidate.risk).all()
        x = X[0].copy()
        x[6:] = (5.0, np.nan, np.nan)
        assert candidate.model.explain(x).contributions[6] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"y": np.zeros(2400, dtype=np.int8)}, "0 patients with the outcome"),
        ({"y": np.ones(2400, dtype=np.int8)}, "0 patients without"),
        ({"y": np.arange(2400) % 3 - 1}, "0 or 1"),
        ({"y": np.zeros(7, dtype=np.int8)}, "do not fit together"),
        ({"inputs": INPUTS[:-1]}, "do not fit together"),
        ({"X": np.full((2400, 6), np.inf)}, "infinite"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(data: MadeUp, changes: dict[str, object], said: str) -> None:
    """One clear message instead of a fault deep inside a library."""
    given = {"X": data.X, "y": data.y, "patients": data.patients, "inputs": INPUTS} | changes
    with pytest.raises(BadInput, match=said):
        TrainingRows.of(given["X"], given["y"], given["patients"], inputs=given["inputs"], reference="made-up stays")  # type: ignore[arg-type]


def test_the_line_of_averaged_bags_is_that_of_their_average_on_new_rows() -> None:
    """Bags that each saw two thirds of the rows, and learned their noise, get the line that new rows would give their average."""
    rng = np.random.default_rng(1)
    count, bags = 60_000, 3
    truth = rng.normal(-2, 0.8, count)
    y = (rng.random(count) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    held_out_by = rng.integers(0, bags, count)
    new = truth + rng.normal(0, 0.5, (bags, count))
    learned = 0.6 * (y - 1 / (1 + np.exp(-truth)))
    scores = truth + rng.normal(0, 0.5, (bags, count)) + np.where(held_out_by == np.arange(bags)[:, None], 0.0, learned)
    found, wanted = averaged_calibration(scores, held_out_by, y), fit_calibration(new.mean(axis=0), y)
    alone = fit_calibration(new[0], y)
    assert found.slope == pytest.approx(wanted.slope, abs=0.04)
    assert alone.slope < wanted.slope - 0.1
    assert found.risk(new.mean(axis=0)).mean() == pytest.approx(y.mean(), rel=0.01)
    assert averaged_calibration(np.zeros((bags, count)), held_out_by, y).slope == 0.0


def test_the_calibration_line_mends_log_odds_that_are_too_extreme() -> None:
    """Log-odds that were doubled and shifted come back; the line is never steep without end, and never turns."""
    rng = np.random.default_rng(0)
    truth = rng.normal(-1, 1, 20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    found = fit_calibration(2 * truth + 1, y)
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.intercept == pytest.approx(-0.5, abs=0.05)
    assert fit_calibration(-truth, y).slope == 0.0
    flat = fit_calibration(np.zeros(20_000), y)
    assert flat.slope == 0.0
    assert flat.risk(np.zeros(1))[0] == pytest.approx(y.mean(), abs=1e-3)
    perfect = fit_calibration(np.where(y == 1, 3.0, -3.0), y)
    assert 0 < perfect.slope < 10


GROUPS = ("ARF/MOSF w/Sepsis", "CHF", "COPD", "Cirrhosis", "Colon Cancer", "Coma", "Lung Cancer", "MOSF w/Malig")
MEASURED = (
    "age", "num.co", "edu", "scoma", "hday", "adlp", "adls", "diabetes", "dementia", "meanbp", "hrt", "resp", "temp",
    "wblc", "pafi", "alb", "bili", "crea", "sod", "ph", "glucose", "bun", "urine",
)  # fmt: skip
INCOME = ("under $11k", "$11-$25k", "$25-$50k", ">$50k")


def support2(shared: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The allowed inputs of SUPPORT2 and death in hospital."""
    text = gzip.decompress((shared / "data" / "support2" / "support2.csv.gz").read_bytes()).decode()
    table = [
        {name: value.strip() for name, value in row.items()}
        for row in csv.DictReader(io.StringIO(text), skipinitialspace=True)
    ]

    def values(row: dict[str, str]) -> Iterator[float]:
        yield from (float(row[name]) if row[name] else np.nan for name in MEASURED)
        yield from (float(row["sex"] == "male"), float(row["ca"] == "yes"), float(row["ca"] == "metastatic"))
        yield float(INCOME.index(row["income"])) if row["income"] else np.nan
        yield from (float(row["dzgroup"] == group) for group in GROUPS)

    X = np.array([list(values(row)) for row in table])
    names = [*MEASURED, "male", "cancer", "metastatic", "income", *GROUPS]
    return X, np.array([int(row["hospdead"]) for row in table], dtype=np.int8), names


@pytest.mark.nightly
def test_real_outcomes_are_learned_as_well_as_they_can_be(shared: Path) -> None:
    """SUPPORT2, five folds, seed 0: the scorecard and the forest reach what is known to be reachable; none leaks."""
    X, y, names = support2(shared)
    began = time.perf_counter()
    found = fit_candidates(X, y, np.arange(len(y)), names, reference="SUPPORT2", folds=5, seed=0)
    said = {kind: (auroc(y, one.risk), float(squared_errors(y, one.risk).mean())) for kind, one in found.items()}
    print(said, f"{time.perf_counter() - began:.0f} s")  # noqa: T201
    assert said["scorecard"][0] >= 0.834
    assert said["scorecard"][1] <= 0.1365
    assert said["forest"][0] >= 0.838
    assert said["forest"][1] <= 0.1350
    assert max(value for value, _ in said.values()) < 0.87
    assert all(len(one.model.to_json()) < 5_000_000 for one in found.values())
