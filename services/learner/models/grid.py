"""The cuts that a model may use: few, by quantiles, and at plain numbers between two values that were seen.

A grid keeps pair tables small, gives every bag the same cuts, and lets a committee read `urea > 45`. A cut never stands
on a value that was seen: a value that differs in its last bit after a conversion of units stays on its side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from services.guidance.models.explanation import Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Per input, its cuts. A code is the number of cuts below the value; NaN stays NaN."""

    cuts: tuple[Numbers, ...]

    @classmethod
    def of(cls, X: Numbers, *, bins: int) -> Self:
        """At most `bins` codes for every input: all values if they are few, quantiles of the rows if not."""
        return cls(cuts=tuple(_cuts(column, bins) for column in X.T))

    def codes(self, X: Numbers) -> Numbers:
        """The code of every value."""
        codes = np.empty(X.shape)
        for index, cuts in enumerate(self.cuts):
            codes[:, index] = np.searchsorted(cuts, X[:, index])
        return np.where(np.isnan(X), np.nan, codes)

    def cut(self, index: int, code: float) -> float | None:
        """The cut such that `x <= cut` says the same as `code(x) <= code`; None if every value passes."""
        place = math.floor(code)
        return float(self.cuts[index][place]) if place < len(self.cuts[index]) else None


def _cuts(column: Numbers, bins: int) -> Numbers:
    seen = np.sort(column[~np.isnan(column)])
    values = np.unique(seen)
    if len(values) > bins:
        at = np.ceil(np.arange(1, bins) * len(seen) / bins).astype(np.int64) - 1
        lower = np.unique(np.searchsorted(values, seen[at]))
    else:
        lower = np.arange(len(values))
    return np.array([plain_between(float(values[k]), float(values[k + 1])) for k in lower if k + 1 < len(values)])


def plain_between(low: float, high: float) -> float:
    """A number with few digits, strictly between the two if there is one, and near their middle."""
    middle = low + (high - low) / 2
    if not math.isfinite(middle):
        return 0.0 if low < 0 < high else low
    for digits in range(-max(0, math.floor(math.log10(max(abs(middle), 1.0)))), 17):
        plain = round(middle, digits)
        if low < plain < high:
            return plain
    # Neighbouring floats have nothing between them: the lower one still parts them.
    return low
