"""Cards: every one that was seen in any answer is held to the rules of its shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from services.cds.conformance.checks import Faults, Skipped, as_list, as_object, check
from services.cds.conformance.json_rules import blanks, coding, extensions, is_absolute, is_text, is_uuid, texts
from services.cds.conformance.target import Service, Target

INDICATORS: Final = ("info", "warning", "critical")
BEHAVIORS: Final = ("at-most-one", "any")
LONGEST_SUMMARY: Final = 139  # "<140-character"
_ACTIVE: Final = re.compile(r"<\s*(script|iframe|object|embed|form|img|style|link)\b|\bon\w+\s*=|javascript:", re.I)
_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-._]+")
Placed = Iterator[tuple[dict[str, Any], str]]


@check(3, "I7")
def nothing_in_an_answer_is_empty(target: Target, service: Service) -> Faults:
    """No answer holds a `null`, an empty text, array or object, but for `cards: []`."""
    for content, place in _answers(target, service):
        yield from blanks(content, place)


@check(56)
def extensions_are_objects(target: Target, service: Service) -> Faults:
    """Every `extension` of an answer is a JSON object."""
    for content, place in _answers(target, service):
        yield from extensions(content, place)


@check(32)
def a_card_has_a_uuid_of_its_own(target: Target, service: Service) -> Faults:
    """Every card has a `uuid`, which is a UUID."""
    for card, place in target.cards(service):
        if "uuid" not in card:
            yield f"{place} has no uuid"
        elif not is_uuid(card["uuid"]):
            yield f"{place}.uuid is no UUID"


@check(32, level="SHALL")
def uuids_are_unique(target: Target, service: Service) -> Faults:
    """No two cards, and no two suggestions, share a `uuid`."""
    seen = Counter(
        one["uuid"]
        for card, _ in target.cards(service)
        for one in (card, *map(as_object, as_list(card.get("suggestions"))))
        if isinstance(one.get("uuid"), str)
    )
    yield from (f"{uuid} is given {count} times" for uuid, count in seen.items() if count > 1)


@check(33, "I7")
def summary_is_short(target: Target, service: Service) -> Faults:
    """Every `summary` is a text of less than 140 characters."""
    for card, place in target.cards(service):
        yield from texts(card, place, required=("summary",))
        if isinstance(summary := card.get("summary"), str) and len(summary) > LONGEST_SUMMARY:
            yield f"{place}.summary has {len(summary)} characters"


@check(34)
def detail_is_markdown(target: Target, service: Service) -> Faults:
    """A `detail` is a text without active HTML."""
    for card, place in target.cards(service):
        yield from texts(card, place, optional=("detail",))
        if found := _ACTIVE.search(str(card.get("detail", ""))):
            yield f"{place}.detail holds {found[0]!r}"


@check(35, "I7")
def indicator_is_one_of_three(target: Target, service: Service) -> Faults:
    """Every `indicator` is info, warning or critical."""
    for card, place in target.cards(service):
        if card.get("indicator") not in INDICATORS:
            yield f"{place}.indicator is {card.get('indicator')!r}"


@check(36, "I7")
def source_has_a_label(target: Target, service: Service) -> Faults:
    """Every `source` has a `label`; its `url` and `icon` are absolute, its `topic` a Coding."""
    for card, place in target.cards(service):
        source = card.get("source")
        if not isinstance(source, dict):
            yield f"{place}.source is missing, or no object"
            continue
        yield from texts(source, f"{place}.source", required=("label",))
        for name in ("url", "icon"):
            if name in source and not is_absolute(source[name]):
                yield f"{place}.source.{name} is not absolute"
        if "topic" in source:
            yield from coding(source["topic"], f"{place}.source.topic")


@check(37, "I9")
def suggestions_say_how_to_choose(target: Target, service: Service) -> Faults:
    """With suggestions there is a `selectionBehavior`, at-most-one or any."""
    for card, place in target.cards(service):
        if "suggestions" in card and card.get("selectionBehavior") not in BEHAVIORS:
            yield f"{place}.selectionBehavior is {card.get('selectionBehavior')!r}"


@check(37)
def at_most_one_is_recommended(target: Target, service: Service) -> Faults:
    """With at-most-one, at most one suggestion is recommended."""
    for card, place in target.cards(service):
        recommended = [one for one in as_list(card.get("suggestions")) if as_object(one).get("isRecommended") is True]
        if card.get("selectionBehavior") == "at-most-one" and len(recommended) > 1:
            yield f"{place} recommends {len(recommended)} suggestions"


@check(38, "I9")
def suggestions_have_a_label(target: Target, service: Service) -> Faults:
    """A suggestion has a `label`, a `uuid` that is a text, and `actions` that are an array."""
    for suggestion, place in _suggestions(target, service):
        yield from texts(suggestion, place, required=("label",), optional=("uuid",))
        if "actions" in suggestion and not (isinstance(suggestion["actions"], list) and suggestion["actions"]):
            yield f"{place}.actions is no array with entries"
        if not isinstance(suggestion.get("isRecommended", False), bool):
            yield f"{place}.isRecommended is no boolean"


@check(38)
def action_selection_is_not_used_unasked(target: Target, service: Service) -> Faults:
    """No suggestion uses `actionSelectionBehavior`: this client never said that it supports it."""
    for suggestion, place in _suggestions(target, service):
        if "actionSelectionBehavior" in suggestion:
            yield f"{place} uses it"


@check(39, "I6")
def actions_have_type_and_description(target: Target, service: Service) -> Faults:
    """An action has a `type` (create, update, delete) and a `description`."""
    for action, place in _actions(target, service):
        yield from texts(action, place, required=("type", "description"))
        if action.get("type") not in ("create", "update", "delete"):
            yield f"{place}.type is {action.get('type')!r}"


@check(39, "I10")
def create_and_update_have_a_resource(target: Target, service: Service) -> Faults:
    """Create and update have a FHIR resource; that of an update has its id."""
    for action, place in _actions(target, service):
        resource = as_object(action.get("resource"))
        if action.get("type") in ("create", "update") and not is_text(resource.get("resourceType")):
            yield f"{place}.resource is no FHIR resource"
        if action.get("type") == "update" and not is_text(resource.get("id")):
            yield f"{place}.resource has no id"


@check(39)
def delete_has_a_resource_id(target: Target, service: Service) -> Faults:
    """Delete has a `resourceId`, a relative reference, and no `resource`."""
    for action, place in _actions(target, service):
        if action.get("type") == "delete":
            if not _REFERENCE.fullmatch(str(action.get("resourceId", ""))):
                yield f"{place}.resourceId is no `Type/id`"
            if "resource" in action:
                yield f"{place} has a resource"


@check(40, "I6")
def system_actions_are_actions(target: Target, service: Service) -> Faults:
    """`systemActions` is an array of actions with type and what it needs."""
    for content, place in _answers(target, service):
        if not isinstance(content.get("systemActions", []), list):
            yield f"{place}.systemActions is no array"
        for number, action in enumerate(map(as_object, as_list(content.get("systemActions")))):
            where = f"{place}.systemActions[{number}]"
            yield from texts(action, where, required=("type", "description"))
            resource = as_object(action.get("resource"))
            if action.get("type") in ("create", "update") and not is_text(resource.get("resourceType")):
                yield f"{where}.resource is no FHIR resource"


@check(4)
def empty_system_actions_are_left_out(target: Target, service: Service) -> Faults:
    """`systemActions` without an action is left out; on the three hooks where Inferno wants it, it may stay."""
    for content, place in _answers(target, service):
        if content.get("systemActions") == [] and service.hook not in (
            "appointment-book",
            "order-sign",
            "order-dispatch",
        ):
            yield f"{place}.systemActions is empty"


@check(41, "I8")
def links_are_absolute(target: Target, service: Service) -> Faults:
    """A link has `label`, an absolute `url` and a `type`, absolute or smart."""
    for link, place in _links(target, service):
        yield from texts(link, place, required=("label", "url", "type"))
        if "url" in link and not is_absolute(link["url"]):
            yield f"{place}.url is not absolute"
        if link.get("type") not in ("absolute", "smart"):
            yield f"{place}.type is {link.get('type')!r}"
        if not isinstance(link.get("autolaunchable", False), bool):
            yield f"{place}.autolaunchable is no boolean"


@check(41, "I8")
def app_context_is_for_smart_links(target: Target, service: Service) -> Faults:
    """`appContext` is on smart links only."""
    for link, place in _links(target, service):
        if link.get("type") != "smart" and "appContext" in link:
            yield f"{place} has an appContext"


@check(42, 43)
def override_reasons_have_a_display(target: Target, service: Service) -> Faults:
    """Every override reason is a Coding with code, system and display."""
    for card, place in target.cards(service):
        for number, reason in enumerate(as_list(card.get("overrideReasons"))):
            yield from coding(reason, f"{place}.overrideReasons[{number}]", display=True)


def _answers(target: Target, service: Service) -> Placed:
    """Every 200 seen, with the number of its exchange."""
    target.look_at_all(service)
    seen = [answer for answer in target.answers.get(service, ()) if answer.status == 200]
    if not seen:
        raise Skipped("no call was answered with 200")
    for answer in seen:
        target.cite(answer)
        yield as_object(answer.json), f"answer {answer.number}"


def _suggestions(target: Target, service: Service) -> Placed:
    for card, place in target.cards(service):
        for number, suggestion in enumerate(as_list(card.get("suggestions"))):
            yield as_object(suggestion), f"{place}.suggestions[{number}]"


def _actions(target: Target, service: Service) -> Placed:
    for suggestion, place in _suggestions(target, service):
        for number, action in enumerate(as_list(suggestion.get("actions"))):
            yield as_object(action), f"{place}.actions[{number}]"


def _links(target: Target, service: Service) -> Placed:
    for card, place in target.cards(service):
        for number, link in enumerate(as_list(card.get("links"))):
            yield as_object(link), f"{place}.links[{number}]"
