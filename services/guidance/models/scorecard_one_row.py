"""The terms of a scorecard for one row, in plain Python: what the look-up of many rows gives, to the last bit.

At the bedside a score has some dozens of terms, and the fixed cost of numpy's calls would be nearly all of the work.
A term is read here as the file states it, by bisection in its own cuts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Self

from services.guidance.models.scorecard_file import ScorecardFile

Cuts = tuple[float, ...]
Values = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRowTerms:
    """The terms as plain numbers, and whose each is. Pairs come last, as in the file."""

    inputs: int
    linear: tuple[tuple[int, float, float], ...]
    """Input, coefficient, value where there is none."""
    steps: tuple[tuple[int, Cuts, Values, float], ...]
    """Input, cuts, values, value where there is none."""
    pairs: tuple[tuple[int, int, Cuts, Cuts, tuple[Values, ...]], ...]
    """Two inputs, the cuts of each, the table."""
    singles: tuple[tuple[int, float], ...]
    """Input and mean of each term of one input."""
    shared: tuple[tuple[int, int, float], ...]
    """The two inputs and the mean of each pair."""

    @classmethod
    def of(cls, file: ScorecardFile) -> Self:
        """Those of a scorecard."""
        means, reference = (*file.reference.linear, *file.reference.steps), file.reference.pairs
        owners = [*(term.input for term in file.linear), *(step.input for step in file.steps)]
        return cls(
            inputs=len(file.inputs),
            linear=tuple((term.input, term.coefficient, term.missing) for term in file.linear),
            steps=tuple((step.input, step.cuts, step.values, step.missing) for step in file.steps),
            pairs=tuple((*pair.inputs, *pair.cuts, pair.values) for pair in file.pairs),
            singles=tuple(zip(owners, means, strict=True)),
            shared=tuple((*pair.inputs, mean) for pair, mean in zip(file.pairs, reference, strict=True)),
        )

    def terms(self, x: Sequence[float]) -> list[float]:
        """The value of every term: linear, steps, pairs, each in the order of the file. NaN is missing."""
        terms = [
            coefficient * x[place] if isfinite(x[place]) else missing for place, coefficient, missing in self.linear
        ]
        for place, cuts, values, missing in self.steps:
            value = x[place]
            terms.append(values[bisect_left(cuts, value)] if value == value else missing)
        for first, second, rows, columns, table in self.pairs:
            terms.append(table[_bin(rows, x[first])][_bin(columns, x[second])])
        return terms

    def shares(self, terms: Sequence[float], slope: float) -> list[float]:
        """What every input adds to the calibrated log-odds of the reference; half of a pair is each one's.

        Float64, from 0.0: linear terms and steps, then the first inputs of the pairs, then the second ones.
        """
        shares = [0.0] * self.inputs
        for (place, mean), term in zip(self.singles, terms, strict=False):
            shares[place] += (term - mean) * slope
        if self.shared:
            pairs = zip(self.shared, terms[len(self.singles) :], strict=True)
            halves = [(first, second, (term - mean) * slope * 0.5) for (first, second, mean), term in pairs]
            for first, _, half in halves:
                shares[first] += half
            for _, second, half in halves:
                shares[second] += half
        return shares


def _bin(cuts: Cuts, value: float) -> int:
    """How many cuts are below the value; the last bin is for none."""
    return bisect_left(cuts, value) if value == value else len(cuts) + 1
