"""Sessions: kept by the server under the hash of a random id that only the person's browser knows.

A session ends after 30 minutes without a request, 12 hours after it began, at sign-out, with a new password or other
roles, and when the person is deactivated. Every sign-in makes a new id, so none can be planted before.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from sqlalchemy import Connection, delete, insert, or_, select, update

from services.guidance.errors import NotFound
from services.guidance.lifecycle import Person, person_key
from services.registry.people.tables import accounts, half_sign_ins, second_factors, sessions
from services.registry.tables import instant_of, instant_text, people

How = Literal["password", "organisation"]
IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=12)
TOUCH: Final = timedelta(minutes=1)  # a write for every click would be one too many
MOST: Final = 10  # of one person at a time; the oldest ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that stands."""

    person: Person
    how: How
    must_change: bool
    has_factor: bool
    """Whether a code was asked for, or need not be: it has a second factor, came through the organisation, or is a demo person's."""
    is_due: bool
    """Whether `touch` should note that it is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A session as its person is shown it. `handle` names it and opens nothing."""

    handle: str
    how: How
    began_at: str
    seen_at: str
    browser: str
    is_this: bool


def begin(connection: Connection, name: str, *, how: How, now: datetime, browser: str = "") -> str:
    """A new session; answers its id, which is kept nowhere here. `browser`: in a few words, to be known again by."""
    identifier = secrets.token_urlsafe(32)
    key, at = person_key(name), instant_text(now)
    standing = connection.execute(
        select(sessions.c.id_sha256).where(sessions.c.person == key).order_by(sessions.c.began_at.desc())
    ).scalars()
    for surplus in list(standing)[MOST - 1 :]:
        connection.execute(delete(sessions).where(sessions.c.id_sha256 == surplus))
    connection.execute(
        insert(sessions).values(
            id_sha256=hashed(identifier), person=key, how=how, began_at=at, seen_at=at, browser=browser[:60]
        )
    )
    return identifier


def find(connection: Connection, identifier: str, *, now: datetime, demo: bool = False) -> Session | None:
    """The session of that id, if it stands and its person is active; one by a demo password only in demo mode."""
    row = connection.execute(
        select(
            sessions, people.c.name, people.c.roles, people.c.is_service, people.c.is_active,
            accounts.c.must_change, accounts.c.is_demo, second_factors.c.added_at.label("factor_at"),
        )
        .join(people, people.c.key == sessions.c.person)
        .outerjoin(accounts, accounts.c.person == sessions.c.person)
        .outerjoin(second_factors, second_factors.c.person == sessions.c.person)
        .where(sessions.c.id_sha256 == hashed(identifier))
    ).first()  # fmt: skip
    if row is None or not row.is_active or row.is_service:
        return None
    seen = instant_of(row.seen_at)
    if now >= seen + IDLE or now >= instant_of(row.began_at) + LONGEST:
        return None
    by_password = row.how == "password"
    if by_password and (row.is_demo is None or (row.is_demo and not demo)):
        return None
    return Session(
        person=Person(name=row.name, roles=frozenset(row.roles)),
        how="password" if by_password else "organisation",
        must_change=by_password and bool(row.must_change),
        has_factor=not by_password or bool(row.is_demo) or row.factor_at is not None,
        is_due=now >= seen + TOUCH,
    )


def touch(connection: Connection, identifier: str, *, now: datetime) -> None:
    """Note that it is in use, and drop those that have ended."""
    connection.execute(
        update(sessions).where(sessions.c.id_sha256 == hashed(identifier)).values(seen_at=instant_text(now))
    )
    connection.execute(
        delete(sessions).where(
            or_(sessions.c.seen_at <= instant_text(now - IDLE), sessions.c.began_at <= instant_text(now - LONGEST))
        )
    )


def of(connection: Connection, name: str, *, now: datetime, this: str = "") -> list[Listed]:
    """The sessions of a person that stand, the last used first; `this` is the id of the one that asks."""
    asked = (
        select(sessions)
        .where(
            sessions.c.person == person_key(name),
            sessions.c.seen_at > instant_text(now - IDLE),
            sessions.c.began_at > instant_text(now - LONGEST),
        )
        .order_by(sessions.c.seen_at.desc(), sessions.c.id_sha256)
    )
    return [
        Listed(
            handle=_handle(row.id_sha256),
            how="password" if row.how == "password" else "organisation",
            began_at=row.began_at,
            seen_at=row.seen_at,
            browser=row.browser,
            is_this=bool(this) and row.id_sha256 == hashed(this),
        )
        for row in connection.execute(asked)
    ]


def end_listed(connection: Connection, name: str, handle: str) -> None:
    """End one of this person's; NotFound if it has ended, or is somebody else's."""
    mine = connection.execute(select(sessions.c.id_sha256).where(sessions.c.person == person_key(name))).scalars()
    found = next((one for one in mine if _handle(one) == handle), None)
    if found is None:
        raise NotFound("you have no such session", place="session", remedy="It may have ended; look at the list again")
    connection.execute(delete(sessions).where(sessions.c.id_sha256 == found))


def end_others(connection: Connection, name: str, *, this: str = "") -> int:
    """End every session of a person but this one; how many there were."""
    others = sessions.c.person == person_key(name), sessions.c.id_sha256 != hashed(this)
    return connection.execute(delete(sessions).where(*others)).rowcount


def end(connection: Connection, identifier: str) -> None:
    """End one session."""
    connection.execute(delete(sessions).where(sessions.c.id_sha256 == hashed(identifier)))


def end_all(connection: Connection, name: str) -> None:
    """End every session of a person, and every sign-in that waits for its code."""
    connection.execute(delete(half_sign_ins).where(half_sign_ins.c.person == person_key(name)))
    connection.execute(delete(sessions).where(sessions.c.person == person_key(name)))


def csrf_of(identifier: str) -> str:
    """The token that every form of this session carries; whoever does not know the session's id cannot make it."""
    return hmac.new(identifier.encode("utf-8", "replace"), b"knowdo form", sha256).hexdigest()


def _handle(id_sha256: str) -> str:
    return id_sha256[:16]


def hashed(identifier: str) -> str:
    """What is kept of a session's id."""
    return sha256(identifier.encode("utf-8", "replace")).hexdigest()
