"""The scorecard as it is written: linear terms, step functions, pair tables, calibration, reference.

Whatever a committee may look at stands here as plain numbers; a malformed part is a fault when it is read.
A bin is the number of cuts below the value, so `x <= cut` goes left, as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import msgspec

from services.guidance.models.explanation import CalibrationMap
from services.guidance.models.model_json import Index, must_be_cuts, must_be_finite, must_be_known, must_be_names


class Linear(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`coefficient * value`; `missing` where there is no value (an infinite one counts as none)."""

    input: Index
    coefficient: float
    missing: float

    def __post_init__(self) -> None:
        must_be_finite((self.coefficient, self.missing), "linear")


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step function of one input: one value between every two cuts, and one for missing."""

    input: Index
    cuts: tuple[float, ...]
    values: tuple[float, ...]
    missing: float

    def __post_init__(self) -> None:
        must_be_cuts(self.cuts)
        must_be_finite((*self.values, self.missing), "steps")
        if len(self.values) != len(self.cuts) + 1:
            raise ValueError(
                f"{len(self.cuts)} cuts need {len(self.cuts) + 1} `values`, and there are {len(self.values)}"
            )


class Pair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table over two inputs; the last row and the last column stand for missing."""

    inputs: tuple[Index, Index]
    cuts: tuple[tuple[float, ...], tuple[float, ...]]
    values: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if self.inputs[0] >= self.inputs[1]:
            raise ValueError("a pair names two different inputs, the lower first")
        rows, columns = (len(cuts) + 2 for cuts in self.cuts)
        for cuts in self.cuts:
            must_be_cuts(cuts)
        if len(self.values) != rows or any(len(row) != columns for row in self.values):
            raise ValueError(f"the cuts of this pair need a table of {rows} rows and {columns} columns")
        for row in self.values:
            must_be_finite(row, "pairs")


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a patient is compared with: the mean of every term over the reference population."""

    name: str
    linear: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    pairs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        must_be_finite((*self.linear, *self.steps, *self.pairs), "reference")


class ScorecardFile(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="scorecard"
):
    """The whole of a scorecard's model.json."""

    inputs: tuple[str, ...]
    intercept: float
    linear: tuple[Linear, ...] = ()
    steps: tuple[Step, ...] = ()
    pairs: tuple[Pair, ...] = ()
    calibration: CalibrationMap = CalibrationMap()
    reference: Reference

    def __post_init__(self) -> None:
        must_be_names(self.inputs)
        must_be_finite((self.intercept,), "intercept")
        for what, used in (
            ("linear", [term.input for term in self.linear]),
            ("steps", [term.input for term in self.steps]),
            ("pairs", [index for pair in self.pairs for index in pair.inputs]),
        ):
            for index in used:
                must_be_known(index, self.inputs, what)
        _each_once("linear", (term.input for term in self.linear))
        _each_once("steps", (term.input for term in self.steps))
        _each_once("pairs", (term.inputs for term in self.pairs))
        for what, terms, means in (
            ("linear", len(self.linear), len(self.reference.linear)),
            ("steps", len(self.steps), len(self.reference.steps)),
            ("pairs", len(self.pairs), len(self.reference.pairs)),
        ):
            if terms != means:
                raise ValueError(f"the reference has {means} means for {terms} terms in `{what}`")


def _each_once(what: str, named: Iterable[Hashable]) -> None:
    seen = list(named)
    if len(set(seen)) != len(seen):
        raise ValueError(f"`{what}` has two terms for the same input")
