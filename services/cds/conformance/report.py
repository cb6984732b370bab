"""The report of one run, as data: what was asked of whom, every verdict with its exchanges, every item with what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from services.cds.conformance.checks import Verdict
from services.cds.conformance.exchange import Shown
from services.cds.conformance.requirements import REQUIREMENTS, Level, Requirement

SCHEMA_VERSION: Final = "1.0"
"""Of the JSON report: raised in its first part when something is renamed or removed."""
VERDICTS: Final[tuple[Verdict, ...]] = ("fail", "warn", "skipped", "pass")
"""Worst first."""

ItemVerdict = Verdict | Literal["not checked"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One check on the service, or on one of its services and hooks."""

    check: str
    area: str
    items: tuple[str, ...]
    level: Level
    claim: str
    service: str
    """`id (hook)`; empty for a check of the whole."""
    verdict: Verdict
    faults: list[str]
    reason: str
    """Why it was skipped."""
    exchanges: list[int]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement with the worst of what its checks found."""

    requirement: Requirement
    verdict: ItemVerdict
    checks: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    schema_version: str
    knowdo_version: str
    base_url: str
    services: list[str]
    signed_as: str
    """The issuer that was used; empty for unsigned calls."""
    started_at: str
    seconds: float
    counts: dict[Verdict, int]
    items: list[Item]
    results: list[Result]
    exchanges: list[Shown]

    @property
    def passed(self) -> bool:
        """Nothing that binds (SHALL) failed, and something was looked at."""
        return self.counts["fail"] == 0 and self.counts["pass"] > 0


def counted(results: Iterable[Result]) -> dict[Verdict, int]:
    """Verdict → how many checks ended so."""
    counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    for result in results:
        counts[result.verdict] += 1
    return counts


def items_of(results: Iterable[Result]) -> list[Item]:
    """Every requirement, in its order, with the worst verdict of its checks. Skipped ones count only if none was made."""
    found: Mapping[str, list[Verdict]] = {number: [] for number in REQUIREMENTS}
    for result in results:
        for number in result.items:
            found[number].append(result.verdict)
    return [
        Item(requirement=requirement, verdict=_worst(found[number]), checks=len(found[number]))
        for number, requirement in REQUIREMENTS.items()
    ]


def _worst(verdicts: list[Verdict]) -> ItemVerdict:
    if not verdicts:
        return "not checked"
    order: tuple[Verdict, ...] = ("fail", "warn", "pass", "skipped")
    return min(verdicts, key=order.index)


def as_json_text(report: Report) -> str:
    """The report as JSON to read and to parse."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode()
