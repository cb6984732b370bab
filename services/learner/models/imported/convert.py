"""A foreign model as a scorecard or a forest over the guidance's features, by name; what does not fit is refused.

Depth-limited sums (one or two inputs on every path) become scorecards that a committee can read, others forests.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from services.guidance.definition import Feature
from services.guidance.models.explanation import Numbers
from services.guidance.models.forest import Forest
from services.guidance.models.forest_file import LEAF
from services.guidance.models.forest_leaves import leaves_of
from services.guidance.models.scorecard import Scorecard
from services.guidance.models.scorecard_file import Linear, Reference, ScorecardFile
from services.learner.models.compile import against, compile_forest, compile_scorecard
from services.learner.models.imported.foreign import CannotConvert, Foreign, cannot
from services.learner.models.imported.plain_trees import counted
from services.learner.models.monotone import turns_against
from services.learner.models.trees import Ensemble

# Cells of all tables together: beyond them nobody reads a scorecard, and its file outgrows the forest's.
_MOST_CELLS: Final = 200_000
_TOLERATED: Final = 1e-9
"""Difference in risk from what the library itself says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The features that the columns of a model are, and which of them it asks for."""

    columns: tuple[str, ...]
    used: tuple[int, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that are asked for, in the order of the columns."""
        return tuple(self.columns[index] for index in self.used)


def match_names(foreign: Foreign, features: Mapping[str, Feature], *, named: Sequence[str] = (), place: str) -> Names:
    """Columns by name; a column that the model never asks for may be called anything."""
    columns = tuple(named) or foreign.names
    if not columns:
        raise CannotConvert(
            f"it does not say what its {foreign.columns} columns are",
            place=place,
            remedy="Name the features in their order: --inputs age,male,creatinine",
        )
    if len(columns) != foreign.columns or len(set(columns)) != len(columns):
        raise CannotConvert(
            f"{len(set(columns))} names for {foreign.columns} columns", place=place, remedy="Name each column once"
        )
    used = sorted(_used(foreign))
    for name in (columns[index] for index in used):
        if name not in features:
            near = difflib.get_close_matches(name, features, n=1)
            raise CannotConvert(
                f"it reads {name!r}, which is no feature of the guidance",
                place=place,
                remedy=f"Did you mean {near[0]}? Name the columns with --inputs" if near else "Add it to guidance.yaml",
            )
        if features[name].use != "model":
            raise CannotConvert(
                f"it reads {name!r}, which the guidance keeps from models (`use: {features[name].use}`)",
                place=place,
                remedy="Train without it, or let the guidance say `use: model`",
            )
    if not used:
        raise CannotConvert("it reads nothing: everyone has the same risk", place=place, remedy="Train it on more data")
    return Names(columns=columns, used=tuple(used))


def convert(foreign: Foreign, names: Names, X: Numbers, *, reference: str, place: str) -> Scorecard | Forest:
    """The model over its inputs; `X` are the rows that explanations compare with, one column for each input."""
    place_of = {column: index for index, column in enumerate(names.used)}
    if foreign.trees is None:
        return against(
            ScorecardFile(
                inputs=names.inputs,
                intercept=foreign.intercept,
                linear=tuple(
                    Linear(input=place_of[term.column], coefficient=term.coefficient, missing=term.missing)
                    for term in foreign.linear
                    if term.column in place_of
                ),
                calibration=foreign.calibration,
                reference=Reference(name=reference, linear=(0.0,) * len(names.used)),
            ),
            X,
        )
    trees = Ensemble(
        intercept=foreign.trees.intercept,
        trees=tuple(
            msgspec.structs.replace(tree, feature=tuple(one if one == LEAF else place_of[one] for one in tree.feature))
            for tree in foreign.trees.trees
        ),
    )
    if _cells(trees) <= _MOST_CELLS:
        return compile_scorecard(
            trees, inputs=names.inputs, rows=X, reference=reference, calibration=foreign.calibration
        )
    return compile_forest(
        Ensemble(intercept=trees.intercept, trees=tuple(counted(tree, X) for tree in trees.trees)),
        inputs=names.inputs,
        reference=reference,
        calibration=foreign.calibration,
    )


def must_be_the_same(
    foreign: Foreign, names: Names, model: Scorecard | Forest, X: Numbers, *, place: str
) -> float | None:
    """The largest difference from the library's own risk over these rows; None where the library is not asked."""
    if foreign.own_risk is None:
        return None
    everything = np.full((len(X), foreign.columns), np.nan)
    everything[:, names.used] = X
    difference = float(np.abs(foreign.own_risk(everything) - model.risk(X)).max(initial=0.0))
    if not difference <= _TOLERATED:
        raise cannot(
            f"over {len(X):,} rows the risks differ by up to {difference:.3g} from what the library itself says",
            place=place,
            remedy="Save it with the version of the library that is installed here",
        )
    return difference


def must_keep_directions(model: Scorecard | Forest, features: Mapping[str, Feature], X: Numbers, *, place: str) -> None:
    """CannotConvert if the risk turns against a direction that the guidance declares."""
    directions = {name: features[name].direction for name in model.inputs}
    if turned := turns_against(model, directions, X):
        signs = ", ".join(f"{name} {directions[name]:+d}" for name in turned)
        raise CannotConvert(
            f"its risk turns against a direction that the guidance declares ({signs})",
            place=place,
            remedy="Train it with monotone constraints, or take `direction` out of the guidance",
        )


def _used(foreign: Foreign) -> set[int]:
    if foreign.trees is None:
        return {term.column for term in foreign.linear if term.coefficient != 0 or term.missing != 0}
    return {feature for tree in foreign.trees.trees for feature in tree.feature if feature != LEAF}


def _cells(ensemble: Ensemble) -> float:
    """Cells of the tables that these trees would be; infinite if a path asks for more than two inputs."""
    cuts: dict[tuple[int, ...], list[set[float]]] = {}
    for tree in ensemble.trees:
        for conditions, _ in leaves_of(tree):
            if len(conditions) > 2:
                return np.inf
            asked = tuple(sorted(conditions))
            own = cuts.setdefault(asked, [set() for _ in asked])
            for index, feature in enumerate(asked):
                own[index] |= {conditions[feature].above, conditions[feature].up_to}
    return float(sum(np.prod([len(one) + 2 for one in own]) for own in cuts.values()))
