"""Claims about `guidance.scores.prevent`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores import prevent
from services.guidance.scores.catalogue import FORMULAS
from tests.guidance.scores.one_patient import compute

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "prevent_table_s12.json").read_bytes())
OUTCOMES = {
    "prevent-total-cvd": "base_10y_total_cvd",
    "prevent-ascvd": "base_10y_ascvd",
    "prevent-heart-failure": "base_10y_heart_failure",
}
# The worked example of the clinical content, section 4.
WOMAN = {
    "age": 58.0, "sex": 1.0, "total_chol": 220.0, "hdl": 45.0, "sbp": 148.0, "egfr": 72.0, "diabetes": 0.0, "smoker": 1.0,
    "bp_treated": 1.0, "statin": 0.0, "bmi": 31.0,
}  # fmt: skip


def taken(formula: str, values: dict[str, Any]) -> dict[str, Any]:
    """Of the values, those that the formula takes."""
    return {name: value for name, value in values.items() if name in FORMULAS[formula].inputs}


def by_hand(formula: str, v: dict[str, float]) -> float:
    """One patient by the printed table: every coefficient times its term, summed without rounding on the way."""
    a, dm, smoker, treated, statin = (v["age"] - 55) / 10, v["diabetes"], v["smoker"], v["bp_treated"], v["statin"]
    n, h = (v["total_chol"] - v["hdl"]) * 0.02586 - 3.5, (v["hdl"] * 0.02586 - 1.3) / 0.3
    s, e, b = (max(v["sbp"], 110) - 130) / 20, (60 - min(v["egfr"], 60)) / 15, (max(v["bmi"], 30) - 30) / 5
    terms = (
        1, a, n, h, (min(v["sbp"], 110) - 110) / 20, s, dm, smoker, (min(v["bmi"], 30) - 25) / 5, b, e,
        (90 - max(v["egfr"], 60)) / 15, treated, statin, s * treated, n * statin, a * n, a * h, a * s, a * dm, a * smoker,
        a * b, a * e,
    )  # fmt: skip
    row = TABLE[OUTCOMES[formula]]["female" if v["sex"] == 1.0 else "male"]
    odds = math.exp(math.fsum(c * t for c, t in zip(row, terms, strict=True)))
    return odds / (1 + odds)


@pytest.mark.parametrize("formula", sorted(OUTCOMES))
def test_a_hundred_thousand_patients_agree_with_the_printed_table(formula: str) -> None:
    """Both sexes, over the whole valid range: the same risk to 12 digits as a reading of the table that shares no code."""
    random = np.random.default_rng(12)
    n = 100_000
    people = {
        "age": random.integers(30, 80, n).astype(float), "sex": random.integers(0, 2, n).astype(float),
        "total_chol": random.uniform(130, 320, n), "hdl": random.uniform(20, 100, n), "sbp": random.uniform(90, 180, n),
        "egfr": random.uniform(15, 140, n), "bmi": random.uniform(18.5, 39.9, n),
        **{flag: random.integers(0, 2, n).astype(float) for flag in ("diabetes", "smoker", "bp_treated", "statin")},
    }  # fmt: skip
    ours = FORMULAS[formula](**taken(formula, people))
    rows = zip(*(column.tolist() for column in people.values()), strict=True)
    theirs = [by_hand(formula, dict(zip(people, row, strict=True))) for row in rows]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    ("formula", "changed", "linear"),
    [
        # Constant and terms of Table S12, multiplied out by hand; age 55 leaves every interaction with age at nothing.
        ("prevent-ascvd", {}, -3.500655),
        ("prevent-ascvd", {"age": 65.0}, -3.500655 + 0.7099847),
        ("prevent-ascvd", {"sbp": 150.0}, -3.500655 + 0.3239977),
        ("prevent-ascvd", {"sbp": 150.0, "bp_treated": 1.0}, -3.500655 + 0.3239977 + 0.2036522 - 0.0322916),
        ("prevent-ascvd", {"sbp": 110.0}, -3.500655 - 0.3239977),
        ("prevent-ascvd", {"sbp": 90.0}, -3.500655 - 0.3239977 + 0.2837212),  # (90 - 110) / 20 = -1
        ("prevent-total-cvd", {"sbp": 90.0}, -3.031168 - 0.3362658 + 0.4347345),
        ("prevent-total-cvd", {"sbp": 90.0, "sex": 1.0}, -3.307728 - 0.3600781 + 0.2394003),
        ("prevent-ascvd", {"egfr": 60.0}, -3.500655 + 2 * 0.0203619),  # (60 - 90) / -15 = 2
        ("prevent-ascvd", {"egfr": 45.0}, -3.500655 + 2 * 0.0203619 + 0.3690075),
        ("prevent-ascvd", {"egfr": 45.0, "age": 65.0}, -3.500655 + 2 * 0.0203619 + 0.3690075 + 0.7099847 - 0.1217081),
        ("prevent-total-cvd", {"egfr": 45.0}, -3.031168 + 2 * 0.0164827 + 0.5378979),
        ("prevent-total-cvd", {"egfr": 45.0, "sex": 1.0}, -3.307728 + 2 * 0.0433769 + 0.6045917),
        ("prevent-ascvd", {"diabetes": 1.0, "smoker": 1.0}, -3.500655 + 0.7189597 + 0.3956973),
        ("prevent-ascvd", {"statin": 1.0}, -3.500655 - 0.0865581),
        ("prevent-heart-failure", {"bmi": 25.0}, -3.946391),
        ("prevent-heart-failure", {"bmi": 35.0}, -3.946391 - 0.0485841 + 0.3726929),
        (
            "prevent-heart-failure",
            {"bmi": 35.0, "age": 65.0},
            -3.946391 + 0.8972642 - 0.0485841 + 0.3726929 + 0.0068126,
        ),
    ],
)
def test_each_branch_of_the_equation_by_hand(formula: str, changed: dict[str, float], linear: float) -> None:
    """ASCVD of men, pressure under 110, filtration under 60, body mass: the risk is that of the sum on paper."""
    hdl = 1.3 / 0.02586  # where its term is nothing
    nothing = {
        "age": 55.0, "sex": 0.0, "total_chol": hdl + 3.5 / 0.02586, "hdl": hdl, "sbp": 130.0, "egfr": 90.0, "diabetes": 0.0,
        "smoker": 0.0, "bp_treated": 0.0, "statin": 0.0, "bmi": 25.0,
    }  # fmt: skip
    risk = compute(formula, **taken(formula, nothing | changed))
    assert risk == pytest.approx(1 / (1 + math.exp(-linear)), rel=1e-12)


def test_the_card_of_the_clinical_content() -> None:
    """A woman of 58: total 13 %, heart attack or stroke 8 %, healthy factors 3 %."""
    assert round(100 * compute("prevent-total-cvd", **taken("prevent-total-cvd", WOMAN))) == 13
    assert round(100 * compute("prevent-ascvd", **taken("prevent-ascvd", WOMAN))) == 8
    assert round(100 * compute("prevent-total-cvd-healthy", age=58.0, sex=1.0)) == 3


@pytest.mark.parametrize("sex", [0.0, 1.0])
@pytest.mark.parametrize("age", [30.0, 58.0, 79.0])
def test_the_healthy_comparison_is_the_same_equation_with_stated_values(age: float, sex: float) -> None:
    """It differs from the person in nothing but the values that are written down, and only age and sex are asked."""
    same = compute("prevent-total-cvd", age=age, sex=sex, **prevent.HEALTHY)
    assert compute("prevent-total-cvd-healthy", age=age, sex=sex) == same
    assert FORMULAS["prevent-total-cvd-healthy"].inputs == ("age", "sex")


def test_the_unknown_body_mass_blocks_heart_failure_alone() -> None:
    """Its coefficients are 0 in the other two, so they do not ask for it; nor does heart failure for cholesterol."""
    assert math.isnan(compute("prevent-heart-failure", **taken("prevent-heart-failure", WOMAN | {"bmi": math.nan})))
    for formula in ("prevent-total-cvd", "prevent-ascvd"):
        assert "bmi" not in FORMULAS[formula].inputs
        column = [TABLE["terms"].index(term) for term in ("bmi_lt30", "bmi_ge30", "age_x_bmi_ge30")]
        assert not any(TABLE[OUTCOMES[formula]][sex][place] for sex in ("male", "female") for place in column)
    assert not {"total_chol", "hdl", "statin"} & set(FORMULAS["prevent-heart-failure"].inputs)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("age", (30.0, 79.0), (29.0, 80.0)),
        ("total_chol", (130.0, 320.0, 129.5, 320.4), (129.0, 321.0, 129.4, 320.5)),
        ("hdl", (20.0, 100.0), (19.0, 101.0)),
        ("sbp", (90.0, 180.0), (89.0, 181.0)),
        ("egfr", (15.0, 140.0), (14.0, 141.0)),
        ("bmi", (18.5, 39.9), (18.4, 40.0)),
        ("sex", (0.0, 1.0), (0.5, 2.0, -1.0)),
    ],
)
@pytest.mark.parametrize("formula", sorted(OUTCOMES))
def test_outside_the_published_range_the_risk_is_withheld(
    formula: str, name: str, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    """Neither end is beyond it, one step further is: nothing is extrapolated, nothing is moved to the edge."""
    if name in FORMULAS[formula].inputs:
        for value in inside:
            assert 0.0 < compute(formula, **taken(formula, WOMAN | {name: value})) < 1.0
        for value in outside:
            assert math.isnan(compute(formula, **taken(formula, WOMAN | {name: value})))


@pytest.mark.parametrize("formula", [*sorted(OUTCOMES), "prevent-total-cvd-healthy"])
def test_with_anything_missing_the_risk_is_withheld(formula: str) -> None:
    """Whether somebody smokes is asked, not assumed."""
    for name in FORMULAS[formula].arguments:
        assert math.isnan(compute(formula, **taken(formula, WOMAN | {name: math.nan})))


@given(
    st.sampled_from(sorted(OUTCOMES)), st.integers(30, 79), st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0]),
    st.floats(110, 180), st.floats(110, 180), st.floats(15, 140), st.floats(15, 140),
)  # fmt: skip
def test_what_is_worse_never_lowers_the_risk(
    formula: str, age: int, sex: float, treated: float, s1: float, s2: float, e1: float, e2: float
) -> None:
    """Higher pressure (from 110 on), lower filtration, smoking, diabetes: at no age does the risk go down with any."""
    rest = taken(formula, WOMAN | {"age": float(age), "sex": sex, "bp_treated": treated, "smoker": 0.0})
    for name, better, worse in (
        ("sbp", min(s1, s2), max(s1, s2)), ("egfr", max(e1, e2), min(e1, e2)), ("smoker", 0.0, 1.0), ("diabetes", 0.0, 1.0),
    ):  # fmt: skip
        assert compute(formula, **rest | {name: better}) <= compute(formula, **rest | {name: worse}) * (1 + 1e-14)


def test_the_coefficients_are_those_collected_for_the_committee(shared: Path) -> None:
    """Term by term, sex by sex, outcome by outcome; so is the table that the test reads."""
    published = json.loads((shared / "clinical" / "formulas.json").read_bytes())["prevent"]
    ours = {"base_10y_total_cvd": prevent.TOTAL_CVD, "base_10y_ascvd": prevent.ASCVD,
            "base_10y_heart_failure": prevent.HEART_FAILURE}  # fmt: skip
    for outcome, coefficients in ours.items():
        for place, sex in enumerate(("male", "female")):
            collected = published["models"][outcome][sex]
            assert {name: pair[place] for name, pair in coefficients.items()} == {
                name: value for name, value in collected.items() if name in coefficients
            }
            assert not any(value for name, value in collected.items() if name not in coefficients)
            assert TABLE[outcome][sex] == list(collected.values())
    ranges = {
        name.removesuffix("_mgdl").removesuffix("_mmhg"): tuple(span)
        for name, span in published["valid_ranges"].items()
    }
    assert ranges == {"age": prevent.AGE, **prevent.VALID}
