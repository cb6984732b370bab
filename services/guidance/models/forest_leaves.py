"""A forest seen from its leaves: for each leaf, the distinct inputs on its path and what they must be.

This is what exact path-dependent TreeSHAP needs: the share of a leaf's value that input j of its path earns is
`value * (o_j - r_j) * ∫ Π_{k≠j} (o_k t + r_k (1 - t)) dt` over t in 0..1, where o says whether the row satisfies the
path's conditions on an input, and r is the share of the training data that does so on the way down. The integrand is a
polynomial in t, so Gauss-Legendre quadrature with half as many nodes as inputs is exact.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.models.explanation import Numbers
from services.guidance.models.forest_file import LEAF, Tree

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """All leaves whose paths ask for the same number of distinct inputs: arrays of [inputs on the path, leaf]."""

    feature: Ints
    above: Numbers
    """The value must not be at or below this; NaN where there is no such condition."""
    up_to: Numbers
    """The value must be at or below this."""
    missing: Flags
    """Whether a missing value satisfies the conditions."""
    ratio: Numbers
    value: Numbers
    nodes: Numbers
    weights: Numbers

    def shares(self, x: Numbers, inputs: int) -> Numbers:
        """What these leaves give to every input, for one row."""
        seen = x[self.feature]
        holds = np.where(np.isnan(seen), self.missing, (seen <= self.up_to) & ~(seen <= self.above))
        t = self.nodes[:, None, None]
        factors = holds * t + self.ratio * (1.0 - t)
        # No factor is 0: every ratio is above 0 and no node of the quadrature stands at 1.
        product = factors.prod(axis=1) * self.weights[:, None]
        integral = (product[:, None, :] / factors).sum(axis=0)
        share = self.value * (holds - self.ratio) * integral
        by_input: Numbers = np.bincount(self.feature.ravel(), weights=share.ravel(), minlength=inputs)  # type: ignore[assignment]
        return by_input


@dataclass(frozen=True, slots=True)
class Condition:
    """What one path asks of one input: `above < x <= up_to`, and whether a missing value passes."""

    above: float = np.nan
    """NaN: there is no lower limit."""
    up_to: float = np.inf
    missing: bool = True
    ratio: float = 1.0
    """Share of the training data that passes on the way down."""


Leaf = tuple[dict[int, Condition], float]
"""The conditions of its path by input, and its value."""


def paths_of(trees: tuple[Tree, ...]) -> tuple[tuple[Paths, ...], float]:
    """The leaves grouped by the number of inputs on their paths, and the mean of all trees over the training data."""
    groups: dict[int, list[Leaf]] = defaultdict(list)
    mean = 0.0
    for tree in trees:
        for conditions, value in leaves_of(tree):
            groups[len(conditions)].append((conditions, value))
            mean += value * float(np.prod([condition.ratio for condition in conditions.values()]))
    return tuple(_paths(depth, groups[depth]) for depth in sorted(groups) if depth), mean


def leaves_of(tree: Tree) -> list[Leaf]:
    """Every leaf with what its path asks of each distinct input."""
    found = []
    waiting: list[tuple[int, dict[int, Condition]]] = [(0, {})]
    while waiting:
        node, conditions = waiting.pop()
        feature = tree.feature[node]
        if feature == LEAF:
            found.append((conditions, tree.value[node]))
            continue
        cut = tree.threshold[node]
        threshold = np.inf if cut is None else cut
        before = conditions.get(feature, Condition())
        for child, is_left in ((tree.left[node], True), (tree.right[node], False)):
            waiting.append(
                (
                    child,
                    conditions
                    | {
                        feature: Condition(
                            # fmax and fmin: a NaN is no condition.
                            above=before.above if is_left else float(np.fmax(before.above, threshold)),
                            up_to=float(np.fmin(before.up_to, threshold)) if is_left else before.up_to,
                            missing=before.missing and tree.missing_left[node] is is_left,
                            ratio=before.ratio * tree.cover[child] / tree.cover[node],
                        )
                    },
                )
            )
    return found


def _paths(depth: int, leaves: list[Leaf]) -> Paths:
    conditions = [list(own.items()) for own, _ in leaves]
    nodes, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
    return Paths(
        feature=np.array([[index for index, _ in own] for own in conditions], dtype=np.int64).T.copy(),
        above=np.array([[one.above for _, one in own] for own in conditions]).T.copy(),
        up_to=np.array([[one.up_to for _, one in own] for own in conditions]).T.copy(),
        missing=np.array([[one.missing for _, one in own] for own in conditions]).T.copy(),
        ratio=np.array([[one.ratio for _, one in own] for own in conditions]).T.copy(),
        value=np.array([value for _, value in leaves]),
        # From -1..1 to 0..1.
        nodes=(nodes + 1.0) / 2.0,
        weights=weights / 2.0,
    )
