"""Claims about `guidance.scores.formula`."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores.catalogue import FORMULAS
from services.guidance.scores.formula import Points, edge, within, yes
from services.timeline.errors import BadInput


@given(st.decimals(-500, 500, places=6), st.integers(-500, 500), st.integers(0, 4))
def test_a_number_is_held_against_a_cut_as_decimal_arithmetic_does(number: Decimal, steps: int, decimals: int) -> None:
    """Rounded half up to the decimals of the cut, then compared: the binary comparison says the same."""
    step = Decimal(1).scaleb(-decimals)
    cut = steps * step
    rounded = (number / step + Decimal("0.5")).to_integral_value(rounding="ROUND_FLOOR") * step
    assert (float(number) >= edge(float(cut), decimals)) == (rounded >= cut)


def test_rounding_half_up_is_meant_away_from_the_even() -> None:
    """2.5 is 3 and 11.995 is 12.00, as a laboratory prints them and as `round` does not."""
    assert Decimal("2.5").quantize(Decimal(1), rounding=ROUND_HALF_UP) == 3
    assert round(2.5) == 2
    assert edge(3.0, 0) <= 2.5
    assert edge(12.0, 2) <= 11.995
    assert edge(12.0, 2) > 11.9949


def test_a_range_holds_both_its_ends() -> None:
    """As reported: 18.45 is 18.5, 39.94 is 39.9, 39.95 is 40.0; nothing known is nowhere."""
    x = np.array([18.44, 18.45, 18.5, 39.9, 39.94, 39.95, math.nan])
    assert within(x, (18.5, 39.9), 1).tolist() == [False, True, True, True, True, False, False]


def test_yes_is_one_or_more() -> None:
    """A count is a yes, a no is a no, unknown stays unknown."""
    np.testing.assert_array_equal(yes(np.array([0.0, 1.0, 3.0, math.nan])), [0.0, 1.0, 1.0, math.nan])


def test_points_are_given_to_each_argument_in_its_own_place() -> None:
    """Whatever the order in which the bands were named; a missing argument has no points, rather than none."""
    points = Points((1, (10.0, 20.0), (0.0, 1.0, 5.0), 0), (0, (1.0,), (2.0, 0.0), 0))
    x = np.array([[0.0, 1.0, math.nan], [9.0, 10.0, 20.0]])
    np.testing.assert_array_equal(points.parts(x), [[2.0, 0.0, math.nan], [0.0, 1.0, 5.0]])


def test_an_argument_that_a_formula_does_not_have_is_an_error() -> None:
    """A misspelt argument is named, not ignored."""
    with pytest.raises(BadInput, match="haemoglobin"):
        FORMULAS["hospital-2016"](haemoglobin=np.array([12.0]))


def test_one_number_goes_with_many() -> None:
    """Arguments are broadcast against each other; what is not given is missing."""
    ages = FORMULAS["ckd-epi-2021"](creatinine=1.0, age=np.array([20.0, 50.0]), sex=0.0)
    assert ages.shape == (2,)
    assert math.isnan(FORMULAS["ckd-epi-2021"](creatinine=1.0)[0])
