"""services/guidance/guards/alone.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from services.guidance.guards.alone import FEWEST_KNOWN, Alone, input_alone, inputs_alone, strongest

ROWS = 400


def column_of(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and an input of few values with gaps."""
    rng = np.random.default_rng(seed)
    y = (rng.random(ROWS) < rng.uniform(0.1, 0.9)).astype(np.int8)
    y[:2] = (0, 1)
    column = rng.integers(0, rng.integers(2, 9), ROWS) + y * rng.integers(0, 3)
    column = column.astype(np.float64)
    column[rng.random(ROWS) < rng.uniform(0, 0.4)] = np.nan
    column[3] = 1.0
    return column, y


@given(st.integers(0, 100_000))
@settings(max_examples=150, deadline=None)
def test_the_best_reading_is_the_best_that_scikit_learn_finds(seed: int) -> None:
    """The value (missing below all, above all, left out), being there, the commonest value: the highest AUROC of them."""
    column, y = column_of(seed)
    known = ~np.isnan(column)
    values, count = np.unique(column[known], return_counts=True)
    rankings = [
        np.where(known, column, -1.0),
        np.where(known, column, 1e9),
        known.astype(float),
        (column == values[count.argmax()]).astype(float),
    ]
    found = [roc_auc_score(y, ranking) for ranking in rankings]
    if min(y[known].sum(), (1 - y[known]).sum()) >= FEWEST_KNOWN:
        found.append(roc_auc_score(y[known], column[known]))
    assert input_alone(column, y).auroc == pytest.approx(max(max(one, 1 - one) for one in found), abs=1e-12)


Y = np.array([0, 1] * 200, dtype=np.int8)
SPREAD = np.arange(400.0)


@pytest.mark.parametrize(
    ("column", "by"),
    [
        (Y.astype(float), "its value"),
        (-Y + SPREAD / 1000, "its value"),
        (np.where(Y == 1, 3.0, np.nan), "its being there or missing"),
        (np.where(Y == 1, np.nan, SPREAD), "its being there or missing"),
        # A default that only the outcome writes, in the middle of all other values.
        (np.where(Y == 1, 200.5, SPREAD), "its commonest value"),
        # Known of few of them, and telling where it is.
        (np.where(SPREAD % 4 < 2, Y + SPREAD / 1000, np.nan), "its value where it is there"),
    ],
)
def test_a_telling_input_is_named_with_what_tells(column: np.ndarray, by: str) -> None:
    """By its value in either direction, by being there or not, by one value, by its value where it is there."""
    found = input_alone(column, Y)
    assert (found.auroc, found.by) == (pytest.approx(1.0), by)


@pytest.mark.parametrize("column", [np.full(400, np.nan), np.zeros(400)], ids=["never there", "always the same"])
def test_what_says_nothing_tells_nothing(column: np.ndarray) -> None:
    """An empty or a constant input is 0.5; so is any input where all outcomes are the same."""
    assert input_alone(column, Y).auroc == 0.5
    assert input_alone(SPREAD, np.ones(400, dtype=np.int8)).auroc == 0.5


def test_the_strongest_is_named() -> None:
    """Of several inputs the one that tells most."""
    found = inputs_alone(np.column_stack([SPREAD, Y]), Y, ("spread", "outcome"))
    assert strongest(found) == "outcome"
    assert found["spread"] != Alone(auroc=1.0, by="its value")
