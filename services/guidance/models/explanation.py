"""What every model shares: the calibration map, the risk, and how one risk came about.

Contributions are in log-odds after calibration: `base` and all contributions add up to `log_odds`.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.guidance.models.model_json import must_be_finite
from services.timeline.errors import BadInput

Numbers = NDArray[np.float64]
OneOrMany = TypeVar("OneOrMany", float, Numbers)


class CalibrationMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A straight line in log-odds: from what the model says to what happens."""

    intercept: float = 0.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        must_be_finite((self.intercept, self.slope), "calibration")
        if self.slope < 0:
            raise ValueError("a negative calibration slope would turn the model upside down")

    def log_odds(self, raw: OneOrMany) -> OneOrMany:
        """Calibrated log-odds."""
        return self.intercept + self.slope * raw

    def risk(self, raw: Numbers) -> Numbers:
        """Calibrated risk, 0 to 1."""
        return sigmoid(self.log_odds(raw))


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """One risk and where it comes from: `base + sum(contributions) == log_odds`, `risk == sigmoid(log_odds)`."""

    risk: float
    log_odds: float
    base: float
    """Log-odds of the reference."""
    contributions: tuple[float, ...]
    """One per input of the model, in its order."""


def matrix(X: Numbers, inputs: tuple[str, ...]) -> Numbers:
    """The rows as the kernels need them: float64, one column for each input."""
    if X.ndim != 2 or X.shape[1] != len(inputs):
        raise _another_shape(X, inputs)
    return np.ascontiguousarray(X, dtype=np.float64)


def plain_row(x: Numbers, inputs: tuple[str, ...]) -> list[float]:
    """One row as plain numbers, one for each input."""
    if x.shape != (len(inputs),):
        raise _another_shape(x, inputs)
    numbers: list[float] = np.asarray(x, dtype=np.float64).tolist()
    return numbers


def _another_shape(given: Numbers, inputs: tuple[str, ...]) -> BadInput:
    return BadInput(
        f"the model reads {len(inputs)} inputs a row, and was given an array of shape {given.shape}",
        remedy="Give it `FeatureMatrix.model_inputs(model.inputs)`",
    )


def sigmoid(log_odds: Numbers) -> Numbers:
    """Log-odds to risk, without overflow at either end."""
    # exp is taken of what is never positive, so it cannot overflow; both branches agree at 0.
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, small) / (1.0 + small)


def sigmoid_of_one(log_odds: float) -> float:
    """The same for one number, to the last bit: the exponential is numpy's, too."""
    small = float(np.exp(-abs(log_odds)))
    return (1.0 if log_odds >= 0 else small) / (1.0 + small)
