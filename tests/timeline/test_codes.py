"""Codes and the sets that match them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.timeline.codes import (
    ICD_10,
    ICD_10_CM,
    LONGEST,
    CodeSet,
    ValueSets,
    icd10_category,
    is_standard,
    join_tokens,
    token,
)
from services.timeline.errors import BadInput
from tests.timeline.made import ICD, LOINC, SNOMED

SETS = {
    "version": "1.0.0",
    "value_sets": {
        "diabetes": {
            "title": "Diabetes",
            "include": [
                {"system": ICD, "concepts": [{"code": "E10", "match": "prefix"}, {"code": "E11.2", "match": "prefix"}]},
                {"system": SNOMED, "concepts": [{"code": "73211009"}]},
            ],
        },
        "old-diabetes": {
            "title": "WHO only",
            "include": [{"system": ICD_10, "concepts": [{"code": "E14", "match": "prefix"}]}],
        },
    },
}


@dataclass(frozen=True)
class Asked:
    """As a guidance asks."""

    value_set: str | None = None
    value_sets: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (f"{ICD}|E10", True),
        (f"{ICD}|E10.9", True),
        (f"{ICD}|E109", True),
        (f"{ICD}|e10.9", True),
        (f"{ICD_10}|E10.9", True),
        ("urn:oid:2.16.840.1.113883.6.90|E10.9", True),
        (f"{ICD}|E11", False),
        (f"{ICD}|E11.21", True),
        (f"{ICD}|E11.3", False),
        (f"{SNOMED}|73211009", True),
        (f"{SNOMED}|7321100", False),
        (f"{SNOMED}|732110090", False),
        (f"{ICD}|I10\n{SNOMED}|73211009", True),
        ("|E10", False),
        (f"{SNOMED}|E10", False),
        ("", False),
    ],
)
def test_icd_10_matches_at_or_below_a_prefix_and_other_systems_exactly(codes: str, expected: bool) -> None:
    """The dot and the case of an ICD-10 code do not matter; a SNOMED code must be the very one."""
    sets = ValueSets.from_mapping(SETS)
    assert sets.resolve(Asked(value_set="diabetes")).matches(codes) is expected


def test_a_request_joins_its_sets_and_tokens() -> None:
    """Value sets and single tokens together; asked again, the same object answers from its memory."""
    sets = ValueSets.from_mapping(SETS)
    asked = Asked(value_set="diabetes", value_sets=("old-diabetes",), tokens=(f"{LOINC}|2160-0", f"{ICD}|I10"))
    whole = sets.resolve(asked)
    assert [whole.matches(codes) for codes in (f"{ICD}|E14.1", f"{LOINC}|2160-0", f"{ICD}|I10", f"{ICD}|I10.1")] == [
        True,
        True,
        True,
        False,
    ]
    assert sets.resolve(asked) is whole
    assert whole
    assert not CodeSet()


def test_an_unknown_value_set_is_named() -> None:
    """A guidance that asks for what is not there is told so."""
    with pytest.raises(BadInput, match="no value set `asthma`"):
        ValueSets.from_mapping(SETS).resolve(Asked(value_set="asthma"))


@pytest.mark.parametrize(
    "content",
    [{}, {"value_sets": []}, {"value_sets": {"a": {}}}, {"value_sets": {"a": {"include": [{"system": "x"}]}}}],
)
def test_a_file_of_another_shape_is_bad_input(content: dict[str, object]) -> None:
    """The message names the file."""
    with pytest.raises(BadInput) as caught:
        ValueSets.from_mapping(content, place="value_sets.json")
    assert caught.value.place == "value_sets.json"


def test_every_clinical_value_set_matches_its_own_codes(shared: Path) -> None:
    """All value sets of the clinical content can be read, and hold every code that they list."""
    content = json.loads((shared / "clinical" / "value_sets.json").read_text())
    sets = ValueSets.from_mapping(content)
    for name, described in content["value_sets"].items():
        code_set = sets.resolve(Asked(value_set=name))
        for part in described["include"]:
            assert all(code_set.matches(token(part["system"], concept["code"])) for concept in part["concepts"]), name


@settings(max_examples=20)
@given(st.lists(st.sampled_from([f"{ICD}|E10.1", f"{ICD}|I10", f"{SNOMED}|1", "|x", ""]), max_size=6))
def test_matching_a_dictionary_is_matching_each_word(words: list[str]) -> None:
    """One answer per word, from memory or not."""
    code_set = CodeSet.of([f"{SNOMED}|1"], prefixes=[f"{ICD}|E10"])
    expected = [code_set.matches(word) for word in words]
    assert code_set.matching(words).tolist() == expected
    assert CodeSet.of([f"{SNOMED}|1"], prefixes=[f"{ICD}|E10"]).matching(words * 5000).tolist() == expected * 5000


def test_the_memory_of_a_set_is_bounded() -> None:
    """A million different texts do not fill the process."""
    code_set = CodeSet.of([f"{SNOMED}|1"])
    for number in range(50_000):
        code_set.matches(f"|text {number}")
    assert len(code_set._verdicts) <= 20_000


def test_tokens_cannot_be_forged_by_their_content() -> None:
    """A line break inside a code ends no token, a narrative is cut, and a system has one name."""
    assert token("", f"harmless\n{ICD}|E10") == f"|harmless {ICD}|E10"
    assert len(token("", "x" * 10_000)) <= LONGEST + 1
    assert token("urn:oid:2.16.840.1.113883.6.1", "2160-0") == f"{LOINC}|2160-0"
    assert join_tokens(["b|2", "a|1", "b|2"]) == "a|1\nb|2"


@pytest.mark.parametrize(
    ("codes", "category"),
    [
        (f"{ICD}|E11.21", "E11"),
        (f"{SNOMED}|1\n{ICD_10}|e112", "E11"),
        (f"{SNOMED}|73211009", ""),
        (f"{ICD}|E1", ""),
        ("", ""),
    ],
)
def test_the_icd_10_category_is_three_characters(codes: str, category: str) -> None:
    """What is not coded in ICD-10 has no category."""
    assert icd10_category(codes) == category


def test_icd_10_cm_and_who_share_prefixes() -> None:
    """A prefix named in either ICD-10 holds for a fact coded in the other."""
    assert CodeSet.of(prefixes=[f"{ICD_10}|E14"]).matches(f"{ICD_10_CM}|E14.1")
    assert CodeSet.of(prefixes=[f"{ICD_10_CM}|E11"]).matches(f"{ICD_10}|E11")


@pytest.mark.parametrize(
    ("one", "standard"),
    [
        (f"{LOINC}|2160-0", True),
        (f"{ICD}|E11", True),
        ("http://hl7.org/fhir/sid/cvx|140", True),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP", True),
        ("https://hospital.example/codes|CREA", False),
        ("|a text", False),
        ("urn:knowdo:ingredient|1", False),
    ],
)
def test_a_site_s_own_code_is_told_from_a_standard_one(one: str, standard: bool) -> None:
    """What no guidance can ask for is worth a line in the report on the data."""
    assert is_standard(one) is standard


def test_a_verdict_on_more_codes_than_anything_has_is_not_kept() -> None:
    """A client may write as many codes as a body holds: the set answers, and remembers none of it."""
    code_set = CodeSet.of(["a|b"])
    for number in range(50):
        assert code_set.matches("a|b\n" + f"{number}" * 10_000)
    assert not code_set._verdicts
