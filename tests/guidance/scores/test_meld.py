"""Claims about `guidance.scores.meld`."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores.catalogue import FORMULAS
from tests.guidance.scores.one_patient import compute

WELL = {"sex": 0.0, "bilirubin": 1.0, "sodium": 137.0, "inr": 1.0, "creatinine": 1.0, "albumin": 3.5}


@cache
def ln(text: str) -> Decimal:
    """The natural logarithm to 40 digits."""
    with localcontext() as context:
        context.prec = 40
        return Decimal(text).ln()


def by_hand(female: bool, bilirubin: str, sodium: int, inr: str, creatinine: str, albumin: str, dialysis: bool) -> int:
    """MELD 3.0 as Kim 2021 prints it, in decimal arithmetic, rounded half up."""
    d = Decimal
    bili = max(d(bilirubin), d(1))
    ratio = max(d(inr), d(1))
    crea = d(3) if dialysis else min(max(d(creatinine), d(1)), d(3))
    na = d(137) - min(max(d(sodium), d(125)), d(137))
    alb = d("3.5") - min(max(d(albumin), d("1.5")), d("3.5"))
    score = (
        d("4.56") * ln(str(bili)) + d("0.82") * na - d("0.24") * na * ln(str(bili)) + d("9.09") * ln(str(ratio))
        + d("11.14") * ln(str(crea)) + d("1.85") * alb - d("1.83") * alb * ln(str(crea)) + d(6)
    )  # fmt: skip
    if female:
        score += d("1.33")
    return min(max(int(score.quantize(d(1), rounding=ROUND_HALF_UP)), 6), 40)


def test_a_hundred_thousand_patients_agree_with_decimal_arithmetic() -> None:
    """Not one of 100,000 random patients, in and beyond the bounds, differs by a point."""
    random = np.random.default_rng(30)
    n = 100_000
    sex, dialysis = random.integers(0, 2, n), random.random(n) < 0.1
    bilirubin, inr = random.integers(1, 400, n), random.integers(50, 900, n)
    sodium, creatinine, albumin = random.integers(115, 150, n), random.integers(20, 900, n), random.integers(8, 60, n)
    ours = FORMULAS["meld-3.0"](
        sex=sex.astype(float), bilirubin=bilirubin / 10, sodium=sodium.astype(float), inr=inr / 100,
        creatinine=creatinine / 100, albumin=albumin / 10, dialysis=dialysis.astype(float),
    )  # fmt: skip
    columns = (sex, bilirubin, sodium, inr, creatinine, albumin, dialysis)
    theirs = [
        by_hand(
            bool(s), str(Decimal(b) / 10), na, str(Decimal(i) / 100), str(Decimal(c) / 100), str(Decimal(a) / 10), d
        )
        for s, b, na, i, c, a, d in zip(*(column.tolist() for column in columns), strict=True)
    ]
    assert ours.tolist() == theirs


@pytest.mark.parametrize(
    ("changed", "score"),
    [
        ({}, 6),
        ({"sex": 1.0}, 7),  # 7.33
        ({"sodium": 126.0, "albumin": 2.7}, 17),  # 6 + 0.82 x 11 + 1.85 x 0.8 = 16.50 exactly: up
        ({"sodium": 127.0, "albumin": 2.7}, 16),  # 15.68
        ({"bilirubin": 0.3, "inr": 0.8, "creatinine": 0.4}, 6),  # below the bounds: as 1.0
        ({"sodium": 145.0, "albumin": 5.0}, 6),  # above the bounds: as 137 and 3.5
        ({"sodium": 110.0}, 16),  # as 125: 6 + 0.82 x 12 = 15.84
        ({"albumin": 1.0}, 10),  # as 1.5: 6 + 1.85 x 2 = 9.7
        ({"creatinine": 3.0}, 18),  # 6 + 11.14 ln 3 = 18.24
        ({"creatinine": 9.0}, 18),
        ({"creatinine": 1.0, "dialysis": 1.0}, 18),
        ({"creatinine": 1.0, "dialysis": 0.0}, 6),
        ({"bilirubin": 40.0, "inr": 9.0, "creatinine": 3.0}, 40),
    ],
)
def test_bounds_rounding_and_dialysis(changed: dict[str, float], score: float) -> None:
    """Values move to the published bounds, dialysis is a creatinine of 3.0, a half goes up, and 40 is the most."""
    assert compute("meld-3.0", **WELL | changed) == score


@pytest.mark.parametrize(
    ("age", "male", "woman"),
    [(math.nan, 6, 7), (18.0, 6, 7), (17.0, 7, 7), (12.0, 7, 7), (11.0, math.nan, math.nan)],
)
def test_from_12_to_17_years_the_term_of_sex_counts_for_both(age: float, male: float, woman: float) -> None:
    """OPTN policy 9.1.D; an age that is not given is an adult's, and a child under 12 has no MELD."""
    scores = [compute("meld-3.0", **WELL | {"age": age, "sex": sex}) for sex in (0.0, 1.0)]
    assert scores == pytest.approx([male, woman], nan_ok=True)


@pytest.mark.parametrize("missing", sorted(WELL))
def test_with_anything_missing_there_is_no_score(missing: str) -> None:
    """The bounds are for values, not for gaps."""
    assert math.isnan(compute("meld-3.0", **WELL | {missing: math.nan}))
    assert math.isnan(compute("meld-3.0", **WELL | {missing: -1.0}))


@given(
    st.sampled_from(["bilirubin", "inr", "creatinine"]),
    st.floats(0.1, 40), st.floats(0.1, 40), st.floats(115, 145), st.floats(1, 5), st.floats(0.3, 30), st.floats(0.3, 30),
)  # fmt: skip
def test_more_of_what_is_bad_never_lowers_the_score(
    which: str, one: float, other: float, sodium: float, albumin: float, bilirubin: float, creatinine: float
) -> None:
    """Bilirubin, INR and creatinine: with more of it the score is the same or higher, whatever the rest is."""
    rest = WELL | {"sodium": sodium, "albumin": albumin, "bilirubin": bilirubin, "creatinine": creatinine}
    low, high = (compute("meld-3.0", **rest | {which: value}) for value in sorted((one, other)))
    assert low <= high
