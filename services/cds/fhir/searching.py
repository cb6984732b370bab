"""A FHIR search: its parameters read strictly, its answer a searchset Bundle with a link to the next page.

A parameter that is not known is refused: to pass over a filter would show more patients than were asked for.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from services.cds.decisions.identity import microseconds
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

PAGE: Final = 50
LARGEST: Final = 500
_KNOWN: Final = ("patient", "date", "guidance", "_count", "_cursor", "_format")
_DATE: Final = re.compile(r"(eq|ge|gt|le|lt)?(\d{4}(?:-\d{2}(?:-\d{2}(?:T.+)?)?)?)")
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was asked for; times in microseconds, `until` is the first that is too late."""

    patient: str = ""
    guidance: str = ""
    since: int | None = None
    until: int | None = None
    count: int = PAGE
    before: str = ""
    asked: tuple[tuple[str, str], ...] = ()
    """As it was asked, without the cursor."""


def read_search(parameters: Iterable[tuple[str, str]]) -> Search:
    """The search that the query string asks for, or BadInput naming the parameter."""
    given = list(parameters)
    if strange := sorted({name for name, _ in given} - set(_KNOWN)):
        raise _bad(", ".join(strange), f"not known here. Known: {', '.join(_KNOWN)}")
    for name in ("patient", "guidance", "_count", "_cursor"):
        if sum(one == name for one, _ in given) > 1:
            raise _bad(name, "given more than once")
    for name, value in given:
        if not value.isprintable():
            raise _bad(name, "holds what no id holds")
    asked = dict(given)
    since, until = _span([value for name, value in given if name == "date"])
    return Search(
        patient=asked.get("patient", "").removeprefix("Patient/"),
        guidance=asked.get("guidance", ""),
        since=since,
        until=until,
        count=_count(asked.get("_count", str(PAGE))),
        before=_decision_of(asked["_cursor"]) if "_cursor" in asked else "",
        asked=tuple(one for one in given if one[0] not in {"_cursor", "_format"}),
    )


def searchset(
    base: str, kind: str, search: Search, resources: Sequence[dict[str, Any]], *, last: str
) -> dict[str, Any]:
    """The page as a Bundle; `last`: the last decision that was looked at where there may be more, else empty."""
    here = f"{base}/{kind}"
    links = [{"relation": "self", "url": _with(here, search.asked)}]
    if last:
        links.append({"relation": "next", "url": _with(here, (*search.asked, ("_cursor", cursor_of(last))))})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if resources:
        bundle["entry"] = [
            {"fullUrl": f"{here}/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in resources
        ]
    return bundle


def cursor_of(decision: str) -> str:
    """Where the next page begins; opaque to the client, so that it may change."""
    return base64.urlsafe_b64encode(decision.encode()).decode().rstrip("=")


def read_moment(text: str, *, name: str) -> int:
    """An instant or a date in microseconds; BadInput names the parameter."""
    moment = parse_instant(text)
    if moment == NAT:
        raise _bad(name, "no instant; write it as 2026-01-31T12:00:00Z")
    return moment


def _decision_of(cursor: str) -> str:
    try:
        decision = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        decision = ""
    if not _ID.fullmatch(decision):
        raise _bad("_cursor", "not one of ours; follow the link `next`")
    return decision


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise _bad("_count", "no number above zero")
    return min(int(text), LARGEST)


def _span(dates: Sequence[str]) -> tuple[int | None, int | None]:
    """From all `date` parameters: the latest beginning and the earliest end."""
    since: list[int] = []
    until: list[int] = []
    for text in dates:
        found = _DATE.fullmatch(text)
        if found is None:
            raise _bad("date", "no date; write it as ge2026-01-31, and once more as lt2026-02-28 for a span")
        prefix, written = found[1] or "eq", found[2]
        start, end = _bounds(written)
        if prefix in {"eq", "ge"}:
            since.append(start)
        if prefix == "gt":
            since.append(end)
        if prefix in {"eq", "le"}:
            until.append(end)
        if prefix == "lt":
            until.append(start)
    return max(since, default=None), min(until, default=None)


def _bounds(written: str) -> tuple[int, int]:
    """What a date of that precision covers: its first microsecond, and the first after it."""
    if "T" in written:
        start = read_moment(written, name="date")
        return start, start + (1 if "." in written else 1_000_000)
    year, month, day = (*(int(part) for part in written.split("-")), 0, 0)[:3]
    try:
        first = datetime(year, month or 1, day or 1, tzinfo=UTC)
        if day:
            after = first + timedelta(days=1)
        elif month:
            after = (first + timedelta(days=31)).replace(day=1)
        else:
            after = first.replace(year=year + 1)
    except (ValueError, OverflowError):
        raise _bad("date", "there is no such day") from None
    return microseconds(first), microseconds(after)


def _with(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    query = urlencode(list(parameters))
    return f"{url}?{query}" if query else url


def _bad(name: str, what: str) -> BadInput:
    return BadInput(f"{name}: {what}", place="query", remedy="See /fhir/metadata")
