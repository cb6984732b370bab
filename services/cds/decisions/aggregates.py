"""Counts for the registry: what became of calls and cards, by guidance, release, site and day. Never patient data.

They are counted from the decision log and sent as the day's total so far; sent again they replace what was sent, so
neither a lost report nor a second worker on the same log counts anything twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final, cast, get_args

from services.cds.decisions.decision import Status
from services.cds.decisions.decision_log import DecisionLog
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_messages import Aggregate, CountName

_NAMES: Final = frozenset(get_args(CountName))
_STATUSES: Final = frozenset(get_args(Status))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def counts_of_day(log: DecisionLog, day: datetime, *, site: str) -> list[Aggregate]:
    """The totals of one day (UTC)."""
    start = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since, until = (int((moment - _EPOCH) / timedelta(microseconds=1)) for moment in (start, start + timedelta(days=1)))
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in log.counts(since=since, until=until):
        counter = found.setdefault((row["guidance"], row["release"]), Counter())
        counter[row["what"]] += row["n"]
        if row["what"] in _STATUSES:
            counter["calls"] += row["n"]
    return [
        Aggregate(
            guidance=guidance,
            release=release,
            site=site or "default",
            day=start.date().isoformat(),
            counts=cast("dict[CountName, int]", {what: n for what, n in counter.items() if what in _NAMES}),
        )
        for (guidance, release), counter in sorted(found.items())
    ]


async def report_counts(log: DecisionLog, client: RegistryClient, *, site: str) -> None:
    """Send today's totals and, because feedback comes late, yesterday's."""
    now = datetime.now(UTC)
    aggregates = []
    for day in (now - timedelta(days=1), now):
        aggregates += await asyncio.to_thread(counts_of_day, log, day, site=site)
    if aggregates:
        await client.report(aggregates)
