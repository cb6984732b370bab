"""Claims about `guidance.scores.kdigo`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guidance.scores.one_patient import compute


def stage(current: float, baseline: float, lowest_48h: float = math.nan, rrt: float = math.nan) -> float:
    """The stage of one patient."""
    return compute("kdigo-aki-stage", current=current, baseline=baseline, lowest_48h=lowest_48h, rrt=rrt)


@pytest.mark.parametrize(
    ("current", "baseline", "expected"),
    [
        (1.49, 1.0, 0), (1.5, 1.0, 1), (1.99, 1.0, 1), (2.0, 1.0, 2), (2.99, 1.0, 2), (3.0, 1.0, 3),
        (0.89, 0.6, 0), (0.9, 0.6, 1), (1.19, 0.6, 1), (1.2, 0.6, 2), (1.79, 0.6, 2), (1.8, 0.6, 3),
        (1.04, 0.7, 0), (1.05, 0.7, 1), (3.3, 1.1, 3), (3.29, 1.1, 2), (6.3, 2.1, 3),
    ],
)  # fmt: skip
def test_the_ratio_is_exact_where_binary_division_is_not(current: float, baseline: float, expected: float) -> None:
    """1.05 of 0.7 is one and a half, 3.3 of 1.1 three; a hundredth less is not."""
    assert stage(current, baseline) == expected


@pytest.mark.parametrize(
    ("current", "lowest", "expected"),
    [(1.3, 1.0, 1), (1.29, 1.0, 0), (1.1, 0.8, 1), (1.09, 0.8, 0), (2.0, 1.7, 1), (1.99, 1.7, 0), (1.0, 1.4, 0)],
)
def test_the_rise_of_three_tenths_is_exact(current: float, lowest: float, expected: float) -> None:
    """Against the lowest of 48 hours, to a hundredth: 1.1 - 0.8 reaches 0.3."""
    assert stage(current, baseline=current, lowest_48h=lowest) == expected


def test_four_minus_three_point_seven_is_a_rise_and_at_four_stage_3() -> None:
    """In binary `4.0 - 3.7` is 0.2999...; here it is an injury, and at 4.0 mg/dL a severe one."""
    assert not 4.0 - 3.7 >= 0.3
    assert stage(4.0, baseline=3.7, lowest_48h=3.7) == 3
    assert stage(3.99, baseline=3.7, lowest_48h=3.69) == 1


@pytest.mark.parametrize(
    ("current", "baseline", "lowest", "expected"),
    [
        (4.2, 4.0, 4.0, 0),  # high for years: no injury, so no stage 3
        (4.0, 2.6, math.nan, 3),  # 1.54 times, and 4.0
        (3.99, 2.6, math.nan, 1),
        (4.3, 4.2, 4.0, 3),  # by the rise alone
    ],
)
def test_a_creatinine_of_four_counts_only_once_there_is_an_injury(
    current: float, baseline: float, lowest: float, expected: float
) -> None:
    """KDIGO 2012: stage 3 by 4.0 mg/dL asks for stage 1 first."""
    assert stage(current, baseline, lowest) == expected


def test_without_a_rise_in_48_hours_only_the_ratio_is_looked_at() -> None:
    """A slow rise of 0.3 is none of KDIGO's; the same within 48 hours is."""
    assert stage(1.3, baseline=1.0) == 0
    assert stage(1.3, baseline=1.0, lowest_48h=1.0) == 1


def test_replacement_therapy_is_stage_3() -> None:
    """Whatever the creatinine is by then."""
    assert stage(1.0, baseline=1.0, rrt=1.0) == 3
    assert stage(1.0, baseline=1.0, rrt=0.0) == 0


@pytest.mark.parametrize(
    ("current", "baseline"), [(3.0, math.nan), (math.nan, 1.0), (3.0, 0.0), (-1.0, 1.0), (math.nan, math.nan)]
)
def test_without_a_baseline_the_stage_is_unknown_and_never_0(current: float, baseline: float) -> None:
    """Nothing to compare with is not "no injury": by the rise or on dialysis neither."""
    assert math.isnan(stage(current, baseline))
    assert math.isnan(stage(current, baseline, lowest_48h=1.0, rrt=1.0))


hundredths = st.integers(10, 2500).map(lambda n: n / 100)


@given(hundredths, hundredths, hundredths)
def test_the_stage_is_that_of_whole_number_arithmetic(current: float, baseline: float, lowest: float) -> None:
    """Creatinine in hundredths, compared by cross-multiplication: not one patient differs."""
    c, b, low = (round(100 * value) for value in (current, baseline, lowest))
    injured = 2 * c >= 3 * b or c - low >= 30
    expected = 3 if c >= 3 * b or (injured and c >= 400) else 2 if c >= 2 * b else int(injured)
    assert stage(current, baseline, lowest) == expected


@given(hundredths, hundredths, hundredths, hundredths)
def test_more_creatinine_is_never_a_milder_stage(one: float, other: float, baseline: float, lowest: float) -> None:
    """Rising in the current value, falling in the baseline."""
    low, high = sorted((one, other))
    assert stage(low, baseline, lowest) <= stage(high, baseline, lowest)
    assert stage(baseline, high, lowest) <= stage(baseline, low, lowest)
