"""services/guidance/guards/overlap.py: every feature that is made of its outcome is found, and named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.check import check_files
from services.guidance.definition import Feature, Outcome
from services.guidance.guards.overlap import find_overlaps, reaching_a_model
from services.timeline.codes import ValueSets
from tests.guidance.feature_cases import DISPOSITION, ICD, LOINC
from tests.guidance.small_guidance import GUIDANCE, files

SEPSIS = {"include": [{"system": ICD[:-1], "concepts": [{"code": "A41", "match": "prefix"}, {"code": "R65.21"}]}]}
SEPTIC_SHOCK = {"include": [{"system": ICD[:-1], "concepts": [{"code": "A41.9"}]}]}
INFECTION = {"include": [{"system": ICD[:-1], "concepts": [{"code": "A", "match": "prefix"}]}]}
DIABETES = {"include": [{"system": ICD[:-1], "concepts": [{"code": "E11", "match": "prefix"}]}]}
DIED = {"include": [{"system": DISPOSITION[:-1], "concepts": [{"code": "exp"}]}]}
VALUE_SETS = ValueSets.from_mapping(
    {
        "version": "1",
        "value_sets": {
            "sepsis": SEPSIS, "septic-shock": SEPTIC_SHOCK, "infection": INFECTION, "diabetes": DIABETES, "died": DIED,
        },
    }
)  # fmt: skip


def outcome(**more: Any) -> Outcome:
    """Sepsis within a day, unless something else is said."""
    told = {
        "kind": "event",
        "name": "sepsis",
        "happens": "get sepsis",
        "horizon_hours": 24,
        "died": {"value_set": "died"},
    }
    if "kind" not in more:
        told["events"] = [{"from": "Condition.code|Encounter.diagnosis", "codes": {"value_set": "sepsis"}}]
    return Outcome.model_validate(told | more)


def feature(**told: Any) -> Feature:
    """A feature that asks whether a condition is there, unless something else is said."""
    return Feature.model_validate({"kind": "exists", "from": "Condition.code", "label": "x"} | told)


def overlaps(what: Outcome, **features: Feature) -> dict[str, str]:
    """Feature → what is said of it."""
    return {one.feature: one.says for one in find_overlaps(features, what, VALUE_SETS)}


DEATH = outcome(kind="death-in-stay")
READMISSION = outcome(kind="readmission")


@pytest.mark.parametrize(
    "reads",
    [
        {"codes": {"value_set": "sepsis"}},
        {"codes": {"value_set": "septic-shock"}},  # below a prefix of the outcome
        {"codes": {"value_set": "infection"}},  # above it
        {"codes": {"tokens": [ICD + "R65.21"]}},
        {"codes": {"tokens": [ICD + "A41.51"]}},
        {"codes": {"tokens": ["http://hl7.org/fhir/sid/icd-10|A41.51"]}},  # WHO's, one table with the other
        {"codes": {"value_sets": ["diabetes", "sepsis"]}},
        {"kind": "count"},  # any diagnosis
        {"kind": "count", "from": "Encounter.diagnosis"},
        {"kind": "current", "from": "Procedure.code", "codes": {"value_set": "sepsis"}},  # a code is the same anywhere
        {"kind": "days_since", "codes": {"value_set": "sepsis"}, "use": "helper"},
    ],
)
def test_a_feature_of_the_outcomes_codes_is_named(reads: dict[str, Any]) -> None:
    """Exactly, by prefix either way, under another name of the system, in any field, or by asking for any code."""
    found = overlaps(outcome(), suspect=feature(**reads), diabetes=feature(codes={"value_set": "diabetes"}))
    assert list(found) == ["suspect"]
    assert "of the outcome itself (Condition.code|Encounter.diagnosis)" in found["suspect"]
    assert overlaps(outcome(may_overlap=["suspect"]), suspect=feature(**reads)) == {}


@pytest.mark.parametrize(
    "reads",
    [
        {"codes": {"value_set": "diabetes"}},
        {"from": "Observation.code", "codes": {"tokens": [LOINC + "718-7"]}},
        {"kind": "count", "from": "MedicationRequest.medication"},  # any medicine is no diagnosis
        {"codes": {"value_set": "sepsis"}, "use": "rule"},
        {"codes": {"value_set": "sepsis"}, "use": "audit"},
        {"kind": "age", "from": "Patient.birthDate"},
        {"kind": "duration", "from": "Encounter.class"},
        {"kind": "count", "from": "Encounter.class"},
    ],
)
def test_what_is_no_overlap_is_not_named(reads: dict[str, Any]) -> None:
    """Other codes, other things, and what no model reads."""
    assert overlaps(outcome(), honest=feature(**reads)) == {}


def test_what_a_model_is_computed_from_is_read_by_it() -> None:
    """A rule that feeds an input of the model, by a formula or by its absence, is found by its own name."""
    computed: dict[str, Any] = {"from": None}
    features = {
        "sepsis": feature(codes={"value_set": "sepsis"}, use="rule"),
        "twice": feature(kind="formula", inputs={"systolic": "sepsis", "diastolic": "sepsis"}, use="rule", **computed),
        "score": feature(kind="score", inputs={"alert": "twice"}, **computed),
        "shock": feature(codes={"value_set": "septic-shock"}, use="rule"),
        "no_shock": feature(kind="absent", of="shock", **computed),
        "beside": feature(codes={"value_set": "septic-shock"}, use="rule"),
    }
    assert reaching_a_model(features) == {"sepsis", "twice", "score", "shock", "no_shock"}
    assert set(overlaps(outcome(), **features)) == {"sepsis", "shock"}


DIED_FEATURE = {"from": "Encounter.dischargeDisposition", "codes": {"value_set": "died"}}
WENT_HOME = {"from": "Encounter.dischargeDisposition", "codes": {"tokens": [DISPOSITION + "home"]}}
WAY_OUT = {
    "kind": "last",
    "from": "Encounter.dischargeDisposition",
    "levels": {DISPOSITION + "home": 0, DISPOSITION + "snf": 1},
}
ANY_WAY_OUT = {"from": "Encounter.dischargeDisposition|Encounter.type"}
DECEASED = {"from": "Patient.deceased"}


@pytest.mark.parametrize(
    ("what", "reads", "found"),
    [
        *((DEATH, reads, True) for reads in (DIED_FEATURE, WENT_HOME, WAY_OUT, ANY_WAY_OUT, DECEASED)),
        *((outcome(within_stay=True), reads, True) for reads in (DIED_FEATURE, WENT_HOME, WAY_OUT, DECEASED)),
        *((READMISSION, reads, True) for reads in (DIED_FEATURE, ANY_WAY_OUT, DECEASED)),
        *((outcome(death="counts"), reads, True) for reads in (DIED_FEATURE, ANY_WAY_OUT, DECEASED)),
        *((what, reads, False) for what in (READMISSION, outcome()) for reads in (WENT_HOME, WAY_OUT)),
        (READMISSION, WAY_OUT | {"levels": {DISPOSITION + "home": 0, DISPOSITION + "exp": 1}}, True),
        # With other codes and the level of a death, no death is ever read.
        (READMISSION, WAY_OUT | WENT_HOME, False),
        (READMISSION, {"kind": "count", "from": "Encounter.class"}, False),
    ],
)
def test_what_settles_the_outcome_is_read_by_no_model(what: Outcome, reads: dict[str, Any], *, found: bool) -> None:
    """Death, and for outcomes of the stay any way out of it; where a patient goes alive may tell of a readmission."""
    assert bool(overlaps(what, suspect=feature(**reads))) is found
    waived = what.model_copy(update={"may_overlap": ("suspect",)})
    assert bool(overlaps(waived, suspect=feature(**reads))) is found


def test_an_overlap_is_a_fault_of_the_guidance_by_name_and_line() -> None:
    """Of any learned prediction, further ones too; named in `may_overlap` it is meant, and no fault."""
    further = """\
predictions:
  anaemia:
    label: anaemia
    outcome:
      kind: event
      name: anaemia within 30 days
      happens: become anaemic
      happened: became anaemic
      horizon_days: 30
      events: [{from: Observation.code, codes: {tokens: ["http://loinc.org|718-7"]}}]
"""
    text = GUIDANCE.replace("policy:\n", f"{further}policy:\n")
    line = text.split("\n").index("  hb:") + 1
    (fault,) = check_files(files(text))
    assert (fault.file, fault.line, fault.path) == ("guidance.yaml", line, "features.hb")
    assert "it reads `http://loinc.org|718-7` of the outcome itself" in fault.message
    meant = text.replace("      horizon_days: 30\n", "      horizon_days: 30\n      may_overlap: [hb]\n")
    assert check_files(files(meant)) == []


CODES = st.lists(st.from_regex(r"[A-C][0-9]{2}[.]?[0-9]{0,2}", fullmatch=True), min_size=1, max_size=4)


@given(CODES, CODES, st.booleans(), st.booleans(), st.data())
@settings(max_examples=150, deadline=None)
def test_every_planted_overlap_is_found(
    of_outcome: list[str], of_feature: list[str], outcome_below: bool, feature_below: bool, data: st.DataObject
) -> None:
    """If one fact can be both the outcome and the feature's, the feature is named, however either names its codes."""
    sets = ValueSets.from_mapping(
        {
            "value_sets": {
                name: {"include": [{"system": ICD[:-1], "concepts": [{"code": code} | match for code in codes]}]}
                for name, codes, match in (
                    ("outcome", of_outcome, {"match": "prefix"} if outcome_below else {}),
                    ("feature", of_feature, {"match": "prefix"} if feature_below else {}),
                )
            }
        }
    )
    what = outcome(events=[{"from": "Condition.code", "codes": {"value_set": "outcome"}}])
    found = find_overlaps({"suspect": feature(codes={"value_set": "feature"})}, what, sets)
    drawn = st.sampled_from([*of_outcome, *of_feature])
    fact = ICD + data.draw(drawn) + (data.draw(st.sampled_from(["", "1"])) if data.draw(st.booleans()) else "")
    if sets.sets["outcome"].matches(fact) and sets.sets["feature"].matches(fact):
        assert [one.feature for one in found] == ["suspect"]
    if found:  # and never without a fact that is both
        assert any(all(one.matches(ICD + code) for one in sets.sets.values()) for code in (*of_outcome, *of_feature)), (
            found
        )
