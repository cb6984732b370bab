"""models/monotone.py, and the directions of a guidance in every kind that is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from services.learner.models.compile import compile_forest, compile_scorecard
from services.learner.models.fitting import fit_model
from services.learner.models.monotone import turns_against
from services.learner.models.recipes import ModelKind
from services.learner.models.training_rows import TrainingRows
from services.learner.models.trees import read_trees
from tests.learner.made_up import INPUTS, made_up

DATA = made_up(2500)
# Sodium is U-shaped and urea harms men only: neither keeps to one direction by itself. Age and falls go up.
DIRECTIONS = {"sodium": 1, "urea": -1, "age": -1, "falls": 1}


@pytest.mark.parametrize("kind", ["logistic", "scorecard_additive", "scorecard", "forest"])
def test_every_kind_keeps_to_the_directions_of_the_guidance(kind: ModelKind) -> None:
    """Even where the data say the contrary: averaged over bags, purified, calibrated, with every pair."""
    rows = TrainingRows.of(
        DATA.X, DATA.y, DATA.patients, inputs=INPUTS, directions=DIRECTIONS, reference="made-up rows"
    )
    model = fit_model(kind, rows, seed=0).model
    assert turns_against(model, DIRECTIONS, DATA.X) == []
    assert float(np.ptp(model.risk(DATA.X))) > 0.05


def test_what_turns_is_found() -> None:
    """In a scorecard and in a forest, by name; an input that is not constrained may do as it likes."""
    with threadpool_limits(1):
        booster = HistGradientBoostingClassifier(max_iter=30, interaction_cst="pairwise").fit(DATA.X, DATA.y)
    trees = read_trees(booster)
    for model in (
        compile_scorecard(trees, inputs=INPUTS, rows=DATA.X, reference="r"),
        compile_forest(trees, inputs=INPUTS, reference="r"),
    ):
        assert turns_against(model, {"sodium": 1, "age": -1, "falls": -1}, DATA.X) == ["age", "sodium", "falls"]
        assert turns_against(model, {}, DATA.X) == []
