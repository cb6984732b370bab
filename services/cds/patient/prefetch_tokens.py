"""What the tokens of a prefetch template stand for in one call: what the client did not resolve, we resolve.

A value is quoted: whatever an id holds, it cannot change the query. What the call does not name is not asked for.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from services.cds.schemas import HookRequest
from services.guidance.hooks import USER_TOKENS
from services.guidance.templates import Token, parse_template

_ONE_OR_MORE: Final = msgspec.json.Decoder(str | list[str] | None)
LONGEST: Final = 4096  # of one value; a list of references may be long, a URL should not be


def bind_template(template: str, request: HookRequest, *, now: int | None = None) -> str | None:
    """The query for this call, `now` in microseconds for `today()`; None if it needs what the call does not have."""
    bound = []
    for part in parse_template(template):
        if isinstance(part, str):
            bound.append(part)
        elif value := _value(part, request, now):
            bound.append(value)
        else:
            return None
    return "".join(bound)


def _value(token: Token, request: HookRequest, now: int | None) -> str:
    """Quoted; empty if the call has none."""
    if token.kind == "context":
        return _of_context(token.name, request)
    if token.kind == "user":
        kind, _, identifier = request.user.partition("/")
        return quote(identifier, safe="") if kind == USER_TOKENS[token.name] else ""
    return token.date(_day(now)) if token.kind == "today" and now is not None else ""


def _of_context(name: str, request: HookRequest) -> str:
    match name:
        case "patientId":
            return quote(request.patient, safe="")
        case "encounterId":
            return quote(request.encounter, safe="")
        case "userId":
            return quote(request.user, safe="/")
    try:
        found = _ONE_OR_MORE.decode(request.context.get(name, b"null"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""  # only text at the root is eligible
    values = [found] if isinstance(found, str) else found or []
    if any(not {".", ".."}.isdisjoint(value.split("/")) for value in values):
        return ""  # it would climb out of the server's base
    text = ",".join(quote(value, safe="/") for value in values)
    return text if len(text) <= LONGEST else ""


def _day(now: int) -> date:
    """The date of the bedside's clock, in UTC."""
    return datetime.fromtimestamp(now / 1e6, UTC).date()
