"""What is told to one person as notices: what waits for them, by the rules of the overview, and stops as news."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from services.guidance.lifecycle import Person, person_key
from services.guidance.policies import Policy
from services.registry.deployed.tables import stops
from services.registry.notices.kinds import Notice
from services.registry.tables import instant_text
from services.registry.waiting.everything import Open, everything_open
from services.registry.waiting.tasks import tasks_of

TOLD_FOR: Final = timedelta(days=2)
"""How long a stop is news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop by a person."""

    number: int
    guidance: str
    by: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToTell:
    """What is open, and the stops that are news; read once for all people."""

    open: Open
    stops: Sequence[Stop]


def to_tell(connection: Connection, policy: Policy, now: datetime) -> ToTell:
    """What there is to tell of."""
    rows = connection.execute(select(stops).where(stops.c.at >= instant_text(now - TOLD_FOR)))
    news = [Stop(number=row.ledger_number, guidance=row.guidance, by=row.by, at=row.at) for row in rows]
    return ToTell(open=everything_open(connection, policy, now), stops=news)


def waiting_for(person: Person, found: ToTell) -> Iterator[Notice]:
    """What of it concerns this person, of every kind. Checks of what runs change by the hour and stay on the overview."""
    for task in tasks_of(person, found.open):
        if task.kind != "check":
            yield Notice(kind=task.kind, about=task.about, said=task.said, path=task.path)
    for one in found.stops:
        if person_key(one.by) != person_key(person.name):
            said = f"{one.guidance} was stopped by {one.by} at {one.at[:16].replace('T', ' ')} UTC."
            yield Notice(kind="stop", about=f"stop:{one.number}", said=said, path=f"/console/deploy/{one.guidance}")
