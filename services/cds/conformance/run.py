"""One run: every check in its order, within a budget of time, on one service; the result is the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

from services.cds.conformance.areas import (  # noqa: F401 (imported for their checks, in the order in which they are made)
    answers,
    cors,
    discovery,
    feedback,
    fhir_access,
    latency,
    prefetch,
    refusals,
    shapes,
    tokens,
    transport,
)
from services.cds.conformance.checks import CHECKS, Check, NoAnswer, Skipped
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.report import SCHEMA_VERSION, Report, Result, counted, items_of
from services.cds.conformance.target import Service, Target

ORDER: Final = (
    "transport", "discovery", "prefetch", "fhir_access", "refusals", "tokens", "cors", "feedback", "latency", "shapes",
    "answers",
)  # fmt: skip
"""Areas in the order in which they are looked at: those that judge all that was seen come last."""
MOST_FAULTS: Final = 10  # of one check in the report
MOST_EXCHANGES: Final = 6

Progress = Callable[[str, int, int], None]
"""Told before each check: its claim, how many were made, how many there are."""


def planned(target: Target, only: Collection[str] = ()) -> list[tuple[Check, Service | None]]:
    """Every check on what it looks at, in order; `only`: names of checks."""
    checks = sorted(CHECKS.values(), key=lambda one: ORDER.index(one.area))
    chosen = [one for one in checks if not only or one.name in only]
    return [(one, about) for one in chosen for about in _about(one, target)]


def _about(one: Check, target: Target) -> Iterator[Service | None]:
    if not one.for_each_service:
        yield None
    else:
        # Without a service the check stands in the report all the same, as skipped.
        yield from target.services
        if not target.services:
            yield None


def examine(
    target: Target, *, budget: float = 600.0, only: Collection[str] = (), progress: Progress | None = None
) -> Report:
    """Make every check. NoAnswer if not even discovery answers; what the budget (seconds) leaves out is skipped."""
    began, started = time.monotonic(), datetime.now(UTC)
    target.discover()
    plan = planned(target, only)
    results = []
    for number, (one, about) in enumerate(plan):
        if progress is not None:
            progress(one.claim, number, len(plan))
        late = time.monotonic() - began > budget
        results.append(_late(one, about) if late else _made(target, one, about))
    return Report(
        schema_version=SCHEMA_VERSION,
        knowdo_version=version("knowdo"),
        base_url=target.base,
        services=[str(service) for service in target.services],
        signed_as=target.signer.iss if target.signer else "",
        started_at=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 2),
        counts=counted(results),
        items=items_of(results),
        results=results,
        exchanges=[exchange.shown() for exchange in target.record.exchanges],
    )


def _made(target: Target, one: Check, about: Service | None) -> Result:
    """One check with the exchanges that it made or looked at, those with a fault first."""
    target.cited = []
    faults: list[str] = []
    reason = ""
    if one.for_each_service and about is None:
        reason = "discovery lists no service (or none of that id)"
    else:
        try:
            faults = list(one.look(target) if about is None else one.look(target, about))
        except Skipped as skipped:
            reason = skipped.reason
        except NoAnswer as silence:
            faults = [str(silence)]
    return _result(one, about, faults, reason, target.cited)


def _late(one: Check, about: Service | None) -> Result:
    return _result(one, about, [], "the time for the whole run was over", [])


def _result(one: Check, about: Service | None, faults: list[str], reason: str, cited: list[Exchange]) -> Result:
    told = " ".join(faults)
    ordered = sorted(cited, key=lambda exchange: f"answer {exchange.number}" not in told)
    more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return Result(
        check=one.name,
        area=one.area,
        items=one.items,
        level=one.level,
        claim=one.claim,
        service=str(about) if about is not None else "",
        verdict="skipped" if reason else one.verdict(faults),
        faults=faults[:MOST_FAULTS] + more,
        reason=reason,
        exchanges=[exchange.number for exchange in ordered[:MOST_EXCHANGES]],
    )
