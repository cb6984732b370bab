"""An XGBoost model in its own JSON or UBJSON form (`save_model`), read without XGBoost.

XGBoost rounds every input to float32 and sends what is below a threshold to the left; our cuts say the same of the
unrounded value. It adds its leaves up in float32 and we in float64: the leaves are the same, the sum is the more exact.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from services.guidance.models.forest_file import Tree
from services.learner.models.imported.float32_cuts import cut_below
from services.learner.models.imported.foreign import Foreign, cannot, unreadable
from services.learner.models.imported.plain_trees import Split, build_tree
from services.learner.models.imported.ubjson import read_ubjson
from services.learner.models.trees import Ensemble

_OBJECTIVES: Final = ("binary:logistic", "reg:logistic")
_BOOSTERS: Final = ("gbtree", "dart")


def read_xgboost(data: bytes, *, place: str) -> Foreign:
    """The trees, and the logit of `base_score`."""
    try:
        content = read_ubjson(data, place=place) if data[:2] in (b"{L", b"{#") else json.loads(data)
        return _model(content["learner"], content.get("version", ()), place=place)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, RecursionError) as fault:
        raise unreadable(
            f"no XGBoost model, or a damaged one ({type(fault).__name__}: {str(fault)[:80]})", place=place
        ) from fault


def _model(learner: Mapping[str, Any], version: Any, *, place: str) -> Foreign:
    booster, parameters = learner["gradient_booster"], learner["learner_model_param"]
    name, objective = booster["name"], learner["objective"]["name"]
    if name not in _BOOSTERS:
        raise cannot(f"its booster is {name}", place=place, remedy="Train with booster `gbtree`")
    if objective not in _OBJECTIVES:
        raise cannot(
            f"its objective is {objective}, whose sum of leaves is no log-odds",
            place=place,
            remedy="Train with objective `binary:logistic`",
        )
    if int(parameters["num_class"]) > 1 or int(parameters.get("num_target", "1")) > 1:
        raise cannot("it tells more than two classes apart", place=place, remedy="Train on an outcome of yes or no")
    # DART keeps the weights of its trees beside them.
    weights = booster.get("weight_drop", ())
    model = booster["gbtree"]["model"] if name == "dart" else booster["model"]
    _must_be_all_that_is_used(learner.get("attributes", {}), model, place=place)
    columns = int(parameters["num_feature"])
    trees = tuple(
        _tree(tree, columns, np.float32(weights[n]) if weights else None, place=f"{place}, tree {n}")
        for n, tree in enumerate(model["trees"])
    )
    return Foreign(
        library=f"XGBoost {'.'.join(str(part) for part in version)}",
        columns=columns,
        names=tuple(str(one) for one in learner.get("feature_names", ())),
        trees=Ensemble(intercept=_margin(parameters["base_score"], place=place), trees=trees),
        exact="the same leaves for every float64 value, rounded to float32 or not, and where it is missing (NaN); the "
        "sum is made in float64 where XGBoost makes it in float32",
        facts={"objective": objective, "booster": name, "trees": len(trees)},
    )


def _must_be_all_that_is_used(attributes: Mapping[str, Any], model: Mapping[str, Any], *, place: str) -> None:
    """After early stopping some callers of XGBoost use all trees and others only the best: a file cannot say which."""
    best, rounds = attributes.get("best_iteration"), len(model.get("iteration_indptr", ())) - 1
    if best is not None and rounds >= 0 and int(best) + 1 != rounds:
        raise cannot(
            f"it was stopped early: the best are its first {int(best) + 1} rounds, and it holds {rounds}",
            place=place,
            remedy=f"Save what is meant: `booster[: {int(best) + 1}].save_model(...)`, without the attribute `best_iteration`",
        )
    if any(model.get("tree_info", ())):
        raise cannot("its trees are of several classes", place=place, remedy="Train on an outcome of yes or no")


def _margin(base_score: Any, *, place: str) -> float:
    """The log-odds of the base score as XGBoost reckons them: odds in float32, their logarithm rounded to it."""
    text = str(base_score).strip("[]")
    base = np.float32(float(text))
    if not 0 < base < 1:
        raise unreadable(f"a base score of {text}", place=place)
    return float(np.float32(-math.log(float(np.float32(1.0) / base - np.float32(1.0)))))


def _tree(tree: Mapping[str, Any], columns: int, weight: np.float32 | None, *, place: str) -> Tree:
    if int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
        raise cannot("a leaf holds several values", place=place, remedy="Train with one target")
    if tree.get("categories_nodes"):
        raise cannot(
            "a tree splits on a set of categories",
            place=place,
            remedy="Give each category a feature of its own, 0 or 1",
        )
    left, right, column = tree["left_children"], tree["right_children"], tree["split_indices"]
    condition, default_left = tree["split_conditions"], tree["default_left"]

    def read(node: int) -> tuple[Split, int, int] | float:
        if not 0 <= node < len(left):
            raise unreadable(f"a child is node {node} of {len(left)}", place=place)
        number = float(np.float32(condition[node]))
        if left[node] == -1:
            return number if weight is None else float(np.float32(number) * weight)
        if not 0 <= column[node] < columns:
            raise unreadable(f"a split asks for column {column[node]} of {columns}", place=place)
        if not math.isfinite(number):
            raise unreadable(f"a threshold is {number}", place=place)
        split = Split(column=column[node], cut=cut_below(number), missing_left=bool(default_left[node]))
        return split, left[node], right[node]

    return build_tree(0, read, place=place)
