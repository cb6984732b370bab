"""Claims about `guidance.checking.features`, `.windows` and `.computed`: every wrong use has a sentence that helps."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.features import check_features
from services.guidance.checking.source_lines import read_yaml
from tests.guidance.feature_cases import EVERY, LOINC, VALUE_SETS, guidance_with

HB: dict[str, Any] = {
    "kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + "718-7"]}, "unit": "g/dL",
}  # fmt: skip
CREATININE = HB | {"codes": {"tokens": [LOINC + "2160-0"]}, "unit": "mg/dL"}
AGE = {"kind": "age"}
EGFR = {"kind": "score", "formula": "ckd-epi-2021", "inputs": {"creatinine": "creatinine", "age": "age", "sex": "age"}}


def faults_of(**features: Any) -> dict[str, str]:
    """Path of each fault of some features, and what is said of it."""
    report = FaultReport(read_yaml("id: example\n"), file="guidance.yaml")
    check_features(guidance_with(features), VALUE_SETS, report)
    return {fault.path: fault.message for fault in report.faults}


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("x.kind", EGFR | {"kind": "formula"}, "is a published score: `kind: score`"),
    ("x.kind", {"kind": "score", "formula": "map", "inputs": {"mean": "hb"}}, "arithmetic that nobody published"),
    ("x.formula", {"kind": "score", "formula": "nonsense"}, "there is no formula `nonsense`"),
    ("x", {"kind": "score"}, "`formula` is missing"),
    ("x.inputs", {"kind": "formula", "formula": "map"}, "give at least one"),
    ("x.inputs", EGFR | {"inputs": {"age": "age", "sex": "age"}}, "needs `creatinine`"),
    ("x.inputs.creatinine", EGFR | {"inputs": EGFR["inputs"] | {"creatinine": "hb"}}, "takes `creatinine` in mg/dL"),
    ("x.inputs.age", EGFR | {"inputs": EGFR["inputs"] | {"age": "nobody"}}, "there is no feature `nobody`"),
    ("x.inputs.sex", EGFR | {"inputs": EGFR["inputs"] | {"sex": "race"}}, "is read for audit only"),
    ("x.window", EGFR | {"window": {"days": 2}}, "reads other features, not the record"),
    ("x.from", EGFR | {"from": "Observation.code"}, "does not read this field"),
    ("x.inputs", EGFR | {"inputs": EGFR["inputs"] | {"sex": "x"}}, "computed from itself"),
    ("x", {"kind": "absent"}, "`of` is missing"),
    ("x.of", {"kind": "absent", "of": "nobody"}, "there is no feature `nobody`"),
    ("x.of", {"kind": "absent", "of": "x"}, "computed from itself"),
    ("x.of", {"kind": "absent", "of": "tests"}, "it is never absent"),
    ("x.of", {"kind": "absent", "of": "race"}, "is read for audit only"),
    ("x.of", HB | {"of": "hb"}, "`of` belongs to `kind: absent`"),
    ("x.range", {"kind": "absent", "of": "hb", "range": [0, 1]}, "has no `range`"),
    ("x.inputs", HB | {"inputs": {"a": "hb"}}, "belongs to `kind: formula`"),
    ("x.window.until_days", HB | {"window": {"days": 7, "until_days": 8}}, "ends (`until_days`) before it begins"),
    ("x.window.until_hours", HB | {"window": {"days": 1, "until_hours": 24}}, "ends (`until_hours`) before it begins"),
    ("x.window.until_hours", HB | {"window": {"until_days": 1, "until_hours": 24}}, "not both"),
    ("x.window.until_days", HB | {"window": {"days": 9, "until_days": 1, "or_this_stay": True}}, "up to the index"),
    ("x.window", {"kind": "duration", "window": {"days": 2}}, "has its own window"),
    ("x.latest_days", HB | {"latest_days": 2}, "belongs to `mean`, `median`, `min` and `max`"),
    ("x.latest_days", HB | {"kind": "sum", "latest_days": 2}, "belongs to `mean`, `median`, `min` and `max`"),
    ("x.not_during", AGE | {"not_during": {"value_set": "inpatient"}}, "belongs to no encounter"),
    ("x.not_during.value_set", HB | {"not_during": {"value_set": "nobody"}}, "no value set `nobody`"),
    ("x.distinct", {"kind": "count", "from": "Condition.code", "distinct": "ingredient"}, "only medicines have ingredients"),
    ("x.distinct", HB | {"distinct": "code"}, "belongs to `count` and `current`"),
    ("x.use", {"kind": "exists", "from": "Coverage.type"}, "for audit only"),
    ("x", {"kind": "sum", "from": "Claim.total"}, "money needs its currency"),
    ("x.unit", {"kind": "sum", "from": "Claim.total", "unit": "mg/dL"}, "money needs its currency"),
    ("x.from", {"kind": "sum", "from": "Claim.total|Observation.code", "unit": "USD", "codes": {"value_set": "died"}}, "make no number together"),
    ("x", HB | {"kind": "median", "unit": None}, "`unit` is missing"),
    ("x.unit", HB | {"unit": "grams a jug"}, "is no UCUM unit"),
    ("x", {"kind": "rise", "from": "QuestionnaireResponse.item", "codes": {"value_set": "died"}}, "`unit` is missing"),
    ("x", {"kind": "exists", "from": "QuestionnaireResponse.item"}, "`codes` is missing"),
    ("x", {"kind": "last", "from": "Immunization.vaccineCode"}, "`levels` is missing"),
    ("x.answers", {"kind": "exists", "from": "Encounter.location", "answers": {"tokens": ["|1"]}}, "`codes` says of which type"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "feature", "says"), WRONG, ids=[f"{path}: {says}" for path, _, says in WRONG])
def test_a_wrong_use_is_named_where_it_stands(path: str, feature: dict[str, Any], says: str) -> None:
    """Each has a sentence of its own, on its own key."""
    others = {
        "hb": HB, "creatinine": CREATININE, "age": AGE, "tests": HB | {"kind": "count", "unit": None},
        "race": {"kind": "exists", "from": "Patient.race", "use": "audit"},
    }  # fmt: skip
    found = faults_of(**others, x=feature)
    assert says in found.get(f"features.{path}", ""), found


def test_what_is_used_as_it_is_meant_has_no_fault() -> None:
    """Every kind and window of the tests of the engine; those only reckon with haemoglobin where pressures are meant."""
    assert [says for says in faults_of(**EVERY).values() if " is in g/dL" not in says] == []


def test_a_helper_of_an_absence_is_used() -> None:
    """What only `absent` asks about is a helper like the input of a formula."""
    assert faults_of(x={"kind": "absent", "of": "hb"}, hb=HB | {"use": "helper"}) == {}
    assert faults_of(x=AGE, hb=HB | {"use": "helper"}) == {"features.hb": "a helper that no other feature uses"}
