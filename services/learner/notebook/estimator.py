"""Our models as a scikit-learn classifier: for cross-validation, grids and plots in a notebook.

`fit` is what a training run does with all its rows: bags, calibration and compilation included, so `predict_proba` is
what a card would state. Labels must be of two classes; the larger one is the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard as Compiled
from services.learner.models.fitting import fit_model
from services.learner.models.recipes import ModelKind
from services.learner.models.training_rows import FEWEST_PATIENTS, TrainingRows
from services.learner.notebook.shapes import shape_of


class Scorecard(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A candidate of the learner by its kind: `scorecard`, `scorecard_additive`, `logistic`, `forest`, `ebm`."""

    def __init__(
        self,
        kind: ModelKind = "scorecard",
        *,
        directions: Mapping[str, int] | Sequence[int] | None = None,
        reference: str = "the rows it was fitted on",
        fewest_patients: int = FEWEST_PATIENTS,
        seed: int = 0,
    ) -> None:
        self.kind = kind
        self.directions = directions
        self.reference = reference
        self.fewest_patients = fewest_patients
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> Scorecard:
        """Fit on all rows; `groups` says which rows are of one patient (each row is its own without it)."""
        if self.kind not in get_args(ModelKind):
            raise ValueError(f"kind is one of {', '.join(get_args(ModelKind))}, and not {self.kind!r}")
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, label = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                f"Only binary classification is supported; there are {len(self.classes_)} classes (1 class would be no outcome)"
                if len(self.classes_) > 2
                else "Classifier can't train when only one class is present: the outcome needs 2 classes"
            )
        patients = np.arange(len(label)) if groups is None else _as_groups(groups, len(label))
        names = tuple(str(name) for name in getattr(self, "feature_names_in_", ())) or tuple(
            f"x{place}" for place in range(X.shape[1])
        )
        rows = TrainingRows.of(
            X,
            label.astype(np.int8),
            patients,
            inputs=names,
            directions=self._directions(names),
            reference=self.reference,
            fewest=self.fewest_patients,
        )
        fitted = fit_model(self.kind, rows, seed=self.seed)
        self.model_: Compiled | Forest = fitted.model
        self.n_iter_ = max((1, *fitted.trees))
        return self

    def decision_function(self, X: Any) -> Any:
        """Calibrated log-odds of the outcome."""
        rows = self._rows(X)
        return self.model_.file.calibration.log_odds(self.model_.log_odds(rows))

    def predict_proba(self, X: Any) -> Any:
        """The risk of each row, in the second column."""
        rows = self._rows(X)
        risk = self.model_.risk(rows)
        return np.column_stack([1 - risk, risk])

    def predict(self, X: Any) -> Any:
        """The likelier class: a risk above one half. A card speaks by the bands of the guidance instead."""
        likelier = (self.decision_function(X) > 0).astype(int)
        return self.classes_[likelier]

    def explain(self, row: Any) -> pd.DataFrame:
        """One row: its values, and what each adds to the log-odds of the reference; the first line is the reference."""
        check_is_fitted(self)
        values = np.asarray(row, dtype=np.float64).reshape(-1)
        found = self.model_.explain(values)
        return pd.DataFrame(
            {
                "input": ["(reference)", *self.model_.inputs],
                "value": [np.nan, *values.tolist()],
                "log_odds": [found.base, *found.contributions],
            }
        )

    def shape(self, name: str) -> pd.DataFrame:
        """The shape function of one input: from where to where it holds, and what it adds; pairs are left out."""
        check_is_fitted(self)
        return shape_of(self.model_, name)

    def to_json(self) -> bytes:
        """The compiled model, as it would stand in a release."""
        check_is_fitted(self)
        return self.model_.to_json()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags

    def _rows(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)

    def _directions(self, names: Sequence[str]) -> Mapping[str, int]:
        told = self.directions
        if told is None or isinstance(told, Mapping):
            return told or {}
        return dict(zip(names, told, strict=True))


def _as_groups(groups: Any, rows: int) -> Any:
    found = np.unique(np.asarray(groups), return_inverse=True)[1]
    if len(found) != rows:
        raise ValueError(f"{len(found)} groups for {rows} rows")
    return found
