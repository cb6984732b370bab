"""ConceptMap resources of a site."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.concept_maps import read_concept_maps
from services.timeline.errors import BadInput
from tests.timeline.made import ICD, LOINC, SNOMED

LOCAL = "https://hospital.example/codes"


def concept_map(*elements: dict[str, Any], source: str | None = LOCAL, target: str | None = LOINC) -> dict[str, Any]:
    """A map of one group."""
    group = {"source": source, "target": target, "element": list(elements)}
    return {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [{k: v for k, v in group.items() if v is not None}],
    }


def element(code: str, *targets: dict[str, Any]) -> dict[str, Any]:
    """What one code means."""
    return {"code": code, "target": list(targets)}


def read(*maps: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Source → what it means."""
    return dict(read_concept_maps({f"{number}.json": one for number, one in enumerate(maps)}).targets)


@pytest.mark.parametrize("said", ["equal", "equivalent", "wider", "subsumes"])
def test_whoever_has_the_source_has_an_equal_or_a_wider_target(said: str) -> None:
    """R4's four words for it."""
    found = read(concept_map(element("CREA", {"code": "2160-0", "equivalence": said})))
    assert found == {f"{LOCAL}|CREA": (f"{LOINC}|2160-0",)}


@pytest.mark.parametrize("said", ["equivalent", "source-is-narrower-than-target"])
def test_r5_says_the_same_in_other_words(said: str) -> None:
    """`relationship` in place of `equivalence`, and a version behind the system."""
    document = concept_map(
        element("CREA", {"code": "2160-0", "relationship": said}), source=f"{LOCAL}|2.0", target=f"{LOINC}|2.78"
    )
    assert read(document) == {f"{LOCAL}|CREA": (f"{LOINC}|2160-0",)}


@pytest.mark.parametrize(
    "said", ["narrower", "specializes", "inexact", "relatedto", "related-to", "source-is-broader-than-target"]
)
def test_a_target_that_says_more_than_was_recorded_is_left_out_and_counted(said: str) -> None:
    """A creatinine of some kind is not known to be one of serum."""
    name = "relationship" if "-" in said else "equivalence"
    found = read_concept_maps({"m": concept_map(element("CREA", {"code": "2160-0", name: said}))})
    assert found.targets == {}
    assert found.left_out == {f"{said}: says more than was recorded": 1}


@pytest.mark.parametrize("name", ["dependsOn", "product"])
def test_a_target_that_needs_something_else_is_left_out_and_counted(name: str) -> None:
    """It holds only together with another value, which nobody looks at here."""
    target = {"code": "2160-0", "equivalence": "equal", name: [{"property": "specimen", "value": "serum"}]}
    found = read_concept_maps({"m": concept_map(element("CREA", target))})
    assert found.targets == {}
    assert found.left_out == {"holds only together with something else": 1}


@pytest.mark.parametrize(
    "no_map",
    [
        element("X", {"equivalence": "unmatched"}),
        element("X", {"code": "1", "equivalence": "disjoint"}),
        element("X", {"code": "1", "relationship": "not-related-to"}),
        {"code": "X", "noMap": True},
        {"code": "X"},
    ],
)
def test_unmatched_and_disjoint_do_nothing(no_map: dict[str, Any]) -> None:
    """The map's author looked, and there is nothing."""
    found = read_concept_maps({"m": concept_map(no_map)})
    assert (found.targets, found.left_out) == ({}, {})


def test_several_maps_and_a_bundle_of_them_add_up() -> None:
    """A code may mean a laboratory test in one map and a diagnosis in another."""
    one = concept_map(element("D", {"code": "E11", "equivalence": "equal"}), target=ICD)
    other = concept_map(element("D", {"code": "44054006", "equivalence": "equal"}), target=SNOMED)
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one}, {"resource": other}]}
    assert read(bundle) == read(one, other) == {f"{LOCAL}|D": (f"{ICD}|E11", f"{SNOMED}|44054006")}


GOOD = element("CREA", {"code": "2160-0", "equivalence": "equal"})


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"resourceType": "ValueSet"}, "m.json"),
        ([], "m.json"),
        (concept_map(GOOD) | {"status": "retired"}, "m.json"),
        ({"resourceType": "ConceptMap"}, "m.json"),
        (concept_map(GOOD, source=None), "m.json, group 1"),
        (concept_map(GOOD, target=None), "m.json, group 1"),
        (concept_map({"valueSet": "http://x", "target": []}), "m.json, group 1"),
        (concept_map(element("CREA", {"equivalence": "equal"})), "m.json, group 1, code CREA"),
        (concept_map(element("CREA", {"code": "2160-0"})), "m.json, group 1, code CREA"),
        (concept_map(element("CREA", {"code": "2160-0", "equivalence": "same"})), "m.json, group 1, code CREA"),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}, "m.json, entry 1"),
    ],
)
def test_a_map_that_cannot_be_read_is_said_with_its_place(document: Any, place: str) -> None:
    """A map that is quietly not read is a result that is quietly not seen."""
    with pytest.raises(BadInput) as caught:
        read_concept_maps({"m.json": document})
    assert caught.value.place == place
