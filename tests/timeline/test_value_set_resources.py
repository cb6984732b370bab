"""Value sets as FHIR gives them."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.codes import CodeSet, ValueSets
from services.timeline.errors import BadInput
from tests.timeline.made import ICD, LOINC, SNOMED


def value_set(**parts: Any) -> dict[str, Any]:
    """A ValueSet resource."""
    return {"resourceType": "ValueSet", "status": "active", "title": "A set", **parts}


def read(resource: dict[str, Any]) -> CodeSet:
    """The set among others of our own form."""
    ours = {"title": "Ours", "include": [{"system": LOINC, "concepts": [{"code": "1-8"}]}]}
    found = ValueSets.from_mapping({"version": "1", "value_sets": {"ours": ours, "theirs": resource}})
    assert found.titles == {"ours": "Ours", "theirs": "A set"}
    assert found.sets["ours"].matches(f"{LOINC}|1-8")
    return found.sets["theirs"]


def test_an_expansion_is_read_with_what_is_nested_in_it() -> None:
    """A group without a code and an abstract one only hold others."""
    found = read(
        value_set(
            compose={"include": [{"system": SNOMED, "filter": [{"property": "concept", "op": "is-a", "value": "1"}]}]},
            expansion={
                "total": 4,
                "contains": [
                    {"system": SNOMED, "code": "1", "abstract": True, "contains": [{"system": SNOMED, "code": "2"}]},
                    {"display": "A group", "contains": [{"system": LOINC, "code": "3-4"}]},
                ],
            },
        )
    )
    assert found.tokens == {f"{SNOMED}|2", f"{LOINC}|3-4"}


def test_a_definition_by_concepts_is_read_without_what_it_excludes() -> None:
    """compose.include.concept less compose.exclude.concept."""
    found = read(
        value_set(
            compose={
                "include": [{"system": LOINC, "concept": [{"code": "1-8"}, {"code": "2-6"}]}],
                "exclude": [{"system": LOINC, "concept": [{"code": "2-6"}]}],
            }
        )
    )
    assert found.tokens == {f"{LOINC}|1-8"}


@pytest.mark.parametrize(
    "rule",
    [
        {"property": "concept", "op": "is-a", "value": "E11"},
        {"property": "code", "op": "regex", "value": "E11.*"},
        {"property": "code", "op": "regex", "value": "^E11.*$"},
    ],
)
def test_at_or_below_an_icd_10_code_is_a_prefix(rule: dict[str, str]) -> None:
    """There the hierarchy is in the code."""
    found = read(value_set(compose={"include": [{"system": ICD, "filter": [rule]}]}))
    assert found.matches(f"{ICD}|E11.65")
    assert not found.matches(f"{ICD}|E10")


IS_A = {"property": "concept", "op": "is-a", "value": "73211009"}


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"compose": {"include": [{"system": SNOMED, "filter": [IS_A]}]}}, "concept is-a 73211009"),
        ({"compose": {"include": [{"system": ICD, "filter": [IS_A | {"op": "descendent-of"}]}]}}, "descendent-of"),
        ({"compose": {"include": [{"system": ICD, "filter": [IS_A, IS_A]}]}}, "is not a list"),
        ({"compose": {"include": [{"system": ICD, "filter": [{"property": "code", "op": "regex", "value": "E1[01]"}]}]}},
         "regex E1[01]"),
        ({"compose": {"include": [{"valueSet": ["http://x/y"]}]}}, "http://x/y"),
        ({"compose": {"include": [{"system": LOINC}]}}, f"all of {LOINC}"),
        ({"compose": {"include": []}}, "holds no code"),
        ({"compose": {"include": [{"system": ICD, "filter": [IS_A | {"value": "E11"}]}],
                      "exclude": [{"system": ICD, "concept": [{"code": "E11.9"}]}]}}, "excludes"),
        ({"expansion": {"total": 2, "contains": [{"system": LOINC, "code": "1-8"}]}}, "only a page"),
        ({"expansion": {"offset": 10, "contains": [{"system": LOINC, "code": "1-8"}]}}, "only a page"),
        ({"expansion": {"contains": [{"code": "1-8"}]}}, "lists codes"),
        ({}, "lists codes"),
    ],
)  # fmt: skip
def test_a_rule_that_nobody_can_expand_here_is_refused_by_name(parts: dict[str, Any], says: str) -> None:
    """Half a value set is a population that nobody meant."""
    with pytest.raises(BadInput) as caught:
        read(value_set(**parts))
    assert says in caught.value.message
    assert "theirs" in caught.value.place
