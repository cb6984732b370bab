"""The forest at work: risk by walking its trees, and exact TreeSHAP values of one row.

All trees are walked at once, for one row as for many; a row's bits do not depend on its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.guidance.models.explanation import Explanation, Numbers, matrix
from services.guidance.models.forest_file import LEAF, ForestFile
from services.guidance.models.forest_leaves import Paths, paths_of
from services.guidance.models.model_json import read_json, write_json

# Rows times trees that are walked at once: a few arrays of 2 MB stay in the cache.
_CELLS = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """All nodes of all trees, one after the other; a leaf is its own child, so that a walk may go on too long."""

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Numbers
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: Numbers
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Trees whose leaves add up to log-odds."""

    file: ForestFile
    _nodes: _Nodes = field(init=False, repr=False, compare=False)
    _paths: tuple[Paths, ...] = field(init=False, repr=False, compare=False)
    _base: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        paths, mean = paths_of(self.file.trees)
        calibration = self.file.calibration
        for name, value in (
            ("_nodes", _join(self.file)),
            ("_paths", paths),
            ("_base", calibration.intercept + calibration.slope * (self.file.intercept + mean)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read model.json; BadRelease if any part of it is not as it must be."""
        return cls(file=read_json(data, ForestFile))

    def to_json(self) -> bytes:
        """The bytes of model.json: the same model, the same bytes."""
        return write_json(self.file)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns."""
        return self.file.inputs

    @property
    def method(self) -> str:
        """How contributions are reckoned, for the card and the evidence page."""
        return f"path-dependent TreeSHAP, background: {self.file.reference.name}"

    def log_odds(self, X: Numbers) -> Numbers:
        """Log-odds of every row before calibration; NaN is missing."""
        X = matrix(X, self.inputs)
        said = np.empty(len(X))
        step = max(1, _CELLS // max(1, len(self.file.trees)))
        for start in range(0, len(X), step):
            rows = slice(start, start + step)
            said[rows] = self.file.intercept + self._walk(X[rows]).sum(axis=1)
        return said

    def risk(self, X: Numbers) -> Numbers:
        """Calibrated risk of every row."""
        return self.file.calibration.risk(self.log_odds(X))

    def explain(self, x: Numbers) -> Explanation:
        """One row: its risk, and the exact Shapley value of every input (path-dependent conditional expectation)."""
        raw = self.log_odds(x[None, :])
        calibration = self.file.calibration
        shares = np.zeros(len(self.inputs))
        for paths in self._paths:
            shares += paths.shares(x, len(self.inputs))
        return Explanation(
            risk=float(calibration.risk(raw)[0]),
            log_odds=float(calibration.log_odds(raw)[0]),
            base=self._base,
            contributions=tuple((shares * calibration.slope).tolist()),
        )

    def _walk(self, X: Numbers) -> Numbers:
        """The value of the leaf that every row reaches in every tree."""
        nodes = self._nodes
        at = np.repeat(nodes.roots[None, :], len(X), axis=0)
        missing = np.isnan(X)
        rows = np.arange(len(X))[:, None]
        for _ in range(nodes.depth):
            feature = nodes.feature[at]
            goes_left = np.where(
                missing[rows, feature], nodes.missing_left[at], X[rows, feature] <= nodes.threshold[at]
            )
            at = np.where(goes_left, nodes.left[at], nodes.right[at])
        # Rows must lie one after the other, or sums over one row and over many round differently.
        return np.ascontiguousarray(nodes.value[at])


def _join(file: ForestFile) -> _Nodes:
    sizes = [len(tree.feature) for tree in file.trees]
    roots = np.cumsum([0, *sizes], dtype=np.int64)[:-1]
    offset = np.repeat(roots, sizes)
    own = np.arange(sum(sizes), dtype=np.int64)
    feature = np.array([index for tree in file.trees for index in tree.feature], dtype=np.int64)
    leaf = feature == LEAF
    left = np.array([child for tree in file.trees for child in tree.left], dtype=np.int64) + offset
    right = np.array([child for tree in file.trees for child in tree.right], dtype=np.int64) + offset
    return _Nodes(
        roots=roots,
        feature=np.where(leaf, 0, feature),
        threshold=np.array([np.inf if cut is None else cut for tree in file.trees for cut in tree.threshold]),
        left=np.where(leaf, own, left),
        right=np.where(leaf, own, right),
        missing_left=np.array([flag for tree in file.trees for flag in tree.missing_left], dtype=np.bool_),
        value=np.array([value for tree in file.trees for value in tree.value], dtype=np.float64),
        depth=_depth(file),
    )


def _depth(file: ForestFile) -> int:
    deepest = 0
    for tree in file.trees:
        below = [0] * len(tree.feature)
        # Children come after their parent, so one pass from the end knows every height.
        for node in reversed(range(len(tree.feature))):
            if tree.feature[node] != LEAF:
                below[node] = 1 + max(below[tree.left[node]], below[tree.right[node]])
        deepest = max(deepest, below[0])
    return deepest
