"""Claims about `guidance.scores.hospital`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores import hospital
from tests.guidance.scores.one_patient import compute

NORMAL = {
    "hb": 14.0, "oncology": 0.0, "sodium": 140.0, "procedure": 0.0, "urgent": 0.0, "admissions_prior_year": 0.0,
    "los_days": 2.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "score"),
    [
        ({"hb": 12.0}, 0), ({"hb": 11.99}, 1), ({"hb": 11.9}, 1), ({"hb": 119.99999999999999 / 10}, 0),
        ({"hb": 11.995}, 0), ({"hb": 11.9949}, 1),
        ({"sodium": 135.0}, 0), ({"sodium": 134.9}, 1), ({"sodium": 134.99999999999997}, 0),
        ({"los_days": 4.0}, 0), ({"los_days": 5.0}, 2), ({"los_days": 4.999999}, 2),
        ({"oncology": 1.0}, 2), ({"procedure": 1.0}, 1), ({"urgent": 1.0}, 1),
        ({"admissions_prior_year": 1.0}, 0), ({"admissions_prior_year": 2.0}, 2),
        ({"admissions_prior_year": 5.0}, 2), ({"admissions_prior_year": 6.0}, 5),
        (
            {"hb": 9.0, "oncology": 1.0, "sodium": 120.0, "procedure": 1.0, "urgent": 1.0, "los_days": 9.0,
             "admissions_prior_year": 9.0},
            13,
        ),
    ],
)  # fmt: skip
def test_hospital_2016_is_exact_at_its_boundaries(changed: dict[str, float], score: float) -> None:
    """What prints as 12.0 or 135 is not below it, whatever binary arithmetic left behind."""
    assert compute("hospital-2016", **NORMAL | changed) == score


@pytest.mark.parametrize(("admissions", "score"), [(0, 0), (1, 2), (5, 2), (6, 5)])
def test_hospital_2013_counts_the_first_admission_already(admissions: float, score: float) -> None:
    """The older variant differs in prior admissions: 0, 1-5, more than 5."""
    assert compute("hospital-2013", **NORMAL | {"admissions_prior_year": admissions}) == score


def test_hospital_2013_is_otherwise_the_same() -> None:
    """Haemoglobin 11 (1), oncology (2), sodium 130 (1), urgent (1), 1 admission (2013: 2, 2016: 0), 6 days (2)."""
    ill = {
        "hb": 11.0, "oncology": 1.0, "sodium": 130.0, "procedure": 0.0, "urgent": 1.0, "admissions_prior_year": 1.0,
        "los_days": 6.0,
    }  # fmt: skip
    assert compute("hospital-2013", **ill) == 9
    assert compute("hospital-2016", **ill) == 7


@pytest.mark.parametrize("missing", sorted(NORMAL))
@pytest.mark.parametrize("variant", ["hospital-2016", "hospital-2013"])
def test_hospital_with_anything_missing_is_withheld(variant: str, missing: str) -> None:
    """Without haemoglobin or sodium there is no score, not a normal value."""
    assert math.isnan(compute(variant, **NORMAL | {missing: math.nan}))


@given(
    st.sampled_from(sorted(NORMAL)),
    st.floats(0, 200),
    st.floats(0, 200),
    st.sampled_from(["hospital-2016", "hospital-2013"]),
)
def test_what_is_better_never_has_more_points(name: str, one: float, other: float, variant: str) -> None:
    """More haemoglobin or sodium never adds a point, more of anything else never takes one."""
    low, high = sorted((one, other))
    better, worse = (high, low) if name in ("hb", "sodium") else (low, high)
    assert compute(variant, **NORMAL | {name: better}) <= compute(variant, **NORMAL | {name: worse})


def test_the_points_are_those_collected_for_the_committee(shared: Path) -> None:
    """Oncology counts 2 (an open fixture says 1: wrong), and each variant's bands of prior admissions are as printed."""
    published = json.loads((shared / "clinical" / "formulas.json").read_bytes())["hospital"]
    for variant in ("2016", "2013"):
        bands = published["prior_admissions_12m"][variant]
        assert [low for low, _, _ in bands[1:]] == list(hospital.ADMISSIONS_CUTS[variant])
        assert [score for _, _, score in bands] == list(hospital.ADMISSIONS_POINTS)
    assert list(published["points"].values()) == [
        hospital.POINTS[name] for name in ("hb", "oncology", "sodium", "procedure", "urgent", "los_days")
    ]
