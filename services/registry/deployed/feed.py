"""What flows back: counts by guidance, release, site and day, and which worker is in which stage. Never patient data.

Counts are sent as totals of the day so far: sent again, they replace what was sent before, so nothing counts twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from services.guidance.lifecycle import Person
from services.plumbing.registry_messages import Acknowledgement, Aggregate
from services.registry.tables import acknowledgements, instant_text, reports


def keep_reports(connection: Connection, aggregates: Sequence[Aggregate], *, by: Person, now: datetime) -> None:
    """Keep counts, each replacing the one of the same reporter, guidance, release, site and day."""
    for one in aggregates:
        place = {
            "reporter": by.name,
            "guidance": one.guidance,
            "release": one.release,
            "site": one.site,
            "day": one.day,
        }
        _replace(connection, reports, place, {"counts": dict(one.counts), "at": instant_text(now)})


def keep_acknowledgements(
    connection: Connection, said: Sequence[Acknowledgement], *, by: Person, now: datetime
) -> None:
    """Keep the last word of each worker about each deployment, and when it came."""
    for one in said:
        place = {"reporter": by.name, "worker": one.worker, "deployment": one.deployment}
        facts = {
            "guidance": one.guidance,
            "release": one.release,
            "stage": one.stage,
            "ledger_number": one.ledger_number,
            "at": one.at,
            "received_at": instant_text(now),
        }
        _replace(connection, acknowledgements, place, facts)


def totals(connection: Connection, guidance: str) -> dict[str, dict[str, int]]:
    """Release → counts over all days, sites and reporters."""
    sums: dict[str, Counter[str]] = {}
    rows = connection.execute(select(reports.c.release, reports.c.counts).where(reports.c.guidance == guidance))
    for release, counts in rows:
        sums.setdefault(release, Counter()).update(counts)
    return {release: dict(counts) for release, counts in sums.items()}


def calls_by_day(connection: Connection, guidance: str, release: str) -> dict[str, int]:
    """Day → calls of one release at all sites, by all reporters."""
    sums: Counter[str] = Counter()
    asked = select(reports.c.day, reports.c.counts).where(reports.c.guidance == guidance, reports.c.release == release)
    for day, counts in connection.execute(asked):
        sums[day] += counts.get("calls", 0)
    return dict(sums)


def workers(connection: Connection, guidance: str) -> list[dict[str, Any]]:
    """What each worker last said about a guidance."""
    rows = connection.execute(
        select(acknowledgements)
        .where(acknowledgements.c.guidance == guidance)
        .order_by(acknowledgements.c.reporter, acknowledgements.c.worker)
    )
    return [row._asdict() for row in rows]


def _replace(connection: Connection, table: Table, place: Mapping[str, str], facts: Mapping[str, object]) -> None:
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in place.items())))
    connection.execute(insert(table).values(**place, **facts))
