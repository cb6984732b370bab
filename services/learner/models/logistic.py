"""A logistic regression: the plain model that every other has to beat."""

from __future__ import annotations

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from services.guidance.models.scorecard import Scorecard
from services.learner.models.compile import compile_logistic
from services.learner.models.recalibration import fit_calibration
from services.learner.models.recipes import LogisticRecipe
from services.learner.models.splits import patient_folds
from services.learner.models.training_rows import TrainingRows


def _fitted(recipe: LogisticRecipe, rows: TrainingRows) -> Pipeline:
    """A fit that keeps to the directions: an input whose coefficient would turn against its own is left at 0.

    Leaving one out may turn another, so the fit is made again until none turns: at most once for each input.
    """
    X = rows.X.copy()
    while True:
        pipeline = _pipeline(recipe).fit(X, rows.y)
        coefficients = pipeline.named_steps["regress"].coef_[0][: len(rows.inputs)]
        turned = np.flatnonzero(coefficients * np.array(rows.directions) < 0)
        if not len(turned):
            return pipeline
        # A constant where it is known: it can say whether it was measured, and no more.
        X[:, turned] = np.where(np.isnan(X[:, turned]), np.nan, 0.0)


def fit_logistic(recipe: LogisticRecipe, rows: TrainingRows, *, seed: int) -> Scorecard:
    """Fit on all rows; the calibration line comes from parts of them that the fit did not see."""
    part = patient_folds(rows.y, rows.patients, recipe.parts, seed=seed)
    held_out = np.empty(len(rows.y))
    for own in range(recipe.parts):
        inside = rows.where(part != own)
        held_out[part == own] = _fitted(recipe, inside).decision_function(rows.X[part == own])
    return compile_logistic(
        _fitted(recipe, rows),
        inputs=rows.inputs,
        rows=rows.X,
        reference=rows.reference,
        calibration=fit_calibration(held_out, rows.y),
    )


def _pipeline(recipe: LogisticRecipe) -> Pipeline:
    return Pipeline(
        [
            # An input that is never known in these rows is kept, as 0 throughout.
            ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("regress", LogisticRegression(C=recipe.inverse_penalty, solver="newton-cholesky", max_iter=1000)),
        ]
    )
