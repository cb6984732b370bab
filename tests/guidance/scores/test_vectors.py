"""Claims about the worked examples of the published scores."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.guidance.scores.charlson import GROUPS
from tests.guidance.scores.one_patient import compute

HERE = Path(__file__).parent
VECTORS: dict[str, Any] = json.loads((HERE / "vectors.json").read_bytes())

Case = dict[str, Any]


def sex(given: Case) -> float:
    """1 female, 0 male."""
    return {"female": 1.0, "male": 0.0}[given["sex"]]


def prevent(case: Case) -> float:
    """PREVENT from the words of the examples."""
    given = {**case["input"], "sex": sex(case["input"])}
    del given["bmi"]  # no part of total CVD
    assert case["outcome"] == "total_cvd_10y"
    return compute("prevent-total-cvd", **given)


def kdigo(given: Case) -> float:
    """The rise counts only if the two values are within 48 hours of each other."""
    lowest = given["baseline"] if given["hours"] <= 48 else math.nan
    return compute(
        "kdigo-aki-stage",
        current=given["current"],
        baseline=given["baseline"],
        lowest_48h=lowest,
        rrt=given["rrt"],
    )


def news2(given: Case) -> float:
    """Scale 2 where the example says so."""
    given = {**given, "oxygen": given["on_oxygen"], "hypercapnic": given["scale"] == 2}
    return compute("news2", **{name: float(v) for name, v in given.items() if name not in ("on_oxygen", "scale")})


def cha2ds2_vasc(given: Case) -> float:
    """What the example does not name is not there."""
    words = {"htn": "hypertension", "dm": "diabetes"}
    usual = dict.fromkeys(("chf", "hypertension", "diabetes", "stroke", "vascular"), 0.0)
    named = {words.get(name, name): float(v) for name, v in given.items() if name != "sex"}
    return compute("cha2ds2-vasc", **{**usual, **named, "sex": sex(given)})


SCORES: dict[str, Callable[[Case], float]] = {
    "ckd_epi_2021_egfr": lambda case: compute(
        "ckd-epi-2021", creatinine=case["input"]["creatinine_mgdl"], age=case["input"]["age"], sex=sex(case["input"])
    ),
    "meld_3_0": lambda case: compute("meld-3.0", **{**case["input"], "sex": sex(case["input"])}),
    "fib4": lambda case: compute("fib-4", **case["input"]),
    "aha_prevent": prevent,
    "hospital_score": lambda case: compute("hospital-2016", **case["input"]),
    "lace": lambda case: compute("lace", **case["input"]),
    "cha2ds2_vasc": lambda case: cha2ds2_vasc(case["input"]),
    "news2": lambda case: news2(case["input"]),
    "qsofa": lambda case: compute("qsofa", **case["input"]),
    "kdigo_aki_stage": lambda case: kdigo(case["input"]),
}
CASES = [
    pytest.param(score, case, id=f"{score}-{place}")
    for score in SCORES
    for place, case in enumerate(VECTORS[score]["vectors"])
    if case.get("model", "base") == "base"  # PREVENT with urine albumin is another equation, and not offered
]


@pytest.mark.parametrize(("score", "case"), CASES)
def test_a_worked_example_is_reproduced(score: str, case: Case) -> None:
    """Every worked example comes out within its tolerance; where none is stated, exactly."""
    assert SCORES[score](case) == pytest.approx(case["expected"], abs=case.get("tol", 0.0), rel=0.0)


@pytest.mark.parametrize("case", VECTORS["lace"]["vectors"])
def test_the_expected_percentage_of_lace_is_the_printed_one(case: Case) -> None:
    """Of 100 with this LACE index so many died or came back in the paper."""
    assert compute("lace-expected-percent", lace=case["expected"]) == case["expected_probability_percent"]


@pytest.mark.parametrize("case", VECTORS["charlson"]["vectors"])
@pytest.mark.parametrize(("weights", "formula"), [("original", "charlson-1987"), ("quan", "charlson-quan-2011")])
def test_a_worked_comorbidity_index_is_reproduced(weights: str, formula: str, case: Case) -> None:
    """Both sets of weights, from ICD-10 codes, with the hierarchy."""
    groups = {"I50": "chf", "E11.9": "diab", "C78.0": "metacanc", "C34.9": "canc"}
    present = {groups[code]: 1.0 for code in case["input"]["icd10"]}
    usual = dict.fromkeys(GROUPS, 0.0)
    assert compute(formula, **{**usual, **present}) == case[weights]


def test_the_examples_are_those_that_were_collected(shared: Path) -> None:
    """The file beside this test is the collection, word for word, and every score of it is tried here."""
    collected = json.loads((shared / "data" / "score_vectors.json").read_bytes())
    assert {name: part for name, part in VECTORS.items() if name != "provenance"} == collected
    assert set(collected) == {*SCORES, "charlson"}
