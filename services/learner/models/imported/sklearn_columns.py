"""What a scikit-learn pipeline makes of each input before the model: filled, shifted, scaled, or only whether it is missing.

Every column that reaches the model is a straight line of one input, and one number where the input is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from services.guidance.models.explanation import Numbers
from services.learner.models.imported.foreign import cannot


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`slope * input + shift`, or `missing` (NaN: still missing). A slope of 0 only tells whether the input is there."""

    source: int
    slope: float = 1.0
    shift: float = 0.0
    missing: float = math.nan

    def scaled(self, factor: float, shift: float) -> Column:
        """After `factor * value + shift`."""
        return replace(
            self,
            slope=self.slope * factor,
            shift=self.shift * factor + shift,
            missing=self.missing * factor + shift,
        )

    @property
    def untouched(self) -> bool:
        """Whether a value is what it was."""
        return self.slope == 1.0 and self.shift == 0.0


def columns_after(step: Any, before: list[Column], *, place: str) -> list[Column]:
    """The columns after one step of a pipeline."""
    if step is None or step == "passthrough":
        return before
    match type(step).__name__:
        case "SimpleImputer":
            return _imputed(step, before, place=place)
        case "StandardScaler":
            scale = np.ones(len(before)) if step.scale_ is None else step.scale_
            mean = np.zeros(len(before)) if step.mean_ is None or not step.with_mean else step.mean_
            return _scaled(before, 1 / scale, -mean / scale)
        case "RobustScaler":
            scale = np.ones(len(before)) if step.scale_ is None else step.scale_
            centre = np.zeros(len(before)) if step.center_ is None else step.center_
            return _scaled(before, 1 / scale, -centre / scale)
        case "MaxAbsScaler":
            return _scaled(before, 1 / step.scale_, np.zeros(len(before)))
        case "MinMaxScaler":
            if step.clip:
                raise cannot("MinMaxScaler clips", place=place, remedy="Leave out `clip`")
            return _scaled(before, step.scale_, step.min_)
        case kind:
            raise cannot(
                f"a pipeline with {kind} before the model",
                place=place,
                remedy="Use SimpleImputer, StandardScaler, RobustScaler, MinMaxScaler or MaxAbsScaler, or none of them",
            )


def _scaled(before: list[Column], factor: Numbers, shift: Numbers) -> list[Column]:
    return [column.scaled(float(f), float(s)) for column, f, s in zip(before, factor, shift, strict=True)]


def _imputed(step: Any, before: list[Column], *, place: str) -> list[Column]:
    if not (isinstance(step.missing_values, float) and math.isnan(step.missing_values)):
        raise cannot("SimpleImputer takes another value than NaN for missing", place=place, remedy="Impute NaN")
    fills = [float(one) for one in step.statistics_]
    after = []
    for column, fill in zip(before, fills, strict=True):
        if math.isnan(fill):
            # Never known in training: dropped, or kept as 0.
            if not step.keep_empty_features:
                continue
            fill = 0.0
        after.append(replace(column, missing=fill) if math.isnan(column.missing) else column)
    if step.indicator_ is not None:
        for place_before in step.indicator_.features_:
            source = before[int(place_before)]
            # Filled by an earlier step: then it is never seen to be missing.
            seen = math.isnan(source.missing)
            after.append(Column(source=source.source, slope=0.0, missing=1.0 if seen else 0.0))
    return after
