"""float32_cuts.py: not one float64 value changes sides when the rounding to float32 is put into the cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.learner.models.imported.float32_cuts import cut_below, cut_up_to

ANY32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
ANY64 = st.floats(allow_nan=False, allow_infinity=False)


def rounded(x: float) -> np.float32:
    """As a library does that keeps inputs in float32."""
    with np.errstate(over="ignore"):
        return np.float32(x)


def near(cut: float) -> list[float]:
    """The cut and its neighbours."""
    return [cut, math.nextafter(cut, math.inf), math.nextafter(cut, -math.inf), -cut, float(rounded(cut))]


@given(threshold=ANY32, x=ANY64)
@example(threshold=0.0, x=-7e-46)
@example(threshold=1.401298464324817e-45, x=7.006492321624085e-46)
@example(threshold=float(np.finfo(np.float32).max), x=3.5e38)
def test_below_says_of_every_number_what_xgboost_says(threshold: float, x: float) -> None:
    """`x <= cut` is `float32(x) < threshold`, for any number and for those beside the cut."""
    cut = cut_below(threshold)
    for value in (x, threshold, *near(cut)):
        assert (value <= cut) == bool(rounded(value) < np.float32(threshold)), value


@given(threshold=ANY64, x=ANY64)
@example(threshold=0.5, x=0.5 + 2**-26)
@example(threshold=1e39, x=1e40)
def test_up_to_says_of_every_number_what_scikit_learns_trees_say(threshold: float, x: float) -> None:
    """`x <= cut` is `float32(x) <= threshold`, for any number and for those beside the cut."""
    cut = cut_up_to(threshold)
    for value in (x, threshold, *near(cut)):
        assert (value <= cut) == (float(rounded(value)) <= threshold), value


@pytest.mark.parametrize("threshold", [float(np.finfo(np.float32).max), -float(np.finfo(np.float32).max), 0.0, -0.0])
def test_the_ends_of_float32_are_cuts_as_well(threshold: float) -> None:
    """No infinite cut, which a model file could not hold."""
    assert math.isfinite(cut_below(threshold))
    assert math.isfinite(cut_up_to(threshold))
