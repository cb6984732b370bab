"""Rows that were not followed to the end: their share is told, and above the declared one the figures once more, with weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.learner.evidence.censoring import still_followed, weigh_for_the_lost
from services.learner.feature_matrix import CohortRows
from services.timeline.instants import DAY, NAT
from tests.learner.evidence.test_validations import BEGINS, cohort

HORIZON = 100


def followed(rows: int = 20_000, *, leaving: float = 0.004, seed: int = 0) -> tuple[CohortRows, np.ndarray]:
    """Rows with a known risk of an event on a random day of 100; each day some leave, whatever is to become of them."""
    rng = np.random.default_rng(seed)
    risk = rng.beta(2, 8, rows)
    event = np.where(rng.random(rows) < risk, rng.integers(1, HORIZON + 1, rows), HORIZON + 1)
    left = rng.geometric(leaving, rows) if leaving else np.full(rows, HORIZON + 1)
    y = np.where(event <= np.minimum(left, HORIZON), 1, np.where(left >= HORIZON, 0, -1))
    until = np.where(y == 1, event, np.minimum(left, HORIZON))
    made = cohort(at=np.full(rows, BEGINS), patients=np.arange(rows), y=y)
    return replace(made, until=BEGINS + until * DAY), risk


def test_the_weights_recover_the_rate_that_leaving_hides() -> None:
    """A third leaves at random: among the known too many have the outcome; weighted, as many as truly, and O:E is 1."""
    rows, risk = followed()
    found = weigh_for_the_lost(rows, risk[rows.y >= 0], horizon_hours=HORIZON * 24, limit=0.05)
    truth = float(risk.mean())
    assert found.share == pytest.approx(0.28, abs=0.03)
    assert found.rate > truth + 0.02
    assert found.weighted_rate == pytest.approx(truth, abs=0.008)
    low, high = found.weighted_observed_expected.ci
    assert low < 1 < high
    assert 1.2 < found.largest_weight < 2
    assert f"{found.weighted_rate:.1%} instead of {found.rate:.1%}" in found.sentence


def test_up_to_the_declared_share_only_the_share_is_told() -> None:
    """And where nobody was lost, or there is no horizon, there is nothing to tell."""
    rows, risk = followed(leaving=0.0003)
    found = weigh_for_the_lost(rows, risk[rows.y >= 0], horizon_hours=HORIZON * 24, limit=0.05)
    assert 0 < found.share < 0.05
    assert (found.rate, found.weighted_rate, found.weighted_observed_expected) == (None, None, None)
    assert "is left at that" in found.sentence
    assert weigh_for_the_lost(rows, risk[rows.y >= 0], horizon_hours=None, limit=0.05) is None
    whole, risk = followed(leaving=0.0)
    assert weigh_for_the_lost(whole, risk, horizon_hours=HORIZON * 24, limit=0.05) is None


def test_a_row_of_which_nobody_knows_how_long_it_was_followed_is_not_weighed() -> None:
    """Pending or undated: it is no censored row."""
    rows, risk = followed(leaving=0.0)
    rows = replace(rows, y=np.where(np.arange(len(rows)) < 9, -1, rows.y).astype(np.int8))
    rows = replace(rows, until=np.where(rows.y < 0, NAT, rows.until))
    assert weigh_for_the_lost(rows, risk[9:], horizon_hours=HORIZON * 24, limit=0.0) is None


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_the_chance_to_be_followed_is_that_of_lifelines(drawn: list[tuple[int, bool]]) -> None:
    """Kaplan and Meier's curve just before each time, as a library of the field gives it."""
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed")
    time, left = np.array([one for one, _ in drawn], dtype=float), np.array([one for _, one in drawn])
    fitter = lifelines.KaplanMeierFitter().fit(time, left)
    expected = fitter.survival_function_at_times(time - 0.5).to_numpy()
    np.testing.assert_allclose(still_followed(time, left), expected, atol=1e-12)
