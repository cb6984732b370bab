"""The last look at an answer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


REMOVED = object()


def test_a_good_card_and_an_empty_answer_may_leave() -> None:
    """Nothing to say is a good answer too."""
    assert faults_of({"cards": [CARD]}) == []
    assert faults_of({"cards": []}) == []


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
        (["uuid"], "card-17", "uuid"),
        (["suggestions", 0, "uuid"], "S1", "uuid"),
        (["suggestions", 0, "isRecommended"], "yes", "isRecommended"),
        (["suggestions", 0, "actionSelectionBehavior"], "all", "actionSelectionBehavior"),
        (["suggestions", 0, "actions", 0, "autoApply"], True, "autoApply"),
        (["suggestions", 0, "actions", 0, "type"], "update", "resource.id"),
        (["suggestions", 0, "actions", 0], {"type": "delete", "description": "x", "resourceId": "nsaid"}, "delete"),
        (["suggestions", 0, "actions", 0], {"type": "delete", "description": "x", "resourceId": ["A/b"]}, "delete"),
        (["source", "topic"], REMOVED, "source.topic"),
        (["source", "topic", "version"], "1", "topic.version"),
        (["source", "colour"], "red", "source.colour"),
        (["links", 0, "autolaunchable"], "true", "autolaunchable"),
        (["links", 0, "url"], "https://x.example/a b", "url"),
        (["extension"], [1], "extension"),
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


def test_all_three_kinds_of_action_may_leave() -> None:
    """Create without an id, update with the whole resource, delete by reference; Epic's long ids too."""
    card = copy.deepcopy(CARD)
    card["suggestions"][0]["actions"] += [
        {
            "type": "update",
            "description": "x",
            "resource": {"resourceType": "ServiceRequest", "id": "a", "status": "draft"},
        },
        {"type": "delete", "description": "x", "resourceId": "MedicationRequest/" + "e" * 194},
    ]
    assert faults_of({"cards": [card]}) == []


@pytest.mark.parametrize(
    ("actions", "place"),
    [
        ([{"type": "create", "resource": {"resourceType": "Flag"}}], "systemActions[0].description"),
        ([{"type": "create", "description": "x", "resource": {"resourceType": "Flag", "note": []}}], "resource.note"),
        (["x"], "systemActions[0]"),
    ],
)
def test_system_actions_are_judged_as_any_action(actions: list[Any], place: str) -> None:
    """Their description is optional in 3.0 and required in 2.0 and by Inferno: it is required here."""
    assert any(place in fault for fault in faults_of({"cards": [], "systemActions": actions}))


def test_an_empty_list_of_system_actions_may_stand_and_a_strange_field_may_not() -> None:
    """Inferno wants the key on some hooks."""
    assert faults_of({"cards": [], "systemActions": []}) == []
    assert faults_of({"cards": [], "decisions": 1}) == ["decisions: no such field"]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every part of a card that differs between calls: not what was judged, not what lies in a created resource."""
    if path[:1] in {("source",), ("overrideReasons",), ("links",)} or "resource" in path:
        return
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*path, key))


@given(
    st.sampled_from(sorted(_places(CARD), key=str)),
    st.sampled_from([None, "", " ", [], {}, 7, True, "x" * 200, REMOVED]),
)
def test_the_lint_of_a_call_finds_what_the_whole_lint_finds(path: tuple[Any, ...], value: Any) -> None:
    """Whatever is put in place of any part that varies, passing over what was judged misses nothing of it."""
    card = copy.deepcopy(CARD)
    judged = frozenset(id(card[name]) for name in ("source", "overrideReasons", "links"))
    part: Any = card
    for step in path[:-1]:
        part = part[step]
    if value is REMOVED:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    assert faults_of({"cards": [card]}, judged) == faults_of({"cards": [card]})


def test_what_was_judged_is_known_by_its_identity() -> None:
    """An equal part that is another object is looked at: only what was linted is passed over."""
    card = copy.deepcopy(CARD)
    bad = {"label": ""}
    assert faults_of({"cards": [card | {"source": bad}]}, frozenset({id(bad)})) == []
    assert faults_of({"cards": [card | {"source": dict(bad)}]}, frozenset({id(bad)})) != []


@pytest.mark.parametrize("answer", [{}, {"cards": None}, {"cards": [7]}, {"cards": [{}]}])
def test_what_is_no_answer_is_a_fault(answer: dict[str, Any]) -> None:
    """The lint itself never fails."""
    assert faults_of(answer)
