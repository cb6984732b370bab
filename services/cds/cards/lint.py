"""The last look: an answer that breaks a rule of CDS Hooks never leaves.

The rules are those of the 2.0 text and of the 3.0 logical models with their invariants, named where they are kept. A
client drops or misreads a malformed card, and nobody notices; a 503 is noticed. What does not vary between calls is
judged when its release is deployed (`cards.form`); a call passes it over by its identity and looks at the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

SUMMARY: Final = 139  # "<140-character"
LABEL: Final = 80
INDICATORS: Final = frozenset({"info", "warning", "critical"})
BEHAVIORS: Final = frozenset({"any", "at-most-one"})
LINK_TYPES: Final = frozenset({"absolute", "smart"})
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-._]{1,256}")  # Epic's ids have about 194 characters
_ANSWER: Final = frozenset({"cards", "systemActions", "extension"})
_CARD: Final = frozenset(
    {
        "uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons",
        "links", "extension",
    }
)  # fmt: skip
_SOURCE: Final = frozenset({"label", "url", "icon", "topic", "extension"})
# `actionSelectionBehavior` is not among them: it must not be used without knowing that the client supports it.
_SUGGESTION: Final = frozenset({"label", "uuid", "isRecommended", "actions", "extension"})
_ACTION: Final = frozenset({"type", "description", "resource", "resourceId", "extension"})
_LINK: Final = frozenset({"label", "url", "type", "appContext", "autolaunchable", "extension"})
_CODING: Final = frozenset({"code", "system", "display"})


def faults_of(answer: Mapping[str, Any], judged: Collection[int] | None = None) -> list[str]:
    """What is wrong with a response, each with its place; empty when it may leave. Never holds the card's words.

    `judged`: identities of the sources, the lists of override reasons and the lists of links that were judged when
    their release was deployed. There, too, every template of a resource was judged with all and with nothing that a
    call may name, so what lies inside a resource that is created is not gone through again. None: everything is.
    """
    cards = answer.get("cards")
    if not isinstance(cards, list):
        return ["cards: must be an array"]
    faults = [f"{key}: no such field" for key in answer.keys() - _ANSWER]
    for place, card in enumerate(cards):
        _card(f"cards[{place}]", card, judged, faults)
    if "systemActions" in answer:
        for number, action in enumerate(_listed(answer, "systemActions")):
            _action(f"systemActions[{number}]", action, faults)
            _blanks(f"systemActions[{number}]", action, judged, faults)
    if not isinstance(answer.get("extension", {}), dict):
        faults.append("extension: must be an object")
    return faults


def _card(place: str, card: object, judged: Collection[int] | None, faults: list[str]) -> None:
    if not isinstance(card, dict):
        faults.append(f"{place}: must be an object")
        return
    _blanks(place, card, judged, faults)
    _fields(place, card, _CARD, faults)
    _texts(place, card, ("summary", "indicator"), faults)
    _texts(place, card, [name for name in ("detail",) if name in card], faults)
    _uuid(place, card, faults)
    summary = card.get("summary")
    if isinstance(summary, str) and (len(summary) > SUMMARY or "\n" in summary):
        faults.append(f"{place}.summary: one line of at most {SUMMARY} characters")
    if not _one_of(card.get("indicator"), INDICATORS):
        faults.append(f"{place}.indicator: info, warning or critical")
    passed: Collection[int] = judged or ()
    if id(source := card.get("source")) not in passed:
        _source(f"{place}.source", source, faults)
    if "suggestions" in card:
        _suggestions(place, card, faults)
    if id(card.get("overrideReasons")) not in passed:
        for number, reason in enumerate(_listed(card, "overrideReasons")):
            _coding(f"{place}.overrideReasons[{number}]", reason, faults, display=True)  # cds-resp-4
    if id(card.get("links")) not in passed:
        for number, link in enumerate(_listed(card, "links")):
            _link(f"{place}.links[{number}]", link, faults)
    if not isinstance(card.get("extension", {}), dict):
        faults.append(f"{place}.extension: must be an object")


def _source(place: str, source: object, faults: list[str]) -> None:
    if not isinstance(source, dict):
        faults.append(f"{place}: required")
        return
    _fields(place, source, _SOURCE, faults)
    _texts(place, source, ("label",), faults)
    for name in ("url", "icon"):
        if name in source and not _absolute(source[name]):
            faults.append(f"{place}.{name}: an absolute http(s) address")
    # Optional in the specification; but Inferno demands it, and Epic remembers overrides by it.
    _coding(f"{place}.topic", source.get("topic"), faults, display=False)


def _suggestions(place: str, card: Mapping[str, Any], faults: list[str]) -> None:
    behavior = card.get("selectionBehavior")
    if not _one_of(behavior, BEHAVIORS):
        faults.append(f"{place}.selectionBehavior: required with suggestions")  # cds-resp-6
    recommended = 0
    for number, suggestion in enumerate(_listed(card, "suggestions")):
        at = f"{place}.suggestions[{number}]"
        if not isinstance(suggestion, dict):
            faults.append(f"{at}: must be an object")
            continue
        _fields(at, suggestion, _SUGGESTION, faults)
        _texts(at, suggestion, ("label",), faults)
        _uuid(at, suggestion, faults)
        if isinstance(label := suggestion.get("label"), str) and len(label) > LABEL:
            faults.append(f"{at}.label: longer than {LABEL} characters")
        if "isRecommended" in suggestion:
            recommended += suggestion["isRecommended"] is True
            if not isinstance(suggestion["isRecommended"], bool):
                faults.append(f"{at}.isRecommended: true or false")
        for place_of, action in enumerate(_listed(suggestion, "actions")):
            _action(f"{at}.actions[{place_of}]", action, faults)
    if behavior == "at-most-one" and recommended > 1:  # cds-resp-1
        faults.append(f"{place}.suggestions: at most one may be recommended")


def _action(place: str, action: object, faults: list[str]) -> None:
    if not isinstance(action, dict):
        faults.append(f"{place}: must be an object")
        return
    _fields(place, action, _ACTION, faults)
    _texts(place, action, ("type", "description"), faults)  # cds-resp-5
    kind, resource = action.get("type"), action.get("resource")
    if kind == "create" or kind == "update":
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            faults.append(f"{place}.resource: a FHIR resource")
        elif kind == "create" and "id" in resource:
            faults.append(f"{place}.resource.id: a new resource has none")
        elif kind == "update" and not isinstance(resource.get("id"), str):
            faults.append(f"{place}.resource.id: an update is the whole resource, with its id")
    elif kind == "delete":  # cds-resp-2
        target = action.get("resourceId")
        if not isinstance(target, str) or not _REFERENCE.fullmatch(target) or "resource" in action:
            faults.append(f"{place}: a delete has a resourceId, `Type/id`, and no resource")
    else:
        faults.append(f"{place}.type: create, update or delete")


def _link(place: str, link: object, faults: list[str]) -> None:
    if not isinstance(link, dict):
        faults.append(f"{place}: must be an object")
        return
    _fields(place, link, _LINK, faults)
    _texts(place, link, ("label", "url", "type", *(name for name in ("appContext",) if name in link)), faults)
    if not _absolute(link.get("url")):
        faults.append(f"{place}.url: an absolute http(s) address")
    if not _one_of(link.get("type"), LINK_TYPES):
        faults.append(f"{place}.type: absolute or smart")
    elif link["type"] == "absolute" and "appContext" in link:  # cds-resp-3
        faults.append(f"{place}.appContext: only with a smart link")
    if not isinstance(link.get("autolaunchable", False), bool):
        faults.append(f"{place}.autolaunchable: true or false")


def _coding(place: str, coding: object, faults: list[str], *, display: bool) -> None:
    if not isinstance(coding, dict):
        faults.append(f"{place}: must be a Coding")
        return
    _fields(place, coding, _CODING, faults)
    _texts(place, coding, ("code", "system", "display") if display else ("code", "system"), faults)


def _fields(place: str, value: Mapping[str, Any], known: frozenset[str], faults: list[str]) -> None:
    if not value.keys() <= known:
        faults += [f"{place}.{key}: no such field" for key in sorted(map(str, value.keys() - known))]


def _texts(place: str, value: Mapping[str, Any], names: Sequence[str], faults: list[str]) -> None:
    for name in names:
        text = value.get(name)
        if not isinstance(text, str) or not text.strip():
            faults.append(f"{place}.{name}: text, not blank")


def _one_of(value: object, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _uuid(place: str, value: Mapping[str, Any], faults: list[str]) -> None:
    # Optional in the specification; but a client sends no feedback on what has none.
    text = value.get("uuid")
    if not isinstance(text, str) or not _UUID.fullmatch(text):
        faults.append(f"{place}.uuid: a UUID")


def _blanks(place: str, value: object, judged: Collection[int] | None, faults: list[str]) -> None:
    """`null`, `""`, `[]` and `{}` are prohibited everywhere: what has no value is left out."""
    if _any_blank(value, judged):
        faults += _each_blank(place, value)


def _any_blank(value: object, judged: Collection[int] | None) -> bool:
    if isinstance(value, str):
        return not value
    if isinstance(value, dict | list):
        if judged is not None and id(value) in judged:
            return False
        return not value or any(_any_blank(part, judged) for part in _looked_into(value, judged))
    return value is None


def _looked_into(value: dict[str, Any] | list[Any], judged: Collection[int] | None) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    if judged is not None and value.get("type") == "create":
        return [part for name, part in value.items() if name != "resource"]
    return value.values()


def _each_blank(place: str, value: object) -> Iterator[str]:
    if value is None or value in ("", [], {}):
        yield f"{place}: empty"
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _each_blank(f"{place}.{name}", part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _each_blank(f"{place}[{number}]", part)


def _listed(value: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = value.get(name, [])
    return found if isinstance(found, list) else [found]


def _absolute(url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)
