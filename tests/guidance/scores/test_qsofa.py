"""Claims about `guidance.scores.qsofa`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guidance.scores.one_patient import around, compute

WELL = {"rr": 16.0, "sbp": 120.0, "altered": 0.0}


def test_the_boundaries() -> None:
    """22 breaths, a systolic pressure of 100: one point each from there on, rounded as they are reported."""
    under, over = around("22")
    assert {compute("qsofa", **WELL | {"rr": value}) for value in under} == {0}
    assert {compute("qsofa", **WELL | {"rr": value}) for value in over} == {1}
    low, high = around("101")  # the first pressure without a point
    assert {compute("qsofa", **WELL | {"sbp": value}) for value in low} == {1}
    assert {compute("qsofa", **WELL | {"sbp": value}) for value in high} == {0}
    assert compute("qsofa", rr=22.0, sbp=100.0, altered=1.0) == 3


@pytest.mark.parametrize("missing", sorted(WELL))
def test_with_anything_missing_it_is_withheld(missing: str) -> None:
    """Unmeasured breathing is not calm breathing."""
    assert math.isnan(compute("qsofa", **WELL | {missing: math.nan}))


@given(st.floats(0, 60), st.floats(0, 60), st.floats(40, 260), st.floats(40, 260))
def test_the_worse_of_two_never_has_fewer_points(r1: float, r2: float, s1: float, s2: float) -> None:
    """Faster breathing, lower pressure."""
    better = compute("qsofa", rr=min(r1, r2), sbp=max(s1, s2), altered=0.0)
    assert better <= compute("qsofa", rr=max(r1, r2), sbp=min(s1, s2), altered=1.0)
