"""Sums over whole patients drawn again and again: whatever is a ratio of sums gets its interval from here.

The draws depend on the seed and the patients only, so that every figure and every model is reckoned on the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from services.guidance.models.explanation import Numbers

RESAMPLES = 1000
# Cells of patients x draws that are reckoned at once (32 MB), and that are kept for the next figure (64 MB).
_AT_ONCE = 1 << 22
_KEPT = 1 << 26


class PatientDraws:
    """So many draws of whole patients, with replacement."""

    def __init__(self, patients: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        names, own = np.unique(patients, return_inverse=True)
        self.resamples = resamples
        self._own = own
        self._patients = len(names)
        self._seed = seed
        self._kept: list[NDArray[np.uint8]] = []

    def sums(self, columns: Numbers) -> Numbers:
        """For every draw the sum of each column over the rows drawn: rows x k becomes draws x k."""
        row, column = np.nonzero(columns)
        return self._multiply(column, row, columns[row, column], columns.shape[1])

    def sums_by(self, group: NDArray[np.int64], values: Sequence[Numbers], groups: int) -> tuple[Numbers, ...]:
        """For every draw the sum of each of the values in each group of rows: draws x groups, one for each value.

        A row with a negative group is in none.
        """
        inside = np.flatnonzero(group >= 0)
        places = np.concatenate([group[inside] + groups * place for place in range(len(values))])
        rows = np.tile(inside, len(values))
        added = self._multiply(places, rows, np.concatenate([one[inside] for one in values]), groups * len(values))
        return tuple(np.split(added, len(values), axis=1))

    def _multiply(self, place: NDArray[np.int64], row: NDArray[np.int64], value: Numbers, places: int) -> Numbers:
        # Cells of one patient are added up here.
        matrix = csr_array((value, (place, self._own[row])), shape=(places, self._patients))
        parts = [np.asarray(matrix @ counts.astype(np.float64)) for counts in self._counts()]
        return np.ascontiguousarray(np.concatenate(parts, axis=1).T)

    def _counts(self) -> Iterator[NDArray[np.uint8]]:
        """How often each patient is drawn: patients x draws, some draws at a time."""
        if self._kept:
            yield from self._kept
            return
        keep = self._patients * self.resamples <= _KEPT
        rng = np.random.default_rng(self._seed)
        step = max(1, _AT_ONCE // self._patients)
        for start in range(0, self.resamples, step):
            lines = min(step, self.resamples - start)
            drawn = rng.integers(self._patients, size=(lines, self._patients))
            drawn += np.arange(lines)[:, None] * self._patients
            counts = np.bincount(drawn.ravel(), minlength=lines * self._patients).reshape(lines, self._patients)
            # No patient is drawn 256 times of a few thousand: the chance is below 1e-300.
            part = np.ascontiguousarray(counts.T.astype(np.uint8))
            if keep:
                self._kept.append(part)
            yield part
