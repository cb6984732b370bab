"""What every reader makes of a file: a sum in log-odds over columns that may have names. What is no such sum is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.guidance.models.explanation import CalibrationMap, Numbers
from services.learner.models.trees import Ensemble
from services.timeline.errors import BadInput

NO_CHANGE = CalibrationMap()


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """`coefficient * value` of a column; `missing` where there is no value."""

    column: int
    coefficient: float
    missing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A model from elsewhere: trees, or linear terms, over its columns."""

    library: str
    """As a person would name it: `LightGBM`, `XGBoost 3.2.0`, `scikit-learn GradientBoostingClassifier`."""
    columns: int
    names: tuple[str, ...] = ()
    """Of the columns in their order; empty where the file names none."""
    trees: Ensemble | None = None
    intercept: float = 0.0
    """Of the linear terms."""
    linear: tuple[Term, ...] = ()
    calibration: CalibrationMap = NO_CHANGE
    exact: str = "every sum is made of the same leaves, in float64"
    """In which sense the conversion is exact; it stands in the evidence."""
    own_risk: Callable[[Numbers], Numbers] | None = None
    """What the library itself says of rows, where it is there to be asked."""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


class CannotConvert(BadInput):
    """This model will never be one of ours as it is, whatever the data."""


def cannot(why: str, *, remedy: str, place: str = "") -> CannotConvert:
    """The error for a model that has no exact form here."""
    return CannotConvert(f"the model cannot be converted exactly: {why}", place=place, remedy=remedy)


def unreadable(what: str, *, place: str = "") -> CannotConvert:
    """The error for a file that is not what its first bytes promise."""
    return CannotConvert(what, place=place, remedy="Save the model again with the library that trained it")
