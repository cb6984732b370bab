"""Boosted trees on a grid of cuts: bags that each leave a part of the patients out, averaged in log-odds.

One set of fits does three jobs: the part left out says when to stop, gives the rows for the calibration line, and the
average of the bags varies less than any one of them. For that the line is made steeper: see `averaged_calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from services.guidance.models.explanation import Numbers
from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard
from services.learner.models.compile import compile_forest, compile_scorecard
from services.learner.models.grid import Grid
from services.learner.models.recalibration import averaged_calibration
from services.learner.models.recipes import BoostingRecipe
from services.learner.models.splits import patient_folds
from services.learner.models.training_rows import TrainingRows
from services.learner.models.trees import Ensemble, average, keep_first, read_trees

Constraint = str | list[set[int]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """A compiled model, and how many trees each of its bags kept."""

    model: Scorecard | Forest
    trees: tuple[int, ...]


def fit_boosting(recipe: BoostingRecipe, rows: TrainingRows, *, seed: int) -> Boosted:
    """Fit the bags, average and compile them."""
    grid = Grid.of(rows.X, bins=recipe.bins)
    codes = grid.codes(rows.X)
    constraint = _constraint(recipe, rows, codes, seed)
    part = patient_folds(rows.y, rows.patients, recipe.bags, seed=seed)
    scores = np.empty((recipe.bags, len(rows.y)))
    bags, kept = [], []
    for bag in range(recipe.bags):
        inside = part != bag
        # An input that nobody in this bag has says nothing here.
        usable = np.where(np.isnan(codes[inside]).all(axis=0), 0.0, codes)
        booster = _booster(recipe, rows, constraint, seed=seed + bag, trees=recipe.most_trees, stops=True).fit(
            usable[inside], rows.y[inside], X_val=usable[~inside], y_val=rows.y[~inside]
        )
        # The scores begin with that of no tree at all.
        best = int(np.argmax(booster.validation_score_))
        keep_first(booster, best)
        scores[bag] = booster.decision_function(usable)
        bags.append(read_trees(booster, grid=grid, share=1 / recipe.bags))
        kept.append(best)
    ensemble, calibration = average(bags), averaged_calibration(scores, part, rows.y)
    if recipe.interactions == "all":
        return Boosted(
            model=compile_forest(ensemble, inputs=rows.inputs, reference=rows.reference, calibration=calibration),
            trees=tuple(kept),
        )
    return Boosted(
        model=compile_scorecard(
            ensemble, inputs=rows.inputs, rows=rows.X, reference=rows.reference, calibration=calibration
        ),
        trees=tuple(kept),
    )


def _booster(
    recipe: BoostingRecipe, rows: TrainingRows, constraint: Constraint, *, seed: int, trees: int, stops: bool
) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=recipe.learning_rate,
        max_iter=trees,
        max_leaf_nodes=recipe.leaves,
        max_features=recipe.features_share,
        min_samples_leaf=recipe.min_leaf,
        l2_regularization=recipe.ridge,
        interaction_cst=constraint,
        monotonic_cst=list(rows.directions),
        early_stopping=stops,
        n_iter_no_change=recipe.patience,
        tol=0.0,
        random_state=seed,
    )


def _constraint(recipe: BoostingRecipe, rows: TrainingRows, codes: Numbers, seed: int) -> Constraint:
    match recipe.interactions:
        case "none":
            return "no_interactions"
        case "all":
            return None
    return [{index} for index in range(len(rows.inputs))] + [set(pair) for pair in _pairs(recipe, rows, codes, seed)]


def _pairs(recipe: BoostingRecipe, rows: TrainingRows, codes: Numbers, seed: int) -> list[tuple[int, int]]:
    """The pairs whose purified tables vary most in a model that may use them all."""
    usable = np.where(np.isnan(codes).all(axis=0), 0.0, codes)
    booster = _booster(recipe, rows, "pairwise", seed=seed, trees=recipe.screening_trees, stops=False)
    found: Ensemble = read_trees(booster.fit(usable, rows.y))
    scorecard = compile_scorecard(found, inputs=rows.inputs, rows=usable, reference="screening")
    first = len(scorecard.file.steps)
    strength = scorecard.terms(usable)[:, first:].var(axis=0)
    strongest = np.argsort(-strength, kind="stable")[: recipe.most_pairs]
    return [scorecard.file.pairs[place].inputs for place in strongest]
