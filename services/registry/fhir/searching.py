"""A FHIR search: its parameters read strictly, a resource held against them, a page as a searchset Bundle.

A parameter that is not known is refused: to pass over a filter would show more than was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from services.registry.fhir.names import Resource
from services.timeline.errors import BadInput
from services.timeline.instants import DAY, NAT, SECOND, parse_instant

PAGE: Final = 50
LARGEST: Final = 500
_PAGING: Final = ("_count", "_cursor", "_format")
_DATE: Final = re.compile(r"(eq|ge|gt|le|lt|sa|eb)?(\d{4}(?:-\d{2}(?:-\d{2}(?:T.+)?)?)?)")
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One search parameter: what FHIR calls its kind, and the values of a resource that it looks at."""

    kind: str
    said: str
    values: Callable[[Resource], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was asked for: each filter with its alternatives, the size of a page, the last id of the page before."""

    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    count: int = PAGE
    after: str = ""
    asked: tuple[tuple[str, str], ...] = ()
    """As it was asked, without the cursor."""

    def only(self, name: str) -> str | None:
        """The value of a filter that names exactly one."""
        found = [given for asked, given in self.filters if asked == name]
        return found[0][0] if len(found) == 1 and len(found[0]) == 1 else None


def _of(name: str) -> Callable[[Resource], Iterator[str]]:
    def values(resource: Resource) -> Iterator[str]:
        if isinstance(found := resource.get(name), str):
            yield found

    return values


def _identifiers(resource: Resource) -> Iterator[str]:
    for one in resource.get("identifier", ()):
        yield f"{one['system']}|{one['value']}"


def _updated(resource: Resource) -> Iterator[str]:
    yield resource["meta"]["lastUpdated"]


def _targets(resource: Resource) -> Iterator[str]:
    for one in resource.get("target", ()):
        yield one["reference"]


def _state(resource: Resource) -> Iterator[str]:
    for one in resource.get("extension", ()):
        if one["url"].endswith(":deployment-state"):
            yield one["valueCode"]


ID: Final = Parameter(kind="token", said="the id of the resource", values=_of("id"))
UPDATED: Final = Parameter(kind="date", said="when it last changed; eq, ge, gt, le, lt", values=_updated)
_EVERYWHERE: Final = {"_id": ID, "_lastUpdated": UPDATED}
_IDENTIFIER: Final = Parameter(
    kind="token", said="`system|value`, e.g. `urn:knowdo:release|sha256:…`", values=_identifiers
)
_STATUS: Final = Parameter(kind="token", said="the FHIR status", values=_of("status"))
_CANONICAL: Final = {
    "url": Parameter(kind="uri", said="the canonical address, without version", values=_of("url")),
    "version": Parameter(kind="token", said="the business version", values=_of("version")),
    "status": _STATUS,
    "identifier": _IDENTIFIER,
    "name": Parameter(kind="string", said="how the name begins", values=_of("name")),
    "title": Parameter(kind="string", said="how the title begins", values=_of("title")),
}
PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = MappingProxyType(
    {
        "PlanDefinition": {
            **_EVERYWHERE,
            **_CANONICAL,
            "deployment-state": Parameter(kind="token", said="the stage: silent, pilot, general, …", values=_state),
        },
        "ActivityDefinition": {**_EVERYWHERE, **_CANONICAL},
        "Library": {**_EVERYWHERE, **_CANONICAL},
        "Device": {**_EVERYWHERE, "identifier": _IDENTIFIER, "status": _STATUS},
        "DocumentReference": {**_EVERYWHERE, "identifier": _IDENTIFIER, "status": _STATUS},
        "Provenance": {
            **_EVERYWHERE,
            "target": Parameter(kind="reference", said="what it is about, e.g. `PlanDefinition/…`", values=_targets),
        },
        "Basic": dict(_EVERYWHERE),
        "AuditEvent": {
            **_EVERYWHERE,
            "date": Parameter(kind="date", said="when it was recorded; eq, ge, gt, le, lt", values=_of("recorded")),
        },
    }
)
"""What each type can be searched by; `/fhir/metadata` is made from it."""


def read_search(kind: str, given: Sequence[tuple[str, str]]) -> Search:
    """The search of a query string, or BadInput that names the parameter."""
    known = PARAMETERS[kind]
    if strange := sorted({name for name, _ in given} - known.keys() - set(_PAGING)):
        raise _bad(", ".join(strange)[:80], f"not known here. Known: {', '.join((*known, *_PAGING))}")
    for name, value in given:
        if not value.isprintable() or not value:
            raise _bad(name, "empty, or it holds what no value holds")
        if known.get(name, ID).kind == "date":
            _bounds(name, value)
    paging = dict(given)
    return Search(
        filters=tuple((name, _alternatives(name, value)) for name, value in given if name in known),
        count=_count(paging.get("_count", str(PAGE))),
        after=_cursor(paging["_cursor"]) if "_cursor" in paging else "",
        asked=tuple(one for one in given if one[0] not in ("_cursor", "_format")),
    )


def fits(kind: str, search: Search, resource: Resource) -> bool:
    """Whether a resource is what was asked for: every filter, each by one of its alternatives."""
    known = PARAMETERS[kind]
    return all(
        any(_matches(known[name], name, wanted, resource) for wanted in alternatives)
        for name, alternatives in search.filters
    )


def searchset(base: str, kind: str, search: Search, page: Sequence[Resource], *, more: bool) -> Resource:
    """The page as a Bundle, with the link to itself and, if there are more, to the next."""
    here = f"{base}/{kind}"
    links = [{"relation": "self", "url": _with(here, search.asked)}]
    if more:
        links.append({"relation": "next", "url": _with(here, (*search.asked, ("_cursor", page[-1]["id"])))})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if page:
        bundle["entry"] = [
            {"fullUrl": f"{here}/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in page
        ]
    return bundle


def _matches(parameter: Parameter, name: str, wanted: str, resource: Resource) -> bool:
    values = list(parameter.values(resource))
    if parameter.kind == "date":
        first, after = _bounds(name, wanted)
        return any(first <= parse_instant(one) < after for one in values)
    if parameter.kind == "string":
        return any(one.casefold().startswith(wanted.casefold()) for one in values)
    if name == "identifier" and "|" not in wanted:
        return any(one.partition("|")[2] == wanted for one in values)
    if parameter.kind == "reference":
        return any(one == wanted or wanted.endswith(f"/{one}") for one in values)
    return wanted in values


def _alternatives(name: str, value: str) -> tuple[str, ...]:
    if name == "version":
        value = value.replace(" ", "+")  # a plus sign that nobody encoded; no version holds a space
    return tuple(one for one in value.split(",") if one)


def _bounds(name: str, text: str) -> tuple[int, int]:
    """The first microsecond that fits, and the first after it that does not."""
    found = _DATE.fullmatch(text)
    moment = parse_instant(found[2]) if found is not None else NAT
    if found is None or moment == NAT:
        raise _bad(name, "no date; write it as ge2026-01-31, and once more as lt2026-02-28 for a span")
    after = _end(found[2], moment)
    return {
        "eq": (moment, after),
        "ge": (moment, _LAST),
        "gt": (after, _LAST),
        "sa": (after, _LAST),
        "le": (NAT + 1, after),
        "lt": (NAT + 1, moment),
        "eb": (NAT + 1, moment),
    }[found[1] or "eq"]


_LAST: Final = 2**63 - 1


def _end(written: str, start: int) -> int:
    """Where a date of that precision ends."""
    if "T" in written:
        return start + (1 if "." in written else SECOND)
    if len(written) == 10:
        return start + DAY
    year, _, month = written.partition("-")
    following = f"{int(year) + 1:04}-01-01" if month in ("", "12") else f"{year}-{int(month) + 1:02}-01"
    return parse_instant(following)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise _bad("_count", "no number above zero")
    return min(int(text), LARGEST)


def _cursor(text: str) -> str:
    if not _ID.fullmatch(text):
        raise _bad("_cursor", "not one of ours; follow the link `next`")
    return text


def _with(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    query = urlencode(list(parameters))
    return f"{url}?{query}" if query else url


def _bad(name: str, what: str) -> BadInput:
    return BadInput(f"{name}: {what}", place="query", remedy="See /fhir/metadata")
