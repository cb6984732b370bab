"""What happened to the ways by which a person signs in, for that person: on their page, and told where they chose to be.

The ledger keeps the same for everybody, but for sign-ins that failed: whoever guesses at names does not write into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from services.guidance.lifecycle import person_key
from services.registry.people.tables import security_events
from services.registry.tables import instant_text

KEPT: Final = timedelta(days=400)
SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "person added": "Your account was made",
        "person deactivated": "Your account was closed",
        "roles changed": "Your roles were changed",
        "password given": "You were given a new password",
        "password changed": "Your password was changed",
        "token added": "A token that acts for you was made",
        "token replaced": "Your token was replaced",
        "token revoked": "A token of yours was revoked",
        "identity linked": "A sign-in through your organisation was linked to your account",
        "second factor added": "A second factor was added to your account",
        "second factor removed": "The second factor of your account was removed",
        "recovery codes renewed": "You got new recovery codes; the former ones are worth nothing",
        "recovery code used": "One of your recovery codes was used",
        "session ended": "A session of yours was ended",
        "sessions ended": "Your sessions were ended",
        "code used again": "A code of your app that was used already was sent again",
        "sign-in locked": "Tries to sign in under your name failed, so that further ones must wait",
        "notices elsewhere": "Your notices go to another address",
    }
)
UNTOLD: Final = frozenset({"person added", "session ended", "sessions ended"})
"""Shown, but not worth a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened; `by` is empty if nobody knows who did it."""

    number: int
    happened: str
    by: str
    at: str

    @property
    def said(self) -> str:
        """In words, to the person."""
        return SAID.get(self.happened, self.happened.capitalize())


def note(connection: Connection, name: str, happened: str, *, by: str, now: datetime) -> None:
    """Keep that it happened to this person, and drop what is too old to matter."""
    key = person_key(name)
    values = {"person": key, "happened": happened[:40], "by": by[:200], "at": instant_text(now)}
    connection.execute(insert(security_events).values(**values))
    old = security_events.c.person == key, security_events.c.at < instant_text(now - KEPT)
    connection.execute(delete(security_events).where(*old))


def of(connection: Connection, name: str, *, since: datetime | None = None, limit: int = 50) -> list[Event]:
    """The last ones of a person, the newest first; since a moment, if one is given."""
    asked = (
        select(security_events)
        .where(security_events.c.person == person_key(name))
        .order_by(security_events.c.number.desc())
        .limit(limit)
    )
    if since is not None:
        asked = asked.where(security_events.c.at >= instant_text(since))
    return [Event(number=row.number, happened=row.happened, by=row.by, at=row.at) for row in connection.execute(asked)]
