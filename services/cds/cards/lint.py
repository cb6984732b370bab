"""The last look: an answer that breaks a rule of CDS Hooks never leaves. Rules by their number in the specification's order.

A client drops or misreads a malformed card, and nobody notices; a 503 is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

SUMMARY: Final = 139  # "<140-character"
LABEL: Final = 80
INDICATORS: Final = frozenset({"info", "warning", "critical"})
BEHAVIORS: Final = frozenset({"any", "at-most-one"})
_CARD: Final = frozenset(
    {
        "uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons",
        "links", "extension",
    }
)  # fmt: skip


def faults_of(answer: Mapping[str, Any]) -> list[str]:
    """What is wrong with a response, each with its place; empty when it may leave. Never holds the card's words."""
    if not isinstance(answer.get("cards"), list):
        return ["cards: must be an array"]
    return [fault for place, card in enumerate(answer["cards"]) for fault in _card(f"cards[{place}]", card)]


def _card(place: str, card: object) -> Iterator[str]:
    if not isinstance(card, dict):
        yield f"{place}: must be an object"
        return
    yield from _no_blanks(place, card)
    yield from (f"{place}.{key}: no such field" for key in card.keys() - _CARD)
    yield from _texts(place, card, required=("uuid", "summary", "indicator"), optional=("detail",))
    if isinstance(summary := card.get("summary"), str) and (len(summary) > SUMMARY or "\n" in summary):
        yield f"{place}.summary: one line of at most {SUMMARY} characters"
    if card.get("indicator") not in INDICATORS:
        yield f"{place}.indicator: info, warning or critical"
    yield from _source(f"{place}.source", card.get("source"))
    for number, suggestion in enumerate(_listed(card, "suggestions")):
        yield from _suggestion(f"{place}.suggestions[{number}]", suggestion)
    if "suggestions" in card and card.get("selectionBehavior") not in BEHAVIORS:
        yield f"{place}.selectionBehavior: required with suggestions"
    recommended = [one for one in _listed(card, "suggestions") if isinstance(one, dict) and one.get("isRecommended")]
    if card.get("selectionBehavior") == "at-most-one" and len(recommended) > 1:
        yield f"{place}.suggestions: at most one may be recommended"
    for number, reason in enumerate(_listed(card, "overrideReasons")):
        yield from _coding(f"{place}.overrideReasons[{number}]", reason, display=True)
    for number, link in enumerate(_listed(card, "links")):
        yield from _link(f"{place}.links[{number}]", link)


def _source(place: str, source: object) -> Iterator[str]:
    if not isinstance(source, dict):
        yield f"{place}: required"
        return
    yield from _texts(place, source, required=("label",), optional=("url", "icon"))
    for name in ("url", "icon"):
        if name in source and not _absolute(source[name]):
            yield f"{place}.{name}: an absolute http(s) address"
    if "topic" in source:
        yield from _coding(f"{place}.topic", source["topic"], display=False)


def _suggestion(place: str, suggestion: object) -> Iterator[str]:
    if not isinstance(suggestion, dict):
        yield f"{place}: must be an object"
        return
    yield from _texts(place, suggestion, required=("label", "uuid"), optional=())
    if isinstance(label := suggestion.get("label"), str) and len(label) > LABEL:
        yield f"{place}.label: longer than {LABEL} characters"
    for number, action in enumerate(_listed(suggestion, "actions")):
        yield from _action(f"{place}.actions[{number}]", action)


def _action(place: str, action: object) -> Iterator[str]:
    if not isinstance(action, dict):
        yield f"{place}: must be an object"
        return
    yield from _texts(place, action, required=("type", "description"), optional=("resourceId",))
    kind, resource = action.get("type"), action.get("resource")
    if kind in {"create", "update"}:
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            yield f"{place}.resource: a FHIR resource"
        elif kind == "create" and "id" in resource:
            yield f"{place}.resource.id: a new resource has none"
    elif kind == "delete":
        if not isinstance(action.get("resourceId"), str) or "resource" in action:
            yield f"{place}: a delete has a resourceId and no resource"
    else:
        yield f"{place}.type: create, update or delete"


def _link(place: str, link: object) -> Iterator[str]:
    if not isinstance(link, dict):
        yield f"{place}: must be an object"
        return
    yield from _texts(place, link, required=("label", "url", "type"), optional=("appContext",))
    if not _absolute(link.get("url")):
        yield f"{place}.url: an absolute http(s) address"
    if link.get("type") not in {"absolute", "smart"}:
        yield f"{place}.type: absolute or smart"
    elif link["type"] == "absolute" and "appContext" in link:
        yield f"{place}.appContext: only with a smart link"


def _coding(place: str, coding: object, *, display: bool) -> Iterator[str]:
    if not isinstance(coding, dict):
        yield f"{place}: must be a Coding"
        return
    yield from _texts(place, coding, required=("code", "system", *(("display",) if display else ())), optional=())


def _texts(place: str, value: Mapping[str, Any], *, required: Sequence[str], optional: Sequence[str]) -> Iterator[str]:
    for name in (*required, *(name for name in optional if name in value)):
        if not isinstance(value.get(name), str) or not value[name].strip():
            yield f"{place}.{name}: text, not blank"


def _no_blanks(place: str, value: object) -> Iterator[str]:
    """`null`, `""`, `[]` and `{}` are prohibited everywhere: what has no value is left out."""
    if value is None or value in ("", [], {}):
        yield f"{place}: empty"
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _no_blanks(f"{place}.{name}", part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _no_blanks(f"{place}[{number}]", part)


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
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
