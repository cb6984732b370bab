"""services/learner/models/tuning.py and the grids of recipes.py: searched within the training rows, within the budget."""

from __future__ import annotations

import time
from dataclasses import asdict

import numpy as np
import pytest

from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard
from services.guidance.prediction_definition import Tuning
from services.learner.models.fitting import fit_candidates, fit_model
from services.learner.models.logistic import fit_logistic
from services.learner.models.recipes import GRIDS, RECIPES, LogisticRecipe, Recipe
from services.learner.models.training_rows import TrainingRows
from services.learner.models.tuning import PARTS, search
from tests.learner.made_up import INPUTS, made_up


@pytest.fixture(scope="module")
def rows() -> TrainingRows:
    """Few rows, two for each patient, and forty inputs of noise: a strong penalty is worth much."""
    data, rng = made_up(400, rows_a_patient=2), np.random.default_rng(5)
    X = np.column_stack([data.X, rng.normal(0, 1, (400, 40))])
    names = (*INPUTS, *(f"noise_{one}" for one in range(40)))
    return TrainingRows.of(X, data.y, data.patients, inputs=names, reference="made-up stays")


class Watched:
    """Fits regressions, and remembers on which patients."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.patients: list[set[int]] = []
        self.recipes: list[Recipe] = []
        self._seconds = seconds

    def __call__(self, recipe: Recipe, rows: TrainingRows, seed: int) -> Scorecard | Forest:
        """A fit of this setting."""
        assert isinstance(recipe, LogisticRecipe)
        self.patients.append(set(rows.patients.tolist()))
        self.recipes.append(recipe)
        time.sleep(self._seconds)
        return fit_logistic(recipe, rows, seed=seed)


def test_every_grid_begins_with_what_is_used_without_a_search() -> None:
    """The budget takes settings in their order; no setting stands twice, none differs in what the algorithm is."""
    for kind, grid in GRIDS.items():
        assert grid[0] == RECIPES[kind]
        assert len({str(asdict(one)) for one in grid}) == len(grid)
        assert {one.declared()["algorithm"] for one in grid} == {grid[0].declared()["algorithm"]}
        assert len(grid) > 1


def test_the_setting_with_the_lowest_inner_loss_is_taken(rows: TrainingRows) -> None:
    """With many idle inputs a stronger penalty than the first wins, and what was tried and what was not is told."""
    recipe, found = search("logistic", rows, Tuning(settings=3), Watched(), seed=1)
    losses = [one.log_loss for one in found.tried]
    assert found.chosen == int(np.argmin(losses)) != 0
    assert recipe == GRIDS["logistic"][found.chosen]
    assert [one.setting for one in found.tried] == [{}, {"inverse_penalty": 0.1}, {"inverse_penalty": 0.01}]
    assert found.ended_by == "settings"
    assert len(found.tried) + len(found.not_tried) == len(GRIDS["logistic"])
    assert found.not_tried[0] == {"inverse_penalty": 10.0}


def test_inner_parts_share_no_patient_and_are_the_same_for_every_setting(rows: TrainingRows) -> None:
    """Each inner fit leaves whole patients out; together they leave each out once."""
    watched = Watched()
    search("logistic", rows, Tuning(settings=2), watched, seed=1)
    everybody = set(rows.patients.tolist())
    assert len(watched.patients) == 2 * PARTS
    assert watched.patients[:PARTS] == watched.patients[PARTS:]
    left_out = [everybody - one for one in watched.patients[:PARTS]]
    assert set.union(*left_out) == everybody
    assert sum(map(len, left_out)) == len(everybody)


def test_a_budget_beyond_the_grid_tries_all_of_it(rows: TrainingRows) -> None:
    """Then nothing was cut off."""
    _, found = search("logistic", rows, Tuning(settings=100), Watched(), seed=1)
    assert found.ended_by == "grid"
    assert found.not_tried == ()


def test_the_clock_begins_no_further_setting_and_is_told(rows: TrainingRows) -> None:
    """The first setting is tried however short the time; what the clock cut off is named."""
    recipe, found = search("logistic", rows, Tuning(settings=4, seconds=0.01), Watched(seconds=0.01), seed=1)
    assert recipe == RECIPES["logistic"]
    assert found.ended_by == "seconds"
    assert len(found.tried) == 1
    assert len(found.not_tried) == len(GRIDS["logistic"]) - 1


def test_the_choice_for_a_fold_never_sees_the_fold(rows: TrainingRows) -> None:
    """What is said of a fold is what a search and a fit say that were given the other rows only."""
    tuning = Tuning(settings=3)
    found = fit_candidates(
        rows.X, rows.y, rows.patients, rows.inputs, reference="made-up stays", kinds=("logistic",), folds=2, seed=3,
        tuning=tuning,
    )["logistic"]  # fmt: skip
    for one in range(2):
        inside = found.fold == one
        alone = fit_model("logistic", rows.where(~inside), seed=3 + 1000 * (one + 1), tuning=tuning)
        assert alone.model.risk(rows.X[inside]).tolist() == found.risk[inside].tolist()
        assert alone.search is not None
        assert found.search is not None
        assert found.search.chosen_in_folds[one] == alone.search.chosen
    assert found.recipe["inverse_penalty"] == GRIDS["logistic"][found.search.chosen].inverse_penalty  # type: ignore[union-attr]


def test_the_same_seed_finds_the_same_and_a_clock_that_cuts_nothing_changes_nothing(rows: TrainingRows) -> None:
    """The number of settings is the budget, so the machine has no say."""
    once, again, timed = (
        fit_model("logistic", rows, seed=7, tuning=Tuning(settings=3, seconds=seconds))
        for seconds in (None, None, 600.0)
    )
    assert once.model.to_json() == again.model.to_json() == timed.model.to_json()
    assert once.search == again.search == timed.search


def test_boosted_kinds_are_searched_too() -> None:
    """A scorecard with a search is one of its own settings, fitted on all rows."""
    data = made_up(500)
    rows = TrainingRows.of(data.X, data.y, data.patients, inputs=INPUTS, reference="made-up stays")
    found = fit_model("scorecard_additive", rows, seed=0, tuning=Tuning(settings=2))
    assert found.recipe in GRIDS["scorecard_additive"][:2]
    assert found.search is not None
    assert [one.setting for one in found.search.tried] == [{}, {"min_leaf": 100}]


def test_without_a_budget_nothing_is_searched(rows: TrainingRows) -> None:
    """One setting: the first, and no inner fit."""
    found = fit_model("logistic", rows, seed=0)
    assert found.search is None
    assert found.recipe == RECIPES["logistic"]
