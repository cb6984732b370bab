"""Why something was stopped: a stop waits for no words, and owes them within 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, select, update

from services.guidance.errors import NotPermitted, Refused
from services.guidance.lifecycle import Person, may_stop
from services.registry.decisions.proposals import known_as
from services.registry.deployed.tables import stops
from services.registry.memory import ledger
from services.registry.tables import instant_of, instant_text
from services.timeline.errors import BadInput

WITHIN: Final = timedelta(hours=24)
LONGEST: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A stop that owes its reason. `number`: the entry that tells of it."""

    number: int
    guidance: str
    release: str
    by: str
    at: datetime
    due_at: datetime
    is_late: bool


def keep_stop(
    connection: Connection, guidance: str, release: str, *, number: int, reason: str, by: Person, now: datetime
) -> None:
    """Keep a stop by a person, with its reason or without one yet. `number`: the entry that tells of it."""
    connection.execute(
        insert(stops).values(
            ledger_number=number,
            guidance=guidance,
            release=release,
            by=by.name,
            at=instant_text(now),
            reason=reason.strip(),
        )
    )


def due(connection: Connection, now: datetime) -> list[Due]:
    """The stops that have no reason yet, the oldest first."""
    rows = connection.execute(select(stops).where(stops.c.reason == "").order_by(stops.c.ledger_number))
    return [
        Due(
            number=row.ledger_number,
            guidance=row.guidance,
            release=row.release,
            by=row.by,
            at=instant_of(row.at),
            due_at=instant_of(row.at) + WITHIN,
            is_late=instant_of(row.at) + WITHIN < now,
        )
        for row in rows
    ]


def give(connection: Connection, guidance: str, reason: str, *, by: Person, now: datetime) -> int:
    """Give the reason of a guidance's stops that have none; how many they were. Refused if none is due."""
    said = reason.strip()
    if not said or len(said) > LONGEST:
        raise BadInput(
            f"a reason has 1 to {LONGEST} characters", place="reason", remedy="Write one sentence, without patient data"
        )
    if not may_stop(by):
        raise NotPermitted(f"{by.name} may not stop guidance, nor say why it was stopped", place="roles")
    owing = [one for one in due(connection, now) if one.guidance == known_as(guidance)]
    if not owing:
        raise Refused("no stop of it owes a reason", place=guidance[:80], remedy="See `knowdo registry list`")
    connection.execute(update(stops).where(stops.c.guidance == guidance, stops.c.reason == "").values(reason=said))
    for one in owing:
        ledger.append(
            connection,
            actor=by.name,
            role=",".join(sorted(by.roles)),
            action="reason given",
            subject=one.release,
            detail={"guidance": guidance, "stopped_at": instant_text(one.at), "late": one.is_late, "reason": said},
            now=now,
        )
    return len(owing)
