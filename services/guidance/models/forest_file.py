"""The forest as it is written: flat arrays for each tree, calibration, reference.

Node 0 is the root and children come after their parent, each once: that is proven when the file is read, so a walk
always ends. A split sends `x <= threshold` to the left, as scikit-learn does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from services.guidance.models.explanation import CalibrationMap
from services.guidance.models.model_json import must_be_finite, must_be_known, must_be_names

LEAF = -1
"""In `feature`, `left` and `right`: this node is a leaf."""
# Counts add up exactly; covers of other libraries (sums of hessians) do so to rounding.
_COVER_TOLERANCE = 1e-6


class Tree(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tree; every list has one entry for each node."""

    feature: tuple[int, ...]
    """Place of the input that a split asks for; -1 at a leaf."""
    threshold: tuple[float | None, ...]
    """Null at a leaf, and at a split that only asks whether the value is there: then all values go left."""
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[bool, ...]
    value: tuple[float, ...]
    """What a leaf adds to the log-odds; 0 at a split."""
    cover: tuple[float, ...]
    """How much of the training data came by."""

    def __post_init__(self) -> None:
        lists: tuple[Sequence[object], ...] = (
            self.threshold, self.left, self.right, self.missing_left, self.value, self.cover,
        )  # fmt: skip
        if not self.feature or any(len(one) != len(self.feature) for one in lists):
            raise ValueError("the lists of a tree must have one entry for each node, and there must be a node")
        must_be_finite(self.value, "value")
        must_be_finite(self.cover, "cover")
        must_be_finite((cut for cut in self.threshold if cut is not None), "threshold")
        if min(self.cover) <= 0:
            raise ValueError("`cover` must be above 0")
        reached = [0]
        for node, feature in enumerate(self.feature):
            children = (self.left[node], self.right[node])
            if feature == LEAF:
                if children != (LEAF, LEAF) or self.threshold[node] is not None:
                    raise ValueError(f"node {node} is a leaf, and has children or a threshold")
                continue
            if feature < 0:
                raise ValueError(f"node {node} asks for input {feature}")
            if min(children) <= node or max(children) >= len(self.feature):
                raise ValueError(f"node {node} has a child that does not come after it: the walk would not end")
            if self.value[node] != 0:
                raise ValueError(f"node {node} is a split, and has a value")
            below = sum(self.cover[child] for child in children)
            if not math.isclose(below, self.cover[node], rel_tol=_COVER_TOLERANCE):
                raise ValueError(f"the covers of the children of node {node} do not add up to its own")
            reached += children
        if sorted(reached) != list(range(len(self.feature))):
            raise ValueError("every node but the root must have exactly one parent")


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a patient is compared with: the rows that `cover` counts."""

    name: str


class ForestFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="forest"):
    """The whole of a forest's model.json."""

    inputs: tuple[str, ...]
    intercept: float
    trees: tuple[Tree, ...]
    calibration: CalibrationMap = CalibrationMap()
    reference: Reference

    def __post_init__(self) -> None:
        must_be_names(self.inputs)
        must_be_finite((self.intercept,), "intercept")
        for tree in self.trees:
            must_be_known(max(tree.feature), self.inputs, "trees")

    @property
    def leaves(self) -> int:
        """Leaves in all trees together."""
        return sum(feature == LEAF for tree in self.trees for feature in tree.feature)
