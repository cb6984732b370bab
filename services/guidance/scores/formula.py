"""What a formula is, and how a number is held against a cut: exact in decimal arithmetic, the same for one row as for many.

A formula takes one row of numbers per argument (NaN = missing) and gives one number per column, the same bits
whether it is asked for one patient or for a million. A missing input withholds the result, and so does one outside the
range the formula was published for: nothing is imputed, nothing is extrapolated.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from services.timeline.errors import BadInput

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Formula:
    """A score or plain arithmetic: its arguments in order, which of them may be missing, and where it was printed."""

    arguments: tuple[str, ...]
    optional: tuple[str, ...] = ()
    function: Callable[[Numbers], Numbers]
    parts: Callable[[Numbers], Numbers] | None = None
    """Of a sum of points: the points of each argument, in the shape of the inputs; their sum is the score, exactly."""
    one: Callable[[Sequence[float]], float] | None = None
    """The same for one patient in plain Python, to the last bit; none where powers or logarithms must be numpy's own."""
    settled: Callable[[Numbers], Flags] | None = None
    """For each column, whether no optional argument that is missing could change the result if it were known after all;
    None = any of them could."""
    source: str
    published: bool
    """A score with points or a risk that somebody printed; otherwise arithmetic."""
    unit: str
    """UCUM unit of the result; `1` for a risk from 0 to 1."""
    range: tuple[float, float]
    """The least and the most that can come out."""
    units: Mapping[str, str] = field(default_factory=dict)
    """UCUM unit of each argument that is measured or counted. The others are yes (1) or no (0); of `sex`, 1 is female."""
    valid: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Least and greatest value of an argument that the source allows; outside, the result is withheld."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """All arguments in the order of the rows that `function` takes: the required, then the optional ones."""
        return self.arguments + self.optional

    def __call__(self, **given: Numbers | float) -> Numbers:
        """The formula by argument name; what is not given is missing (NaN)."""
        return self.function(self.stacked(**given))

    def stacked(self, **given: Numbers | float) -> Numbers:
        """The rows that `function` and `parts` take, from values by argument name; raises `BadInput` on a name unknown."""
        unknown = set(given) - set(self.inputs)
        if unknown:
            raise BadInput(
                f"The formula has no argument {', '.join(sorted(unknown))}",
                remedy=f"Its arguments are {', '.join(self.inputs)}",
            )
        columns = np.broadcast_arrays(*(np.asarray(given.get(name, np.nan), np.float64) for name in self.inputs))
        return np.stack([np.atleast_1d(column) for column in columns])


def edge(cut: float, decimals: int) -> float:
    """Where a number, rounded half up to some decimals, begins to reach the cut: 11.995 is 12.00, though not in binary.

    The decimals are those that laboratories and monitors report, or more: that removes the noise of binary arithmetic
    (4.0 - 3.7 is below 0.3 there) and moves no reported value.
    """
    return cut - 0.5 / 10.0**decimals - 1e-9


def within(x: Numbers, valid: tuple[float, float], decimals: int) -> Flags:
    """Whether each number, rounded half up to some decimals, is in a range, both ends included. NaN is not."""
    low, high = valid
    inside: Flags = (x >= edge(low, decimals)) & (x < edge(high + 10.0**-decimals, decimals))
    return inside


def yes(x: Numbers) -> Numbers:
    """1 where a yes or a count of one or more stands, 0 where a no does, NaN where nothing is known."""
    return np.where(np.isnan(x), np.nan, x >= edge(1.0, 4))


def female(sex: Numbers) -> Flags:
    """Whether the sex that an equation knows is female (1); anything but 0 and 1 is for `known_sex` to find."""
    flags: Flags = sex == 1.0
    return flags


def known_sex(sex: Numbers) -> Flags:
    """Whether the sex is one that a published equation knows: 1 female, 0 male."""
    flags: Flags = (sex == 1.0) | (sex == 0.0)
    return flags


Band = tuple[int, tuple[float, ...], tuple[float, ...], int]
"""Argument number, cuts, points (`points[i]` from `cuts[i - 1]` on), and the decimals to which it is compared."""


class Points:
    """Points of each argument by the band it is in: as steps, taken all at once. One band for every argument."""

    def __init__(self, *bands: Band) -> None:
        steps = [
            (argument, edge(cut, decimals), points[place + 1] - points[place])
            for argument, cuts, points, decimals in bands
            for place, cut in enumerate(cuts)
        ]
        self._arguments = np.array([argument for argument, _, _ in steps])
        self._edges = np.array([[where] for _, where, _ in steps])
        self._ground = np.array([[points[0]] for _, _, points, _ in sorted(bands)])
        self._heights = np.zeros((len(bands), len(steps)))
        self._heights[self._arguments, np.arange(len(steps))] = [height for _, _, height in steps]
        self._bands = [([edge(cut, decimals) for cut in cuts], points) for _, cuts, points, decimals in sorted(bands)]

    def parts(self, x: Numbers) -> Numbers:
        """The points of each argument of each patient, shape of `x`; NaN where the argument is missing."""
        reached = (x[self._arguments] >= self._edges).astype(np.float64)
        # Whole numbers far below 2**53: any order of summation gives the same bits.
        points: Numbers = self._ground + self._heights @ reached + 0.0 * x
        return points

    def one(self, x: Sequence[float]) -> float:
        """The sum of the points of one patient; NaN if an argument is missing."""
        points = 0.0
        for value, (edges, steps) in zip(x, self._bands, strict=True):
            if not isfinite(value):
                return nan
            points += steps[bisect_right(edges, value)]
        return points


def total(parts: Callable[[Numbers], Numbers]) -> Callable[[Numbers], Numbers]:
    """The sum of the parts, whole numbers all: withheld (NaN) if any of them is."""

    def score(x: Numbers) -> Numbers:
        points: Numbers = parts(x).sum(axis=0)
        return points

    return score


YES: tuple[float, ...] = (1.0,)
"""The one cut of an argument that is yes (1) or no (0)."""
