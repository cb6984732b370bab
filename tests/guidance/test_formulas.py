"""Claims about `guidance.formulas`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance import formula_tables as tables
from services.guidance.formulas import FORMULAS
from services.timeline.errors import BadInput

NORMAL = {
    "hb": 14.0, "oncology": 0.0, "sodium": 140.0, "procedure": 0.0, "urgent": 0.0, "admissions_prior_year": 0.0,
    "los_days": 2.0,
}  # fmt: skip


def compute(formula: str, **given: float) -> float:
    """One formula for one patient."""
    return float(FORMULAS[formula](**given)[0])


def flags(*present: str) -> dict[str, float]:
    """The 17 comorbidity groups, those named present."""
    return {group: float(group in present) for group in tables.CHARLSON_GROUPS}


@pytest.fixture(scope="module")
def vectors(shared: Path) -> Any:
    """Worked examples of published scores."""
    return json.loads((shared / "data" / "score_vectors.json").read_bytes())


@pytest.fixture(scope="module")
def published(shared: Path) -> Any:
    """Points, weights and prefixes as collected for the committee."""
    return json.loads((shared / "clinical" / "formulas.json").read_bytes())


def test_ckd_epi_reproduces_the_worked_examples(vectors: Any) -> None:
    """CKD-EPI 2021 is within 0.01 of every worked example."""
    for vector in vectors["ckd_epi_2021_egfr"]["vectors"]:
        given_ = vector["input"]
        egfr = compute(
            "ckd-epi-2021",
            creatinine=given_["creatinine_mgdl"],
            age=given_["age"],
            sex=float(given_["sex"] == "female"),
        )
        assert egfr == pytest.approx(vector["expected"], abs=vector["tol"])


def test_hospital_reproduces_the_worked_examples(vectors: Any) -> None:
    """The HOSPITAL score (2016) is exact in every worked example."""
    for vector in vectors["hospital_score"]["vectors"]:
        given_ = {name: float(value) for name, value in vector["input"].items()}
        assert compute("hospital-2016", **given_) == vector["expected"]


def test_lace_reproduces_the_worked_examples(vectors: Any) -> None:
    """The LACE index and its expected percentage are exact in every worked example."""
    for vector in vectors["lace"]["vectors"]:
        lace = compute("lace", **{name: float(value) for name, value in vector["input"].items()})
        assert lace == vector["expected"]
        assert compute("lace-expected-percent", lace=lace) == vector["expected_probability_percent"]


def test_charlson_reproduces_the_worked_examples(vectors: Any, published: Any) -> None:
    """The comorbidity index with Quan's weights is exact in every worked example."""
    groups = published["charlson"]["groups"]
    for vector in vectors["charlson"]["vectors"]:
        codes = [code.replace(".", "") for code in vector["input"]["icd10"]]
        present = [
            name for name, group in groups.items() if any(c.startswith(tuple(group["icd10_prefixes"])) for c in codes)
        ]
        assert compute("charlson-quan-2011", **flags(*present)) == vector["quan"]


def test_the_tables_say_what_was_published(published: Any) -> None:
    """Every weight, cut and point is the one collected for the committee."""
    groups = published["charlson"]["groups"]
    assert {name: group["weight_quan_2011"] for name, group in groups.items()} == tables.CHARLSON_QUAN_2011
    assert published["lace"]["lace_charlson_weights"] == tables.CHARLSON_LACE
    assert [tuple(pair) for pair in published["charlson"]["hierarchy"]] == list(tables.CHARLSON_HIERARCHY)
    assert tuple(published["lace"]["expected_probability_percent"]) == tables.LACE_EXPECTED_PERCENT
    for bands, cuts, points in (
        (published["lace"]["L_days"], tables.LACE_DAYS_CUTS, tables.LACE_DAYS_POINTS),
        (published["lace"]["C_from_lace_charlson"], tables.LACE_COMORBIDITY_CUTS, tables.LACE_COMORBIDITY_POINTS),
        *(
            (
                published["hospital"]["prior_admissions_12m"][variant],
                tables.HOSPITAL_ADMISSIONS_CUTS[variant],
                tables.HOSPITAL_ADMISSIONS_POINTS,
            )
            for variant in ("2016", "2013")
        ),
    ):
        assert [low for low, _, _ in bands[1:]] == list(cuts)
        assert [score for _, _, score in bands] == list(points)


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


@pytest.mark.parametrize("missing", sorted(NORMAL))
@pytest.mark.parametrize("variant", ["hospital-2016", "hospital-2013"])
def test_hospital_with_anything_missing_is_withheld(variant: str, missing: str) -> None:
    """Without haemoglobin or sodium there is no score, not a normal value."""
    assert math.isnan(compute(variant, **NORMAL | {missing: math.nan}))


@pytest.mark.parametrize(
    ("los_days", "points"),
    [(0, 0), (0.5, 0), (1, 1), (2, 2), (3, 3), (4, 4), (6, 4), (7, 5), (13, 5), (14, 7), (365, 7)],
)
def test_length_of_stay_in_lace(los_days: float, points: float) -> None:
    """L: under a day 0, then 1, 2, 3, 4-6: 4, 7-13: 5, from 14 on 7."""
    assert compute("lace", los_days=los_days, emergent=0.0, charlson=0.0, ed_visits_6m=0.0) == points


def test_lace_reaches_from_0_to_19() -> None:
    """Comorbidity of 4 or more counts 5, emergency visits at most 4; the expected percentage is printed for each score."""
    assert compute("lace", los_days=30.0, emergent=1.0, charlson=4.0, ed_visits_6m=9.0) == 19
    assert compute("lace", los_days=0.0, emergent=0.0, charlson=3.0, ed_visits_6m=0.0) == 3
    assert compute("lace-expected-percent", lace=19.0) == 43.7
    assert compute("lace-expected-percent", lace=0.0) == 2.0
    assert math.isnan(compute("lace-expected-percent", lace=20.0))
    assert math.isnan(compute("lace", los_days=1.0, emergent=1.0, charlson=math.nan, ed_visits_6m=0.0))


@pytest.mark.parametrize(
    ("present", "quan", "lace"),
    [
        ((), 0, 0),
        (("dementia", "rheumd", "chf", "cpd"), 2 + 1 + 2 + 1, 3 + 3 + 2 + 2),
        (("mi", "pvd", "cevd", "diab"), 0, 4),
        (("pud", "hp"), 2, 0),
        (("rend",), 1, 2),
        (("aids",), 4, 4),
        (("mld", "msld"), 4, 4),
        (("mld",), 2, 2),
        (("diab", "diabwc"), 1, 2),
        (("canc", "metacanc"), 6, 6),
        (("canc",), 2, 2),
        (tables.CHARLSON_GROUPS, 24, 31),
    ],
)
def test_comorbidity_indices_with_their_hierarchy(present: tuple[str, ...], quan: float, lace: float) -> None:
    """The severer grade of a disease hides the milder; LACE has weights of its own, not those of 1987."""
    assert compute("charlson-quan-2011", **flags(*present)) == quan
    assert compute("charlson-lace", **flags(*present)) == lace


def test_ckd_epi_is_withheld_outside_its_validity() -> None:
    """No estimate for a child, for a creatinine of nothing, or without a sex that the equation knows."""
    adult = {"creatinine": 1.0, "age": 50.0, "sex": 0.0}
    assert compute("ckd-epi-2021", **adult) == pytest.approx(91.69, abs=0.01)
    for changed in ({"age": 17.0}, {"creatinine": 0.0}, {"creatinine": -1.0}, {"sex": 0.5}, {"sex": math.nan}):
        assert math.isnan(compute("ckd-epi-2021", **adult | changed))


def test_mean_arterial_pressure_is_the_measured_one_or_from_the_cuff() -> None:
    """A measured mean comes first; else (systolic + 2 diastolic) / 3; else nothing."""
    assert compute("map", mean=70.0, systolic=120.0, diastolic=60.0) == 70.0
    assert compute("map", systolic=120.0, diastolic=60.0) == 80.0
    assert math.isnan(compute("map", systolic=120.0))


def test_an_argument_that_a_formula_does_not_have_is_an_error() -> None:
    """A misspelt argument is named, not ignored."""
    with pytest.raises(BadInput, match="haemoglobin"):
        FORMULAS["hospital-2016"](haemoglobin=np.array([12.0]))


@given(st.data())
def test_a_formula_has_the_same_bits_for_one_patient_and_for_many(data: st.DataObject) -> None:
    """Every column depends on itself alone, at any place and in any company: powers and sums too."""
    formula = FORMULAS[data.draw(st.sampled_from(sorted(FORMULAS)))]
    seed = data.draw(st.integers(0, 2**32 - 1))
    size = data.draw(st.integers(1, 70))
    random = np.random.default_rng(seed)
    x = random.choice([0.0, 1.0, 2.0, 7.0, math.nan], (len(formula.inputs), size))
    x = np.where(random.random(x.shape) < 0.5, x, random.uniform(0, 90, x.shape))
    if formula.inputs[-1] == "sex":
        x[-1] = random.integers(0, 2, size)
    many = formula.function(x)
    alone = [formula.function(np.ascontiguousarray(x[:, [place]])) for place in range(size)]
    assert np.concatenate(alone).tobytes() == many.tobytes()


def test_every_formula_names_its_source() -> None:
    """Each formula says where it was printed, and its arguments are distinct."""
    for formula in FORMULAS.values():
        assert len(formula.source) > 20
        assert len(set(formula.inputs)) == len(formula.inputs)
