"""Cuts for libraries that round every input to float32 before they compare it.

Our cut is chosen among float64 numbers so that `x <= cut` holds for exactly those float64 x whose float32 goes left:
not a single value of a patient changes sides.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

# Where float32 ends, rounding goes on as if there were one more number.
_BEYOND: Final = 2.0**128


def cut_below(threshold: float) -> float:
    """The cut of `float32(x) < threshold` (XGBoost); the threshold is a float32 itself."""
    upper = np.float32(threshold)
    return _between(_next(upper, -np.inf), upper)


def cut_up_to(threshold: float) -> float:
    """The cut of `float32(x) <= threshold` (scikit-learn's trees); the threshold is a float64."""
    with np.errstate(over="ignore"):
        lower = np.float32(threshold)
    if float(lower) > threshold:
        lower = _next(lower, -np.inf)
    return _between(lower, _next(lower, np.inf))


def _next(number: np.float32, towards: float) -> np.float32:
    with np.errstate(over="ignore", under="ignore"):
        return np.float32(np.nextafter(number, np.float32(towards)))


def _between(lower: np.float32, upper: np.float32) -> float:
    """The largest float64 that is rounded to `lower`, of two neighbours."""
    middle = (_wide(lower) + _wide(upper)) / 2  # exact: both have 24 bits
    # Halfway between the two, the one whose last bit is 0 wins.
    goes_down = int(lower.view(np.uint32)) % 2 == 0
    return middle if goes_down else math.nextafter(middle, -math.inf)


def _wide(number: np.float32) -> float:
    value = float(number)
    return value if math.isfinite(value) else math.copysign(_BEYOND, value)
