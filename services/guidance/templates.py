"""The grammar of prefetch templates: FHIR reads and searches with `{{tokens}}` in them, of CDS Hooks 2.0 and 3.0.

    {{context.patientId}}                 a field of the hook's context
    {{userPractitionerId}}                the user's id, if the user is one of that kind
    {{today()}}, {{today() - 90 days}}    a date; days, weeks, months and years may be added and taken away

Paths into a resource (`context.draftOrders.entry…`) are FHIRPath, which is not read here: such a token has no value.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal

from services.guidance.hooks import USER_TOKENS, Hook
from services.timeline.errors import BadInput

_TOKEN: Final = re.compile(r"\{\{([^{}]*)\}\}")
_NAME: Final = re.compile(r"context\.([A-Za-z][A-Za-z0-9-]*)")
_TODAY: Final = re.compile(r"today\(\)((?:\s*[+-]\s*\d{1,6}\s*(?:day|week|month|year)s?)*)")
_STEP: Final = re.compile(r"([+-])\s*(\d+)\s*(day|week|month|year)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token: what it asks for (`path` = FHIRPath that is not read), its name, and for a date how far from today."""

    kind: Literal["context", "user", "today", "path"]
    name: str = ""
    steps: tuple[tuple[int, str], ...] = ()
    """Each an amount and `day`, `week`, `month` or `year`, in their order."""

    def date(self, today: date) -> str:
        """The date that a `today()` token stands for; empty if there is no such date."""
        day = today
        for amount, unit in self.steps:
            try:
                day = _moved(day, amount, unit)
            except (ValueError, OverflowError):
                return ""
        return day.isoformat()


@lru_cache(maxsize=4096)  # templates come from releases, never from callers
def parse_template(template: str) -> tuple[str | Token, ...]:
    """The template's text and tokens in their order; BadInput if a brace is left open."""
    parts: list[str | Token] = []
    at = 0
    for found in _TOKEN.finditer(template):
        parts += [template[at : found.start()], _token(found.group(1).strip())]
        at = found.end()
    parts.append(template[at:])
    if any(isinstance(part, str) and ("{{" in part or "}}" in part) for part in parts):
        raise BadInput("a token is not closed", place=template, remedy="Write it as {{context.patientId}}")
    return tuple(part for part in parts if part)


def ineligible_tokens(template: str, hook: Hook) -> Iterator[str]:
    """The tokens that a template of this hook may not use, as written."""
    for part in parse_template(template):
        if not isinstance(part, Token) or part.kind == "today":
            continue
        written = f"context.{part.name}" if part.kind == "context" else part.name
        if part.kind == "path" or not hook.names(written):
            yield written


def _token(text: str) -> Token:
    if text in USER_TOKENS:
        return Token(kind="user", name=text)
    if named := _NAME.fullmatch(text):
        return Token(kind="context", name=named.group(1))
    if dated := _TODAY.fullmatch(text):
        steps = [(int(sign + amount), unit) for sign, amount, unit in _STEP.findall(dated.group(1))]
        return Token(kind="today", steps=tuple(steps))
    return Token(kind="path", name=text)


def _moved(day: date, amount: int, unit: str) -> date:
    """FHIRPath's date arithmetic: a month without that day ends at its last one."""
    if unit in {"day", "week"}:
        return day + timedelta(days=amount * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + amount * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
