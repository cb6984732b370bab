"""Sign-ins of which the password was right and the code is still to come: ten minutes, under a cookie of their own.

They are no sessions, so nothing that asks for a session can take one for it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from services.guidance.lifecycle import person_key
from services.registry.people.sessions import hashed
from services.registry.people.tables import half_sign_ins
from services.registry.tables import instant_text, people

GOOD_FOR: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """Whose it is, and where they want to go."""

    name: str
    following: str


def begin(connection: Connection, name: str, *, following: str, now: datetime) -> str:
    """A new one; answers its id, which is kept nowhere here. Those that are over are dropped."""
    connection.execute(delete(half_sign_ins).where(half_sign_ins.c.expires_at <= instant_text(now)))
    identifier = secrets.token_urlsafe(32)
    connection.execute(
        insert(half_sign_ins).values(
            id_sha256=hashed(identifier),
            person=person_key(name),
            following=following[:2000],
            expires_at=instant_text(now + GOOD_FOR),
        )
    )
    return identifier


def find(connection: Connection, identifier: str, *, now: datetime) -> Half | None:
    """The one of that id, if it is not over."""
    row = connection.execute(
        select(half_sign_ins.c.following, people.c.name)
        .join(people, people.c.key == half_sign_ins.c.person)
        .where(half_sign_ins.c.id_sha256 == hashed(identifier), half_sign_ins.c.expires_at > instant_text(now))
    ).first()
    return None if row is None else Half(name=row.name, following=row.following)


def end(connection: Connection, identifier: str) -> None:
    """It is over: the code was right, or the person began anew."""
    connection.execute(delete(half_sign_ins).where(half_sign_ins.c.id_sha256 == hashed(identifier)))
