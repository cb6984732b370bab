"""Trees that ask for at most two inputs on a path, as tables: the sum of all leaves that a cell belongs to.

A tree of a scorecard is a sum of boxes over one or two inputs, so the tables are the trees, exactly. Purifying moves
what a pair table says of one input alone into that input's step function: the sum stays the same, a pair then holds
the interaction and nothing else, and halving it between its inputs gives their Shapley values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.models.explanation import Numbers
from services.guidance.models.forest_file import Tree
from services.guidance.models.forest_leaves import Condition, Leaf, leaves_of
from services.timeline.errors import BadInput


@dataclass(slots=True, kw_only=True)
class Table:
    """Values over the bins of one or two inputs; the last bin of each stands for missing."""

    cuts: tuple[Numbers, ...]
    values: Numbers


@dataclass(slots=True, kw_only=True)
class Tables:
    """A constant, and a table for every input or pair of inputs."""

    constant: float
    steps: dict[int, Table]
    pairs: dict[tuple[int, int], Table]


def tabulate(trees: Iterable[Tree]) -> Tables:
    """The exact tables of trees whose paths ask for at most two inputs."""
    constant = 0.0
    boxes: dict[tuple[int, ...], list[Leaf]] = defaultdict(list)
    for tree in trees:
        for conditions, value in leaves_of(tree):
            if len(conditions) > 2:
                raise BadInput(
                    f"a path asks for {len(conditions)} inputs, and a scorecard has tables for at most two",
                    remedy="Fit with interaction_cst 'pairwise' or 'no_interactions', or compile a forest",
                )
            if conditions:
                boxes[tuple(sorted(conditions))].append((conditions, value))
            else:
                constant += value
    tables = {inputs: _add_up(inputs, leaves) for inputs, leaves in sorted(boxes.items())}
    return Tables(
        constant=constant,
        steps={inputs[0]: table for inputs, table in tables.items() if len(inputs) == 1},
        pairs={(inputs[0], inputs[1]): table for inputs, table in tables.items() if len(inputs) == 2},
    )


def purify(tables: Tables, X: Numbers) -> Tables:
    """The same sum with every table around 0: averaged over the rows, a pair says nothing of either input alone."""
    constant = tables.constant
    mains: dict[int, list[Table]] = defaultdict(list)
    for index, table in tables.steps.items():
        mains[index].append(table)
    pairs = {}
    for (first, second), table in tables.pairs.items():
        by_row = shares(X[:, first], table.cuts[0])
        by_column = shares(X[:, second], table.cuts[1])
        of_first = table.values @ by_column
        of_second = by_row @ table.values
        mean = float(by_row @ of_first)
        pairs[first, second] = Table(
            cuts=table.cuts, values=table.values - of_first[:, None] - of_second[None, :] + mean
        )
        mains[first].append(Table(cuts=table.cuts[:1], values=of_first - mean))
        mains[second].append(Table(cuts=table.cuts[1:], values=of_second - mean))
        constant += mean
    steps = {}
    for index in sorted(mains):
        step = _join(mains[index])
        mean = float(shares(X[:, index], step.cuts[0]) @ step.values)
        steps[index] = Table(cuts=step.cuts, values=step.values - mean)
        constant += mean
    return Tables(constant=constant, steps=steps, pairs=pairs)


def shares(column: Numbers, cuts: Numbers) -> Numbers:
    """The share of the rows in every bin, missing last."""
    bins = np.where(np.isnan(column), len(cuts) + 1, np.searchsorted(cuts, column))
    return np.bincount(bins, minlength=len(cuts) + 2) / max(len(column), 1)


def _add_up(inputs: tuple[int, ...], leaves: list[Leaf]) -> Table:
    cuts = tuple(_cuts(conditions[index] for conditions, _ in leaves) for index in inputs)
    values = np.zeros([len(own) + 2 for own in cuts])
    for conditions, value in leaves:
        inside = [_bins(conditions[index], own) for index, own in zip(inputs, cuts, strict=True)]
        values[np.ix_(*inside)] += value
    return Table(cuts=cuts, values=values)


def _cuts(conditions: Iterable[Condition]) -> Numbers:
    found = np.array([limit for one in conditions for limit in (one.above, one.up_to)])
    return np.unique(found[np.isfinite(found)])


def _bins(condition: Condition, cuts: Numbers) -> NDArray[np.bool_]:
    """Which bins, missing last, satisfy the condition."""
    # A bin holds what is above the cut before it, up to its own cut; the last holds what is above all cuts.
    own = np.append(cuts, np.inf)
    above = np.isnan(condition.above) | (own > condition.above)
    return np.append(above & (own <= condition.up_to), condition.missing)


def _join(tables: list[Table]) -> Table:
    """The sum of step functions of one input, over the union of their cuts."""
    cuts = np.unique(np.concatenate([table.cuts[0] for table in tables]))
    values = np.zeros(len(cuts) + 2)
    for table in tables:
        places = np.searchsorted(table.cuts[0], np.append(cuts, np.inf))
        values += table.values[np.append(places, len(table.cuts[0]) + 1)]
    return Table(cuts=(cuts,), values=values)
