"""A fitted scikit-learn classifier as a sum in log-odds: logistic regressions, gradient boosting, a sigmoid around them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from services.guidance.models.explanation import CalibrationMap, Numbers
from services.guidance.models.forest_file import LEAF, Tree
from services.learner.models.imported.float32_cuts import cut_up_to
from services.learner.models.imported.foreign import NO_CHANGE, Foreign, Term, cannot, unreadable
from services.learner.models.imported.plain_trees import Split, build_tree
from services.learner.models.imported.sklearn_columns import Column, columns_after
from services.learner.models.trees import Ensemble, read_trees


def convert_sklearn(estimator: Any, *, place: str) -> Foreign:
    """The estimator's trees or linear terms over the inputs that it was given."""
    try:
        check_is_fitted(estimator)
        return _converted(estimator, place=place)
    except (AttributeError, ValueError, IndexError, TypeError) as fault:
        raise unreadable(
            f"no fitted classifier that scikit-learn could use ({type(fault).__name__}: {str(fault)[:120]})",
            place=place,
        ) from fault


def _converted(estimator: Any, *, place: str) -> Foreign:
    calibration, model = _calibration(estimator, place=place)
    steps = [step for _, step in model.steps] if type(model).__name__ == "Pipeline" else [model]
    while type(steps[-1]).__name__ == "Pipeline":
        steps = [*steps[:-1], *(step for _, step in steps[-1].steps)]
    *before, last = steps
    if sorted(np.asarray(last.classes_).tolist()) != [0, 1]:
        raise cannot(
            f"its classes are {list(last.classes_)[:4]}",
            place=place,
            remedy="Train on labels 0 and 1, or False and True",
        )
    width = int(steps[0].n_features_in_ if hasattr(steps[0], "n_features_in_") else estimator.n_features_in_)
    columns = [Column(source=index) for index in range(width)]
    for step in before:
        columns = columns_after(step, columns, place=place)
    parts: dict[str, Any]
    match type(last).__name__:
        case "LogisticRegression" | "LogisticRegressionCV":
            parts = _linear(last, columns, place=place)
        case "HistGradientBoostingClassifier":
            parts = {"trees": _histogram_trees(last, columns, place=place)}
        case "GradientBoostingClassifier":
            parts = {"trees": _boosted_trees(last, columns, place=place)}
        case kind:
            raise cannot(
                f"a {kind} is no sum in log-odds that is known here",
                place=place,
                remedy="Train LogisticRegression, HistGradientBoostingClassifier or GradientBoostingClassifier",
            )
    names = getattr(estimator, "feature_names_in_", getattr(model, "feature_names_in_", ()))
    return Foreign(
        library=f"scikit-learn {type(last).__name__}",
        columns=width,
        names=tuple(str(name) for name in names),
        calibration=calibration,
        exact="the same sum in float64, compared with scikit-learn's own risk on every row of the cohort",
        own_risk=lambda X: _risk(estimator, X),
        facts={"steps": " > ".join(type(step).__name__ for step in steps)},
        **parts,
    )


def _risk(estimator: Any, X: Numbers) -> Numbers:
    names = getattr(estimator, "feature_names_in_", None)
    rows: Any = X
    if names is not None:
        import pandas as pd

        rows = pd.DataFrame(X, columns=list(names))
    risk: Numbers = estimator.predict_proba(rows)[:, 1]
    return risk


def _calibration(estimator: Any, *, place: str) -> tuple[CalibrationMap, Any]:
    """The straight line around a model, and the model."""
    if type(estimator).__name__ == "FrozenEstimator":
        return _calibration(estimator.estimator, place=place)
    if type(estimator).__name__ != "CalibratedClassifierCV":
        return NO_CHANGE, estimator
    parts = estimator.calibrated_classifiers_
    if len(parts) != 1:
        raise cannot(
            f"its risk is the average of {len(parts)} calibrated models, and the logit of an average is no sum",
            place=place,
            remedy="Calibrate with `ensemble=False`, or a FrozenEstimator",
        )
    calibrators = parts[0].calibrators
    if len(calibrators) != 1 or not hasattr(calibrators[0], "a_"):
        raise cannot("its calibration is no sigmoid", place=place, remedy="Calibrate with method `sigmoid`")
    inner, model = _calibration(parts[0].estimator, place=place)
    if inner is not NO_CHANGE:
        # A calibrated model has no decision function: the line would be drawn through probabilities.
        raise cannot("it is calibrated twice", place=place, remedy="Calibrate once")
    slope, intercept = -float(calibrators[0].a_), -float(calibrators[0].b_)
    if slope < 0:
        raise cannot("its calibration turns it upside down", place=place, remedy="Look at the labels it was fitted on")
    return CalibrationMap(intercept=intercept, slope=slope), model


def _linear(model: Any, columns: list[Column], *, place: str) -> dict[str, Any]:
    weights = np.asarray(model.coef_, dtype=np.float64)
    if weights.shape != (1, len(columns)):
        raise unreadable(f"{weights.shape} coefficients for {len(columns)} columns", place=place)
    intercept = float(model.intercept_[0])
    slope: dict[int, float] = {}
    missing: dict[int, float] = {}
    for weight, column in zip(weights[0].tolist(), columns, strict=True):
        if math.isnan(column.missing):
            if weight == 0:
                continue
            raise _no_imputer(place)
        intercept += weight * column.shift
        slope[column.source] = slope.get(column.source, 0.0) + weight * column.slope
        missing[column.source] = missing.get(column.source, 0.0) + weight * (column.missing - column.shift)
    return {
        "intercept": intercept,
        "linear": tuple(Term(column=one, coefficient=slope[one], missing=missing[one]) for one in sorted(slope)),
    }


def _histogram_trees(model: Any, columns: list[Column], *, place: str) -> Ensemble:
    if getattr(model, "_preprocessor", None) is not None:
        raise cannot("it encodes categories", place=place, remedy="Give each category a feature of its own, 0 or 1")
    found = read_trees(model)
    return Ensemble(
        intercept=found.intercept,
        trees=tuple(_through(tree, columns, place=place) for tree in found.trees) if columns else found.trees,
    )


def _through(tree: Tree, columns: list[Column], *, place: str) -> Tree:
    """A tree over columns as a tree over inputs."""

    def read(node: int) -> tuple[Split, int, int] | float:
        if tree.feature[node] == LEAF:
            return tree.value[node]
        column, cut = columns[tree.feature[node]], tree.threshold[node]
        split = _split(column, cut, cut, tree.missing_left[node], place=place)
        return split, tree.left[node], tree.right[node]

    return build_tree(0, read, place=place)


def _split(column: Column, threshold: float | None, cut: float | None, missing_left: bool, *, place: str) -> Split:
    """`threshold` is what the filled-in number is compared with, `cut` what the input is."""
    if not math.isnan(column.missing):
        missing_left = threshold is None or column.missing <= threshold
    if column.untouched:
        return Split(column=column.source, cut=cut, missing_left=missing_left)
    if column.slope != 0.0:
        raise cannot("its trees see scaled inputs", place=place, remedy="Leave the scaler out: trees need none")
    if threshold is None or column.shift <= threshold:
        return Split(column=column.source, cut=None, missing_left=missing_left)
    raise cannot("a split sends every value that is there to the right", place=place, remedy="Leave out the indicators")


def _boosted_trees(model: Any, columns: list[Column], *, place: str) -> Ensemble:
    """Its trees round their inputs to float32; their leaves are float64."""
    if model.loss != "log_loss":
        raise cannot(f"its loss is {model.loss}", place=place, remedy="Train with loss `log_loss`")
    if any(math.isnan(column.missing) for column in columns):
        raise _no_imputer(place)
    trees = tuple(
        _regression_tree(one.tree_, columns, float(model.learning_rate), place=place) for one in model.estimators_[:, 0]
    )
    return Ensemble(intercept=_initial(model, place=place), trees=trees)


def _initial(model: Any, *, place: str) -> float:
    if model.init == "zero" or model.init_ == "zero":
        return 0.0
    if type(model.init_).__name__ != "DummyClassifier":
        raise cannot("it begins with another model (`init`)", place=place, remedy="Leave out `init`")
    # As scikit-learn does: the share of events, kept a little away from 0 and 1.
    edge = float(np.finfo(np.float32).eps)
    share = float(np.clip(model.init_.class_prior_[1], edge, 1 - edge))
    return math.log(share / (1 - share))


def _regression_tree(tree: Any, columns: list[Column], rate: float, *, place: str) -> Tree:
    value = tree.value[:, 0, 0]

    def read(node: int) -> tuple[Split, int, int] | float:
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            return rate * float(value[node])
        threshold = float(tree.threshold[node])
        column = columns[int(tree.feature[node])]
        filled = Column(
            source=column.source, slope=column.slope, shift=column.shift, missing=float(np.float32(column.missing))
        )
        return _split(filled, threshold, cut_up_to(threshold), False, place=place), left, right

    return build_tree(0, read, place=place)


def _no_imputer(place: str) -> Exception:
    return cannot(
        "it says nothing of missing values, and at the bedside any value may be missing",
        place=place,
        remedy="Put a SimpleImputer before it, and fit the pipeline as a whole",
    )
