"""The last look at an answer."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from services.cds.cards.lint import faults_of

CARD: dict[str, Any] = {
    "uuid": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "summary": "30-day readmission risk 28%",
    "detail": "Of **100** …",
    "indicator": "info",
    "source": {
        "label": "Knowdo: Readmission 1.0.0 (0123456789ab)",
        "url": "https://knowdo.example/registry/releases/x/page",
        "topic": {"system": "urn:knowdo:guidance", "code": "readmission-30d"},
    },
    "suggestions": [
        {
            "label": "Book follow-up",
            "uuid": "7d8ce4d0-1b6f-4a8e-9d8b-0a2f1f6f9f11",
            "actions": [{"type": "create", "description": "A visit", "resource": {"resourceType": "ServiceRequest"}}],
        }
    ],
    "selectionBehavior": "any",
    "overrideReasons": [{"code": "x", "system": "urn:x", "display": "Not now"}],
    "links": [{"label": "Study", "url": "https://doi.org/10.1001/x", "type": "absolute"}],
}


def test_a_good_card_and_an_empty_answer_may_leave() -> None:
    """Nothing to say is a good answer too."""
    assert faults_of({"cards": [CARD]}) == []
    assert faults_of({"cards": []}) == []


REMOVED = object()


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (["uuid"], REMOVED, "uuid"),
        (["summary"], "x" * 140, "summary"),
        (["summary"], " ", "summary"),
        (["summary"], "two\nlines", "summary"),
        (["summary"], REMOVED, "summary"),
        (["detail"], "", "detail"),
        (["detail"], None, "detail"),
        (["indicator"], "hard-stop", "indicator"),
        (["indicator"], REMOVED, "indicator"),
        (["source"], REMOVED, "source"),
        (["source"], {}, "source"),
        (["source", "label"], REMOVED, "source.label"),
        (["source", "url"], "/registry/x", "source.url"),
        (["source", "url"], "https://", "source.url"),
        (["source", "icon"], "file:///x", "source.icon"),
        (["source", "topic", "code"], REMOVED, "topic.code"),
        (["source", "topic", "system"], 7, "topic.system"),
        (["suggestions"], [], "suggestions"),
        (["suggestions", 0, "label"], REMOVED, "label"),
        (["suggestions", 0, "label"], "x" * 81, "label"),
        (["suggestions", 0, "uuid"], REMOVED, "uuid"),
        (["suggestions", 0, "actions"], [], "actions"),
        (["suggestions", 0, "actions", 0, "type"], "CREATE", "type"),
        (["suggestions", 0, "actions", 0, "description"], REMOVED, "description"),
        (["suggestions", 0, "actions", 0, "resource"], REMOVED, "resource"),
        (["suggestions", 0, "actions", 0, "resource", "id"], "7", "resource.id"),
        (["suggestions", 0, "actions", 0, "resource", "note"], [], "resource.note"),
        (["suggestions", 0, "actions", 0], {"type": "delete", "description": "x", "resource": {"a": 1}}, "delete"),
        (["selectionBehavior"], REMOVED, "selectionBehavior"),
        (["selectionBehavior"], "all", "selectionBehavior"),
        (["overrideReasons", 0, "display"], REMOVED, "display"),
        (["overrideReasons", 0], "not now", "overrideReasons[0]"),
        (["links", 0, "url"], "doi.org/x", "url"),
        (["links", 0, "type"], "relative", "type"),
        (["links", 0, "appContext"], "x", "appContext"),
        (["autoApply"], True, "autoApply"),
    ],
)
def test_each_rule_broken_is_named_with_its_place(path: list[Any], value: Any, place: str) -> None:
    """One change from the good card, one fault with its place, and never the card's words."""
    card = copy.deepcopy(CARD)
    part: Any = card
    for step in path[:-1]:
        part = part[step]
    if value is REMOVED:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    faults = faults_of({"cards": [card]})
    assert any(place in fault for fault in faults), faults
    assert not any("readmission risk" in fault for fault in faults)


def test_at_most_one_suggestion_is_recommended_where_one_may_be_chosen() -> None:
    """`cds-resp-1` of the logical model."""
    card = copy.deepcopy(CARD)
    card["selectionBehavior"] = "at-most-one"
    card["suggestions"] = [card["suggestions"][0] | {"isRecommended": True}] * 2
    assert any("recommended" in fault for fault in faults_of({"cards": [card]}))


@pytest.mark.parametrize("answer", [{}, {"cards": None}, {"cards": [7]}, {"cards": [{}]}])
def test_what_is_no_answer_is_a_fault(answer: dict[str, Any]) -> None:
    """The lint itself never fails."""
    assert faults_of(answer)
