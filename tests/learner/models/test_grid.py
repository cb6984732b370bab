"""services/learner/models/grid.py and splits.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.learner.models.grid import Grid, plain_between
from services.learner.models.splits import patient_folds

values = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("low", "high", "plain"),
    [
        (137.0, 138.0, 137.5),
        (1.1999512, 1.2998047, 1.2),
        (0.0, 1.0, 0.5),
        (40.0, 70.0, 60.0),
        (880.0, 1130.0, 1000.0),
        (-3.0, -2.0, -2.5),
        (-1.0, 1.0, 0.0),
        (7.3599, 7.3601, 7.36),
        (1.0, math.nextafter(1.0, 2.0), 1.0),
    ],
)
def test_a_cut_is_a_plain_number_between_two_values(low: float, high: float, plain: float) -> None:
    """As few digits as will do, so that a committee can read it."""
    assert plain_between(low, high) == plain


@given(values, values)
@settings(max_examples=300)
def test_a_cut_parts_its_two_values(one: float, other: float) -> None:
    """`x <= cut` holds for the lower and not for the higher, however near they are."""
    low, high = sorted((one, other))
    if low < high:
        assert low <= plain_between(low, high) < high


@given(st.lists(st.one_of(values, st.just(math.nan)), min_size=1, max_size=200), st.integers(2, 40))
@settings(max_examples=200, deadline=None)
def test_codes_keep_the_order_and_the_number_of_bins(column: list[float], bins: int) -> None:
    """At most so many codes, in the order of the values; every value of few keeps a code of its own; NaN stays NaN."""
    X = np.array(column)[:, None]
    grid = Grid.of(X, bins=bins)
    codes = grid.codes(X)[:, 0]
    assert np.array_equal(np.isnan(codes), np.isnan(X[:, 0]))
    known = ~np.isnan(codes)
    order = np.argsort(X[known, 0], kind="stable")
    assert (np.diff(codes[known][order]) >= 0).all()
    different = len(np.unique(X[known, 0]))
    assert len(np.unique(codes[known])) <= bins
    if different <= bins:
        assert len(np.unique(codes[known])) == different
    for code in np.unique(codes[known]):
        cut = grid.cut(0, code + 0.5)
        below = codes <= code
        assert np.array_equal(below[known], known[known] if cut is None else X[known, 0] <= cut)


def test_skewed_counts_keep_their_upper_values() -> None:
    """Where nine of ten are zero, the quantiles that fall together give one cut, and the tail keeps its own."""
    column = np.concatenate((np.zeros(900), np.arange(1, 101)))[:, None].astype(np.float64)
    cuts = Grid.of(column, bins=32).cuts[0]
    assert cuts[0] == 0.5
    assert len(cuts) >= 3


@given(st.integers(1, 4), st.integers(2, 6), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_no_patient_is_in_two_folds_and_folds_are_alike(most: int, folds: int, seed: int) -> None:
    """Whole patients only; events and rows differ between folds by little; the seed decides, and nothing else."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(300), rng.integers(1, most + 1, 300))
    y = (rng.random(len(patients)) < 0.2).astype(np.int8)
    fold = patient_folds(y, patients, folds, seed=seed)
    for patient in range(300):
        assert len(set(fold[patients == patient])) == 1
    assert set(fold) == set(range(folds))
    assert np.ptp(np.bincount(fold, weights=y)) <= 2 * most
    assert np.ptp(np.bincount(fold)) <= 3 * most
    assert np.array_equal(fold, patient_folds(y, patients * 7 + 1, folds, seed=seed))
    if most == 1:
        assert np.ptp(np.bincount(fold, weights=y)) <= 1
        assert np.ptp(np.bincount(fold)) <= 1


def test_another_seed_deals_other_folds() -> None:
    """Folds are shuffled, not in the order of the rows."""
    y, patients = np.tile([0, 1], 200).astype(np.int8), np.arange(400)
    one, other = patient_folds(y, patients, 5, seed=0), patient_folds(y, patients, 5, seed=1)
    assert (one == other).mean() < 0.5
