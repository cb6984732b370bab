"""Claims about `guidance.scores.ckd_epi`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores.catalogue import FORMULAS
from tests.guidance.scores.one_patient import compute

ADULT = {"creatinine": 1.0, "age": 50.0, "sex": 0.0}


def by_hand(creatinine: float, age: float, woman: bool) -> float:
    """Inker 2021, through logarithms, one patient at a time."""
    kappa, alpha = (0.7, -0.241) if woman else (0.9, -0.302)
    ratio = math.log(creatinine / kappa)
    filtration = math.log(142) + alpha * min(ratio, 0.0) - 1.2 * max(ratio, 0.0) + age * math.log(0.9938)
    return math.exp(filtration) * (1.012 if woman else 1.0)


def test_a_hundred_thousand_patients_agree_with_the_formula_in_logarithms() -> None:
    """The same to 12 digits over creatinine 0.1 to 25 mg/dL and age 18 to 120, both sexes."""
    random = np.random.default_rng(2021)
    n = 100_000
    creatinine, age = random.uniform(0.1, 25, n), random.integers(18, 121, n).astype(float)
    sex = random.integers(0, 2, n).astype(float)
    theirs = [by_hand(c, a, s == 1.0) for c, a, s in zip(creatinine.tolist(), age.tolist(), sex.tolist(), strict=True)]
    np.testing.assert_allclose(FORMULAS["ckd-epi-2021"](creatinine=creatinine, age=age, sex=sex), theirs, rtol=1e-12)


def test_it_is_withheld_outside_its_validity() -> None:
    """No estimate for a child, for a creatinine of nothing, or without a sex that the equation knows."""
    assert compute("ckd-epi-2021", **ADULT) == pytest.approx(91.69, abs=0.01)
    assert compute("ckd-epi-2021", **ADULT | {"age": 18.0}) > 0.0
    for changed in ({"age": 17.0}, {"creatinine": 0.0}, {"creatinine": -1.0}, {"sex": 0.5}, {"sex": math.nan}):
        assert math.isnan(compute("ckd-epi-2021", **ADULT | changed))


def test_the_example_of_the_clinical_content() -> None:
    """Creatinine 1.9 mg/dL, 68 years, male: eGFR 38."""
    assert round(compute("ckd-epi-2021", creatinine=1.9, age=68.0, sex=0.0)) == 38


@given(st.floats(0.1, 25), st.floats(0.1, 25), st.integers(18, 120), st.integers(18, 120), st.sampled_from([0.0, 1.0]))
def test_more_creatinine_or_more_years_never_raise_it(c1: float, c2: float, a1: int, a2: int, sex: float) -> None:
    """Falling in both, at the kink of kappa too."""
    best = compute("ckd-epi-2021", creatinine=min(c1, c2), age=float(min(a1, a2)), sex=sex)
    worst = compute("ckd-epi-2021", creatinine=max(c1, c2), age=float(max(a1, a2)), sex=sex)
    assert worst <= best * (1 + 1e-14)
