"""Claims about `guidance.scores.arithmetic`."""

from __future__ import annotations

import math

import pytest

from tests.guidance.scores.one_patient import compute

UNKNOWN = math.nan


def test_mean_arterial_pressure_is_the_measured_one_or_from_the_cuff() -> None:
    """A measured mean comes first; else (systolic + 2 diastolic) / 3; else nothing."""
    assert compute("map", mean=70.0, systolic=120.0, diastolic=60.0) == 70.0
    assert compute("map", systolic=120.0, diastolic=60.0) == 80.0
    assert math.isnan(compute("map", systolic=120.0))


@pytest.mark.parametrize(
    ("given", "index"),
    [
        ({"measured": 31.2, "weight": 70.0, "height": 170.0}, 31.2),
        ({"weight": 81.0, "height": 180.0}, 25.0),  # over 1.8 x 1.8 in binary it is 24.999...
        ({"weight": 86.7, "height": 170.0}, 30.0),
        ({"weight": 80.9, "height": 180.0}, pytest.approx(24.9691358)),
        ({"weight": 81.0}, pytest.approx(UNKNOWN, nan_ok=True)),
        ({"weight": 81.0, "height": 0.0}, pytest.approx(UNKNOWN, nan_ok=True)),
    ],
)
def test_body_mass_index_is_the_measured_one_or_exact_from_weight_and_height(
    given: dict[str, float], index: float
) -> None:
    """81 kg at 180 cm are 25, not a breath under it: who is at the cut is at the cut."""
    assert compute("body-mass-index", **given) == index


@pytest.mark.parametrize(
    ("one", "two", "grade"),
    [
        (0.0, 0.0, 0), (1.0, 0.0, 1), (0.0, 1.0, 2), (1.0, 1.0, 2), (1.0, UNKNOWN, 1), (UNKNOWN, 1.0, 2),
        (0.0, UNKNOWN, 0), (UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)  # fmt: skip
def test_the_highest_grade(one: float, two: float, grade: float) -> None:
    """None 0, the first 1, the second 2; unknown only if neither was asked."""
    assert compute("highest-grade", one=one, two=two) == pytest.approx(grade, nan_ok=True)


@pytest.mark.parametrize(
    ("findings", "any_of"),
    [
        ((0.0, 0.0, 0.0), 0), ((0.0, 2.0, 0.0), 1), ((1.0, UNKNOWN, UNKNOWN), 1), ((UNKNOWN, 0.0, 1.0), 1),
        ((0.0, UNKNOWN, UNKNOWN), 0), ((UNKNOWN, UNKNOWN, UNKNOWN), UNKNOWN),
    ],
)  # fmt: skip
def test_any_of_three_findings(findings: tuple[float, float, float], any_of: float) -> None:
    """One that is there is enough; those unknown are left out; all unknown is unknown."""
    one, two, three = findings
    assert compute("any-of", one=one, two=two, three=three) == pytest.approx(any_of, nan_ok=True)


@pytest.mark.parametrize(
    ("acvpu_alert", "gcs", "alert"),
    [
        (1.0, 15.0, 1), (1.0, 14.0, 0), (0.0, 15.0, 0), (1.0, UNKNOWN, 1), (0.0, UNKNOWN, 0), (UNKNOWN, 15.0, 1),
        (UNKNOWN, 14.0, 0), (UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)  # fmt: skip
def test_alert_by_either_scale(acvpu_alert: float, gcs: float, alert: float) -> None:
    """Either scale can say that somebody is not alert; unknown only if neither was taken."""
    assert compute("alert", acvpu_alert=acvpu_alert, gcs=gcs) == pytest.approx(alert, nan_ok=True)


def test_the_first_that_is_known() -> None:
    """A computed eGFR comes before a reported one; either will do; neither is nothing."""
    assert compute("first-known", one=72.0, two=65.0) == 72.0
    assert compute("first-known", two=65.0) == 65.0
    assert math.isnan(compute("first-known"))


@pytest.mark.parametrize(
    ("findings", "all_of"),
    [
        ((1.0, 1.0, 1.0), 1.0),
        ((1.0, 2.0, 1.0), 1.0),
        ((1.0, 0.0, 1.0), 0.0),
        ((UNKNOWN, 0.0, UNKNOWN), 0.0),
        ((1.0, UNKNOWN, 1.0), UNKNOWN),
        ((UNKNOWN, UNKNOWN, UNKNOWN), UNKNOWN),
    ],
)
def test_all_of_three_findings(findings: tuple[float, float, float], all_of: float) -> None:
    """One that is not there settles it; one that is not known leaves it open where the others are there."""
    one, two, three = findings
    assert compute("all-of", one=one, two=two, three=three) == pytest.approx(all_of, nan_ok=True)
