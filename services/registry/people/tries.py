"""Failed sign-ins, counted by name and by address: the first few are free, then each costs a longer wait.

A name that nobody has is counted like any other, so waiting tells nothing. A try is counted before the password is
looked at, so many at once gain nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, delete, select, update

from services.guidance.errors import TooMany
from services.guidance.lifecycle import person_key
from services.plumbing.database import insert_once
from services.registry.people.tables import tries
from services.registry.tables import instant_of, instant_text

FREE_BY_NAME: Final = 5
FREE_BY_ADDRESS: Final = 20  # a ward shares one address
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(
    minutes=15
)  # at most 9 guesses an hour; a colleague locked out by a prank waits no longer
FORGOTTEN: Final = timedelta(hours=24)


def count(connection: Connection, *, name: str, address: str, now: datetime) -> None:
    """Count one try; TooMany, with the seconds to wait, if one of the two has to wait."""
    subjects = ((_subject("name", person_key(name)), FREE_BY_NAME), (_subject("address", address), FREE_BY_ADDRESS))
    # In one order, so that two who try at once wait for each other in turn.
    kept = {subject: _failures(connection, subject, now=now) for subject, _ in sorted(subjects)}
    waits = [until - now for _, until in kept.values() if until is not None and until > now]
    if waits:
        seconds = int(max(waits).total_seconds()) + 1
        raise TooMany("too many tries to sign in", seconds=seconds)
    for subject, free in subjects:
        failures = kept[subject][0] + 1
        values = {
            "failures": failures,
            "last_at": instant_text(now),
            "blocked_until": instant_text(now + _wait(failures - free)) if failures >= free else None,
        }
        connection.execute(update(tries).where(tries.c.subject == subject).values(values))
    connection.execute(delete(tries).where(tries.c.last_at < instant_text(now - FORGOTTEN)))


def has_just_locked(connection: Connection, name: str) -> bool:
    """Whether the last try was the one from which on the name waits: true once in a row of failures."""
    asked = select(tries.c.failures).where(tries.c.subject == _subject("name", person_key(name)))
    return connection.execute(asked).scalar() == FREE_BY_NAME


def succeeded(connection: Connection, *, name: str, address: str) -> None:
    """The name starts anew; the address gets back this one try, so an own account opens no way to guess at others."""
    connection.execute(delete(tries).where(tries.c.subject == _subject("name", person_key(name))))
    connection.execute(
        update(tries)
        .where(tries.c.subject == _subject("address", address), tries.c.failures > 0)
        .values(failures=tries.c.failures - 1, blocked_until=None)
    )


def _failures(connection: Connection, subject: str, *, now: datetime) -> tuple[int, datetime | None]:
    insert_once(connection, tries, {"subject": subject, "failures": 0, "last_at": instant_text(now)})
    row = connection.execute(select(tries).where(tries.c.subject == subject).with_for_update()).one()
    if instant_of(row.last_at) < now - FORGOTTEN:
        return 0, None
    return row.failures, instant_of(row.blocked_until) if row.blocked_until else None


def _wait(above: int) -> timedelta:
    """Twice as long each time."""
    return min(FIRST_WAIT * (1 << min(above, 10)), LONGEST_WAIT)


def _subject(kind: str, value: str) -> str:
    return sha256(f"{kind}\n{value}".encode("utf-8", "replace")).hexdigest()
