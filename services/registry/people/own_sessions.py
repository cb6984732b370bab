"""Who ends whose sessions: a person their own, an administrator anybody's; the ledger keeps that it was done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from services.guidance.lifecycle import Person
from services.registry.people import persons, sessions


def end_one(connection: Connection, person: Person, handle: str, *, now: datetime) -> None:
    """One of a person's own; NotFound if it is not theirs."""
    sessions.end_listed(connection, person.name, handle)
    persons.remember(connection, person, "session ended", by=person.name, now=now)


def end_others(connection: Connection, person: Person, *, this: str = "", now: datetime) -> int:
    """All of a person's own but the one that asks, if one does; how many there were."""
    ended = sessions.end_others(connection, person.name, this=this)
    if ended:
        persons.remember(connection, person, "sessions ended", by=person.name, now=now)
    return ended


def end_somebodys(connection: Connection, name: str, *, by: str, now: datetime) -> int:
    """All of somebody's; how many there were. NotFound if nobody has that name."""
    person = persons.must_find(connection, name)
    ended = sessions.end_others(connection, person.name)
    persons.remember(connection, person, "sessions ended", by=by, now=now)
    return ended
