"""The scorecard at work: risk, and the exact share of every input in it.

Rows of history are binned input by input, over the union of the cuts of all its terms; a term then is a look-up. The
one row at the bedside is read in plain Python (`scorecard_one_row`), and both have the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.guidance.models.explanation import Explanation, Numbers, matrix, plain_row, sigmoid_of_one
from services.guidance.models.model_json import read_json, write_json
from services.guidance.models.scorecard_file import ScorecardFile
from services.guidance.models.scorecard_one_row import OneRowTerms

Ints = NDArray[np.int64]

# Below this many rows comparing with every cut at once is faster than one binary search per input.
_FEW_ROWS = 16
_CHUNK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lookup:
    """The terms as flat arrays: a term's value stands at `row[row_of[term] + bin] (+ column[...])` of its table."""

    grids: tuple[Numbers, ...]
    """Per input, the union of its cuts."""
    padded: Numbers
    """The same as one matrix, filled up with infinity, which no value exceeds."""
    missing_bin: Ints
    coefficient: Numbers
    linear_missing: Numbers
    linear_input: Ints
    step_input: Ints
    step_start: Ints
    step_values: Numbers
    pair_first: Ints
    pair_second: Ints
    row_start: Ints
    rows: Ints
    column_start: Ints
    columns: Ints
    pair_values: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """An additive model with tables for some pairs; every number in it can be read, and every contribution is exact."""

    file: ScorecardFile
    _lookup: _Lookup = field(init=False, repr=False, compare=False)
    _one_row: OneRowTerms = field(init=False, repr=False, compare=False)
    _base: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        file = self.file
        means = np.array([*file.reference.linear, *file.reference.steps, *file.reference.pairs], dtype=np.float64)
        calibration = file.calibration
        base = calibration.intercept + calibration.slope * (file.intercept + float(means.sum()))
        for name, value in (("_lookup", _compile(file)), ("_one_row", OneRowTerms.of(file)), ("_base", base)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read model.json; BadRelease if any part of it is not as it must be."""
        return cls(file=read_json(data, ScorecardFile))

    def to_json(self) -> bytes:
        """The bytes of model.json: the same model, the same bytes."""
        return write_json(self.file)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns."""
        return self.file.inputs

    @property
    def method(self) -> str:
        """How contributions are reckoned, for the card and the evidence page."""
        return f"exact additive against the reference {self.file.reference.name}"

    def log_odds(self, X: Numbers) -> Numbers:
        """Log-odds of every row before calibration; NaN is missing."""
        X = matrix(X, self.inputs)
        said = np.empty(len(X))
        for start in range(0, len(X), _CHUNK):
            rows = slice(start, start + _CHUNK)
            said[rows] = self.file.intercept + self.terms(X[rows]).sum(axis=1)
        return said

    def risk(self, X: Numbers) -> Numbers:
        """Calibrated risk of every row."""
        return self.file.calibration.risk(self.log_odds(X))

    def explain(self, x: Numbers) -> Explanation:
        """One row: its risk, and what every input adds to the log-odds of the reference.

        A term of one input belongs to it; a pair table is shared evenly. The compiler empties pair tables of what
        one input says alone, and then these are exact Shapley values against the rows of the reference.
        """
        terms = self._one_row.terms(plain_row(x, self.inputs))
        calibration = self.file.calibration
        # numpy adds in pairs: only numpy itself gives the same bits for one row as for many.
        log_odds = calibration.log_odds(self.file.intercept + float(np.add.reduce(np.array(terms))))
        return Explanation(
            risk=sigmoid_of_one(log_odds),
            log_odds=log_odds,
            base=self._base,
            contributions=tuple(self._one_row.shares(terms, calibration.slope)),
        )

    def terms(self, X: Numbers) -> Numbers:
        """The value of every term (linear, steps, pairs, each in the order of the file) for every row."""
        look = self._lookup
        linear, steps = len(look.linear_input), len(look.step_input)
        # Filled piece by piece: rows must lie one after the other, or sums over one row and over many round differently.
        terms = np.empty((len(X), linear + steps + len(look.pair_first)))
        if linear:
            x = X[:, look.linear_input]
            usable = np.isfinite(x)
            terms[:, :linear] = np.where(usable, look.coefficient * np.where(usable, x, 0.0), look.linear_missing)
        if terms.shape[1] > linear:
            bins = self._bins(X)
            terms[:, linear : linear + steps] = look.step_values[look.step_start + bins[:, look.step_input]]
            row = look.rows[look.row_start + bins[:, look.pair_first]]
            column = look.columns[look.column_start + bins[:, look.pair_second]]
            terms[:, linear + steps :] = look.pair_values[row + column]
        return terms

    def _bins(self, X: Numbers) -> Ints:
        look = self._lookup
        if len(X) < _FEW_ROWS:
            bins: Ints = (look.padded < X[:, :, None]).sum(axis=2)
        else:
            bins = np.empty(X.shape, dtype=np.int64)
            for column, cuts in enumerate(look.grids):
                bins[:, column] = np.searchsorted(cuts, X[:, column])
        return np.where(np.isnan(X), look.missing_bin, bins)


def _compile(file: ScorecardFile) -> _Lookup:
    cuts: list[set[float]] = [set() for _ in file.inputs]
    for step in file.steps:
        cuts[step.input].update(step.cuts)
    for pair in file.pairs:
        for index, own in zip(pair.inputs, pair.cuts, strict=True):
            cuts[index].update(own)
    grids = tuple(np.array(sorted(own), dtype=np.float64) for own in cuts)
    padded = np.full((len(grids), max((len(grid) for grid in grids), default=0)), np.inf)
    for grid, row in zip(grids, padded, strict=True):
        row[: len(grid)] = grid
    steps = [np.array([*step.values, step.missing])[_places(step.cuts, grids[step.input])] for step in file.steps]
    first, second, tables = [], [], []
    offset = 0
    for pair in file.pairs:
        width = len(pair.cuts[1]) + 2
        first.append(offset + _places(pair.cuts[0], grids[pair.inputs[0]]) * width)
        second.append(_places(pair.cuts[1], grids[pair.inputs[1]]))
        tables.append(np.array(pair.values, dtype=np.float64).ravel())
        offset += len(tables[-1])
    return _Lookup(
        grids=grids,
        padded=padded,
        missing_bin=np.array([len(grid) + 1 for grid in grids], dtype=np.int64),
        coefficient=np.array([term.coefficient for term in file.linear], dtype=np.float64),
        linear_missing=np.array([term.missing for term in file.linear], dtype=np.float64),
        linear_input=np.array([term.input for term in file.linear], dtype=np.int64),
        step_input=np.array([step.input for step in file.steps], dtype=np.int64),
        step_start=_starts(steps),
        step_values=_numbers(steps),
        pair_first=np.array([pair.inputs[0] for pair in file.pairs], dtype=np.int64),
        pair_second=np.array([pair.inputs[1] for pair in file.pairs], dtype=np.int64),
        row_start=_starts(first),
        rows=_integers(first),
        column_start=_starts(second),
        columns=_integers(second),
        pair_values=_numbers(tables),
    )


def _places(own: tuple[float, ...], grid: Numbers) -> Ints:
    """For every bin of the input's grid (missing last), the bin of a term that has only some of the cuts."""
    # The bin of a value in (grid[b-1], grid[b]] is the number of own cuts below grid[b]; above the last, all of them.
    bins = np.searchsorted(np.array(own, dtype=np.float64), np.append(grid, np.inf))
    return np.append(bins, len(own) + 1).astype(np.int64)


def _starts(pieces: list[Ints] | list[Numbers]) -> Ints:
    return np.cumsum([0, *(len(piece) for piece in pieces)], dtype=np.int64)[:-1]


def _numbers(pieces: list[Numbers]) -> Numbers:
    return np.concatenate(pieces) if pieces else np.zeros(0)


def _integers(pieces: list[Ints]) -> Ints:
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)
