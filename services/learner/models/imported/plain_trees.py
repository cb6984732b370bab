"""Trees of other libraries, node by node, as our own: children after their parent, each once, and counted by our rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.guidance.models.explanation import Numbers
from services.guidance.models.forest_file import LEAF, Tree
from services.learner.models.imported.foreign import unreadable

Node = TypeVar("Node", bound=Hashable)
# A leaf that none of our rows reaches: nearly nobody, but a share of nothing would be no share.
_NEARLY_NOBODY = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`value <= cut` goes to the left; without a cut every value does."""

    column: int
    cut: float | None
    missing_left: bool


def build_tree(root: Node, read: Callable[[Node], tuple[Split, Node, Node] | float], *, place: str) -> Tree:
    """Walk a foreign tree from its root; `read` says of a node its split and children, or the value of a leaf."""
    splits: list[Split | float] = []
    children: list[tuple[int, int]] = []
    seen: set[Node] = set()
    waiting: list[tuple[Node, int, bool]] = [(root, -1, False)]
    while waiting:
        node, parent, is_right = waiting.pop()
        if node in seen:
            raise unreadable("a node of a tree has two parents", place=place)
        seen.add(node)
        own = len(splits)
        if parent >= 0:
            left, right = children[parent]
            children[parent] = (left, own) if is_right else (own, right)
        found = read(node)
        children.append((LEAF, LEAF))
        if isinstance(found, tuple):
            split, left_node, right_node = found
            splits.append(split)
            waiting += [(right_node, own, True), (left_node, own, False)]
        else:
            splits.append(found)
    count = [1.0] * len(splits)
    for own in reversed(range(len(splits))):
        if children[own] != (LEAF, LEAF):
            count[own] = sum(count[child] for child in children[own])
    return Tree(
        feature=tuple(one.column if isinstance(one, Split) else LEAF for one in splits),
        threshold=tuple(one.cut if isinstance(one, Split) else None for one in splits),
        left=tuple(left for left, _ in children),
        right=tuple(right for _, right in children),
        missing_left=tuple(isinstance(one, Split) and one.missing_left for one in splits),
        value=tuple(0.0 if isinstance(one, Split) else float(one) for one in splits),
        cover=tuple(count),
    )


def counted(tree: Tree, rows: Numbers) -> Tree:
    """The same tree with `cover` counted over these rows: the people whom its explanations compare with."""
    leaf = _leaves(tree, rows)
    cover = np.bincount(leaf, minlength=len(tree.feature)).astype(np.float64)
    for node in reversed(range(len(tree.feature))):
        if tree.feature[node] == LEAF:
            cover[node] = max(cover[node], _NEARLY_NOBODY)
        else:
            cover[node] = cover[tree.left[node]] + cover[tree.right[node]]
    return msgspec.structs.replace(tree, cover=tuple(cover.tolist()))


def _leaves(tree: Tree, rows: Numbers) -> NDArray[np.int64]:
    """The node at which every row ends."""
    feature, left, right = (np.array(part, dtype=np.int64) for part in (tree.feature, tree.left, tree.right))
    cut = np.array([np.inf if one is None else one for one in tree.threshold])
    missing_left = np.array(tree.missing_left, dtype=np.bool_)
    at = np.zeros(len(rows), dtype=np.int64)
    open_rows = np.arange(len(rows)) if feature[0] != LEAF else np.empty(0, dtype=np.int64)
    while len(open_rows):
        here = at[open_rows]
        value = rows[open_rows, feature[here]]
        goes_left = np.where(np.isnan(value), missing_left[here], value <= cut[here])
        at[open_rows] = np.where(goes_left, left[here], right[here])
        open_rows = open_rows[feature[at[open_rows]] != LEAF]
    return at
