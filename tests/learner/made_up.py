"""Made-up rows for the tests of fitting and evaluation: inputs of every sort, missing values, a known true risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INPUTS = ("age", "male", "sodium", "urea", "falls", "noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """Rows whose true risk is known."""

    X: NDArray[np.float64]
    y: NDArray[np.int8]
    patients: NDArray[np.int64]
    truth: NDArray[np.float64]


def made_up(rows: int, *, seed: int = 0, rows_a_patient: int = 1) -> MadeUp:
    """Age rises, sodium is U-shaped, urea matters more in men, falls are counts; a fifth of the laboratory is missing."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(-(-rows // rows_a_patient)), rows_a_patient)[:rows]
    frailty = rng.normal(0, 0.5 if rows_a_patient > 1 else 0.0, patients.max() + 1)[patients]
    X = np.column_stack(
        [
            np.round(rng.normal(65, 15, rows), 1),
            rng.integers(0, 2, rows),
            np.round(rng.normal(138, 5, rows)),
            np.round(np.exp(rng.normal(3, 0.6, rows)), 1),
            rng.poisson(0.7, rows),
            rng.normal(0, 1, rows),
        ]
    ).astype(np.float64)
    log_odds = (
        -2.2
        + 0.04 * (X[:, 0] - 65)
        + 0.01 * (X[:, 2] - 138) ** 2
        + 0.03 * (X[:, 3] - 20) * (2 * X[:, 1] - 0.5)
        + 0.4 * X[:, 4]
        + frailty
    )
    truth = 1 / (1 + np.exp(-log_odds))
    y = (rng.random(rows) < truth).astype(np.int8)
    X[:, 2:4][rng.random((rows, 2)) < 0.2] = np.nan
    return MadeUp(X=X, y=y, patients=patients, truth=truth)
