"""scikit-learn's boosted trees as plain trees. The only file that looks inside HistGradientBoostingClassifier.

It reads `_predictors` and `_baseline_prediction`, which are not public: the tests compare the result with
scikit-learn's own predictions to 1e-12, so a release that changes them fails there and not at the bedside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from services.guidance.models.forest_file import LEAF, Tree
from services.learner.models.grid import Grid
from services.timeline.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trees that add up to log-odds."""

    intercept: float
    trees: tuple[Tree, ...]


def read_trees(booster: HistGradientBoostingClassifier, *, grid: Grid | None = None, share: float = 1.0) -> Ensemble:
    """The trees of a fitted booster; with a grid, of one that was fitted on its codes. `share` scales every value."""
    if len(booster.classes_) != 2:
        raise BadInput("only a model of two classes becomes log-odds", remedy="Fit it on labels 0 and 1")
    return Ensemble(
        intercept=float(booster._baseline_prediction[0, 0]) * share,
        trees=tuple(_tree(predictors[0].nodes, grid, share) for predictors in booster._predictors),
    )


def keep_first(booster: HistGradientBoostingClassifier, trees: int) -> None:
    """Forget all but the first trees: what early stopping found to be best."""
    del booster._predictors[trees:]


def average(ensembles: Iterable[Ensemble]) -> Ensemble:
    """One ensemble of several whose values were already scaled by their share."""
    parts = list(ensembles)
    return Ensemble(
        intercept=sum(part.intercept for part in parts), trees=tuple(tree for part in parts for tree in part.trees)
    )


def _tree(nodes: np.ndarray, grid: Grid | None, share: float) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    if nodes["is_categorical"][~leaf].any():
        raise BadInput("a tree splits on a set of categories", remedy="Give each category a feature of its own, 0 or 1")
    feature = np.where(leaf, LEAF, nodes["feature_idx"]).tolist()
    # An infinite threshold asks only whether there is a value.
    threshold = [
        None if is_leaf or np.isinf(cut) else float(cut)
        for is_leaf, cut in zip(leaf, nodes["num_threshold"], strict=True)
    ]
    if grid is not None:
        threshold = [
            None if cut is None else grid.cut(index, cut) for index, cut in zip(feature, threshold, strict=True)
        ]
    return Tree(
        feature=tuple(feature),
        threshold=tuple(threshold),
        left=tuple(np.where(leaf, LEAF, nodes["left"].astype(np.int64)).tolist()),
        right=tuple(np.where(leaf, LEAF, nodes["right"].astype(np.int64)).tolist()),
        missing_left=tuple(nodes["missing_go_to_left"].astype(bool).tolist()),
        value=tuple(np.where(leaf, nodes["value"] * share, 0.0).tolist()),
        cover=tuple(nodes["count"].astype(np.float64).tolist()),
    )
