"""Claims about `guidance.scores.lace`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores import lace
from tests.guidance.scores.one_patient import compute

HOME_AGAIN = {"los_days": 0.0, "emergent": 0.0, "charlson": 0.0, "ed_visits_6m": 0.0}


@pytest.mark.parametrize(
    ("los_days", "points"),
    [(0, 0), (0.5, 0), (1, 1), (2, 2), (3, 3), (4, 4), (6, 4), (7, 5), (13, 5), (14, 7), (365, 7)],
)
def test_length_of_stay(los_days: float, points: float) -> None:
    """L: under a day 0, then 1, 2, 3, 4-6: 4, 7-13: 5, from 14 on 7."""
    assert compute("lace", **HOME_AGAIN | {"los_days": los_days}) == points


@pytest.mark.parametrize(
    ("name", "value", "points"),
    [
        ("charlson", 1, 1), ("charlson", 2, 2), ("charlson", 3, 3), ("charlson", 4, 5), ("charlson", 31, 5),
        ("ed_visits_6m", 1, 1), ("ed_visits_6m", 3, 3), ("ed_visits_6m", 4, 4), ("ed_visits_6m", 9, 4),
        ("emergent", 1, 3),
    ],
)  # fmt: skip
def test_the_other_letters(name: str, value: float, points: float) -> None:
    """A: 3; C: 0-3 as they are, 4 and more count 5; E: at most 4."""
    assert compute("lace", **HOME_AGAIN | {name: value}) == points


def test_it_reaches_from_0_to_19() -> None:
    """The expected percentage is printed for each of the twenty scores, and for nothing else."""
    assert compute("lace", los_days=30.0, emergent=1.0, charlson=4.0, ed_visits_6m=9.0) == 19
    assert compute("lace", **HOME_AGAIN) == 0
    assert compute("lace-expected-percent", lace=19.0) == 43.7
    assert compute("lace-expected-percent", lace=0.0) == 2.0
    for none in (20.0, -1.0, 7.5, math.nan):
        assert math.isnan(compute("lace-expected-percent", lace=none))


@pytest.mark.parametrize("missing", sorted(HOME_AGAIN))
def test_with_anything_missing_it_is_withheld(missing: str) -> None:
    """Comorbidity that nobody asked for is not none."""
    assert math.isnan(compute("lace", **HOME_AGAIN | {missing: math.nan}))


@given(st.sampled_from(sorted(HOME_AGAIN)), st.integers(0, 40), st.integers(0, 40))
def test_more_of_anything_never_takes_a_point(name: str, one: int, other: int) -> None:
    """All four letters rise."""
    low, high = (compute("lace", **HOME_AGAIN | {name: float(value)}) for value in sorted((one, other)))
    assert low <= high


def test_the_points_are_those_collected_for_the_committee(shared: Path) -> None:
    """Every cut, every point, every percentage."""
    published = json.loads((shared / "clinical" / "formulas.json").read_bytes())["lace"]
    for bands, cuts, points in (
        (published["L_days"], lace.DAYS_CUTS, lace.DAYS_POINTS),
        (published["C_from_lace_charlson"], lace.COMORBIDITY_CUTS, lace.COMORBIDITY_POINTS),
    ):
        assert [low for low, _, _ in bands[1:]] == list(cuts)
        assert [score for _, _, score in bands] == list(points)
    assert published["E_ed_visits_6m_max"] == max(lace.VISITS_POINTS)
    assert published["A_emergent"] == lace.EMERGENT_POINTS
    assert tuple(published["expected_probability_percent"]) == lace.EXPECTED_PERCENT
