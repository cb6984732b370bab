"""models/ebm.py: an explainable boosting machine is a scorecard, to the last sum."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from services.guidance.models.model_file import load_model
from services.learner.models.ebm import compile_ebm, fit_ebm
from services.learner.models.monotone import turns_against
from services.learner.models.recipes import EbmRecipe
from services.learner.models.training_rows import TrainingRows
from tests.learner.made_up import INPUTS, made_up

glassbox = pytest.importorskip("interpret.glassbox", reason="interpret-core (the extra `ebm`) is not installed")
DATA = made_up(1500)


def test_a_scorecard_is_the_machine() -> None:
    """At most 1e-12 in log-odds, with values on and beside every cut, and missing where none was missing."""
    model = glassbox.ExplainableBoostingClassifier(
        feature_types=["continuous"] * len(INPUTS), interactions=3, outer_bags=2, max_rounds=100, max_bins=24, n_jobs=1
    )
    X = DATA.X.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X, DATA.y)
        rng = np.random.default_rng(0)
        X[rng.random(X.shape) < 0.05] = np.nan
        for place, levels in enumerate(model.bins_):
            for cut in levels[0]:
                for value in (cut, np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf)):
                    X[rng.integers(len(X)), place] = value
        theirs = model.decision_function(X)
    scorecard = load_model(compile_ebm(model, inputs=INPUTS, rows=DATA.X, reference="made-up rows").to_json())
    assert len(scorecard.file.pairs) == 3
    assert float(np.abs(scorecard.log_odds(X) - theirs).max()) <= 1e-12


def test_it_is_fitted_as_the_others_are() -> None:
    """Directions are kept, the same seed gives the same bytes, and its risks are calibrated."""
    rows = TrainingRows.of(
        DATA.X, DATA.y, DATA.patients, inputs=INPUTS, directions={"age": 1, "falls": 1}, reference="made-up rows"
    )
    recipe = EbmRecipe(most_rounds=60, bags=2, most_pairs=2, parts=2)
    model = fit_ebm(recipe, rows, seed=0)
    assert model.to_json() == fit_ebm(recipe, rows, seed=0).to_json()
    assert turns_against(model, {"age": 1, "falls": 1}, rows.X) == []
    assert float(model.risk(rows.X).mean()) == pytest.approx(float(rows.y.mean()), abs=0.03)
