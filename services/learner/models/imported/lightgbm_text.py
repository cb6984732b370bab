"""A LightGBM model in its own text form (`save_model`, `model_to_string`), read without LightGBM.

Its decisions are in float64 as ours are. What it does with a missing value is one of three modes, by split: as 0, as
missing, or (`zero_as_missing`) 0 as missing, too; the last is converted where it changes nothing, and refused elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from services.guidance.models.forest_file import Tree
from services.learner.models.imported.foreign import Foreign, cannot, unreadable
from services.learner.models.imported.plain_trees import Split, build_tree
from services.learner.models.trees import Ensemble

MAGIC: Final = b"tree\n"
# LightGBM takes what is no further from 0 for 0: the float 1e-35f, as a double.
ZERO: Final = float(np.float32(1e-35))
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_AS_ZERO, _ZERO_TOO = 0, 1  # and 2: as missing
_OBJECTIVES: Final = ("binary", "cross_entropy")


def read_lightgbm(data: bytes, *, place: str) -> Foreign:
    """The trees, scaled to log-odds."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise unreadable("the LightGBM file is not UTF-8", place=place) from fault
    body, end, _ = text.partition("\nend of trees")
    if not end:
        raise unreadable("the LightGBM file is cut off: it has no `end of trees`", place=place)
    head, *blocks = body.split("\nTree=")
    header = _fields(head)
    try:
        scale = _scale(header, place=place)
        names = tuple(header.get("feature_names", "").split(" ")) if header.get("feature_names") else ()
        columns = int(header["max_feature_idx"]) + 1
        trees = tuple(
            _tree(_fields(block), columns, scale, place=f"{place}, tree {n}") for n, block in enumerate(blocks)
        )
    except (KeyError, ValueError, IndexError) as fault:
        raise unreadable(f"the LightGBM file is damaged ({type(fault).__name__}: {fault})", place=place) from fault
    if names and len(names) != columns:
        raise unreadable(f"{len(names)} feature names for {columns} columns", place=place)
    return Foreign(
        library=f"LightGBM (text {header.get('version', 'of no version')})",
        columns=columns,
        names=names,
        trees=Ensemble(intercept=0.0, trees=trees),
        exact="the same leaves for every value, missing or not; their sum is made in float64 as LightGBM makes it",
        facts={"objective": header["objective"], "trees": len(trees)},
    )


def _scale(header: Mapping[str, str], *, place: str) -> float:
    """By what leaves are multiplied to be log-odds."""
    objective, *options = header.get("objective", "none").split(" ")
    if objective not in _OBJECTIVES:
        raise cannot(
            f"its objective is {objective}, whose sum of leaves is no log-odds",
            place=place,
            remedy="Train with objective `binary` or `cross_entropy`",
        )
    if header.get("num_class", "1") != "1" or header.get("num_tree_per_iteration", "1") != "1":
        raise cannot("it tells more than two classes apart", place=place, remedy="Train on an outcome of yes or no")
    if "average_output" in header:
        raise cannot(
            "its trees are averaged (boosting `rf`)", place=place, remedy="Train with boosting `gbdt`, `goss` or `dart`"
        )
    return next((float(one.removeprefix("sigmoid:")) for one in options if one.startswith("sigmoid:")), 1.0)


def _tree(fields: Mapping[str, str], columns: int, scale: float, *, place: str) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise cannot("its leaves are linear models", place=place, remedy="Train without `linear_tree`")
    value = [float(one) * scale for one in fields["leaf_value"].split()]
    if int(fields["num_leaves"]) == 1:
        return build_tree(0, lambda _: value[0], place=place)
    column = [int(one) for one in fields["split_feature"].split()]
    threshold = [float(one) for one in fields["threshold"].split()]
    decision = [int(one) for one in fields["decision_type"].split()]
    left = [int(one) for one in fields["left_child"].split()]
    right = [int(one) for one in fields["right_child"].split()]

    def read(node: int) -> tuple[Split, int, int] | float:
        if node < 0:  # ~leaf
            return value[-node - 1]
        if not 0 <= column[node] < columns:
            raise unreadable(f"a split asks for column {column[node]} of {columns}", place=place)
        return _split(column[node], threshold[node], decision[node], place=place), left[node], right[node]

    return build_tree(0, read, place=place)


def _split(column: int, threshold: float, decision: int, *, place: str) -> Split:
    if decision & _CATEGORICAL:
        raise cannot(
            "a tree splits on a set of categories",
            place=place,
            remedy="Give each category a feature of its own, 0 or 1",
        )
    if math.isnan(threshold) or threshold == -math.inf:
        raise unreadable(f"a threshold is {threshold}", place=place)
    mode, default_left = decision >> 2 & 3, bool(decision & _DEFAULT_LEFT)
    zero_left, cut = threshold >= 0, _beside_zero(threshold)
    if mode == _AS_ZERO:
        return Split(column=column, cut=cut, missing_left=zero_left)
    if mode == _ZERO_TOO and default_left is not zero_left:
        raise cannot(
            "it takes 0 for missing (`zero_as_missing`), and sends it to the other side than its neighbours",
            place=place,
            remedy="Train with `zero_as_missing=false`, and NaN where a value is missing",
        )
    return Split(column=column, cut=cut, missing_left=default_left)


def _beside_zero(threshold: float) -> float | None:
    """The cut that also does as LightGBM does with what it takes for 0; None where every value passes."""
    if abs(threshold) > ZERO:
        return None if threshold == math.inf else threshold
    return ZERO if threshold >= 0 else math.nextafter(-ZERO, -math.inf)


def _fields(block: str) -> dict[str, str]:
    """`name=value` lines; a word alone (`average_output`) is a field without a value."""
    found = {}
    for line in block.splitlines():
        name, _, value = line.partition("=")
        if name:
            found[name] = value.strip()
    return found
