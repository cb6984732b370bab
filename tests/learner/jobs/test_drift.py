"""The population stability index: nothing for the same spread, much for another, and gaps count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.learner.jobs.drift import stability_index

NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=200)


@given(NUMBERS)
def test_the_same_rows_have_not_drifted(values: list[float]) -> None:
    """Whatever they are, gaps included."""
    column = np.array(values)
    assert stability_index(column, column) == pytest.approx(0.0, abs=1e-12)


@given(NUMBERS, NUMBERS)
def test_it_is_finite_and_never_negative(then: list[float], now: list[float]) -> None:
    """Empty parts, one value only, nothing known: a number all the same."""
    index = stability_index(np.array(then), np.array(now))
    assert np.isfinite(index)
    assert index >= -1e-12


def test_a_worked_example() -> None:
    """Half above the old median became nine of ten: (0.9 - 0.5) ln(0.9 / 0.5) + (0.1 - 0.5) ln(0.1 / 0.5) = 0.879."""
    then, now = np.repeat([0.0, 1.0], [500, 500]), np.repeat([0.0, 1.0], [100, 900])
    assert stability_index(then, now) == pytest.approx(0.879, abs=0.01)


def test_a_shift_of_one_spread_is_much_and_chance_is_not() -> None:
    """Below 0.02 for other rows of the same kind, above 0.2 for a shift by one standard deviation or a half that is gone."""
    rng = np.random.default_rng(0)
    then, now = rng.normal(size=5000), rng.normal(size=2000)
    assert stability_index(then, now) < 0.02
    assert stability_index(then, now + 1) > 0.2
    gone = np.where(rng.random(2000) < 0.5, np.nan, now)
    assert stability_index(then, gone) > 0.2
