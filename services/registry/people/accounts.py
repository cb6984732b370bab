"""Local accounts: a person's password, who gave it, and whether it must be changed before anything else.

A password that an administrator gave is good for three days and for one thing: choosing another. Demo passwords are
known to everybody, so they are marked, and only a registry in demo mode takes them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from services.guidance.errors import NotPermitted
from services.guidance.lifecycle import Person, person_key
from services.plumbing.password_hashes import hash_password
from services.plumbing.sealing import Sealer
from services.registry.people import persons, sessions
from services.registry.people.password_rules import checked_password
from services.registry.people.tables import accounts
from services.registry.sealed import PASSWORD, about
from services.registry.tables import instant_of, instant_text, people

GIVEN_FOR: Final = timedelta(days=3)
DEMO_PASSWORD: Final = "knowdo-demo-is-not-secret"  # noqa: S105 - shown on the sign-in page of demo mode, taken nowhere else
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read for another


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What there is to hold a password against."""

    person: Person
    password: str
    """Its hash, sealed."""
    must_change: bool
    is_demo: bool
    good_until: datetime | None
    changed_at: str

    def is_open(self, *, now: datetime, demo: bool) -> bool:
        """Whether it may be signed in to at all: an active person, a password not run out, a demo one only in demo."""
        lasts = self.good_until is None or now < self.good_until
        return self.person.is_active and not self.person.is_service and lasts and (demo or not self.is_demo)


def give_password(connection: Connection, name: str, *, now: datetime, by: str, sealer: Sealer) -> str:
    """A new password for a person, to be told to them once; they must change it. All their sessions end."""
    person = _must_be_person(connection, name)
    given = "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))
    _keep(connection, person, given, sealer, must_change=True, good_until=now + GIVEN_FOR, now=now)
    sessions.end_all(connection, person.name)
    persons.remember(connection, person, "password given", by=by, now=now)
    return given


def give_demo_password(connection: Connection, name: str, *, now: datetime, sealer: Sealer) -> None:
    """The password that everybody knows, for a made-up person; kept from then on if they have none yet."""
    person = _must_be_person(connection, name)
    if find(connection, name) is None:
        _keep(connection, person, DEMO_PASSWORD, sealer, is_demo=True, now=now)


def change_password(connection: Connection, person: Person, new: str, *, now: datetime, sealer: Sealer) -> None:
    """A password of the person's own choice; BadInput if the rules refuse it. All their sessions end."""
    _keep(connection, person, checked_password(new, name=person.name), sealer, now=now)
    sessions.end_all(connection, person.name)
    persons.remember(connection, person, "password changed", by=person.name, now=now)


def find(connection: Connection, name: str) -> Account | None:
    """The account of that name."""
    row = connection.execute(
        select(accounts, people.c.name, people.c.roles, people.c.is_service, people.c.is_active)
        .join(people, people.c.key == accounts.c.person)
        .where(accounts.c.person == person_key(name))
    ).first()
    if row is None:
        return None
    person = Person(name=row.name, roles=frozenset(row.roles), is_service=row.is_service, is_active=row.is_active)
    return Account(
        person=person,
        password=row.password,
        must_change=row.must_change,
        is_demo=row.is_demo,
        good_until=instant_of(row.good_until) if row.good_until else None,
        changed_at=row.changed_at,
    )


def demo_persons(connection: Connection) -> list[Person]:
    """Everyone who can sign in with the demo password."""
    asked = (
        select(people.c.name, people.c.roles)
        .join(accounts, accounts.c.person == people.c.key)
        .where(accounts.c.is_demo, people.c.is_active)
        .order_by(people.c.key)
    )
    return [Person(name=row.name, roles=frozenset(row.roles)) for row in connection.execute(asked)]


def _must_be_person(connection: Connection, name: str) -> Person:
    person = persons.must_find(connection, name)
    if person.is_service or not person.is_active:
        raise NotPermitted(
            f"{person.name} is a service or not active; only active persons have passwords",
            place="name",
            remedy="Give a service a key (`knowdo registry key add`) or a token",
        )
    return person


def _keep(
    connection: Connection,
    person: Person,
    password: str,
    sealer: Sealer,
    *,
    now: datetime,
    must_change: bool = False,
    is_demo: bool = False,
    good_until: datetime | None = None,
) -> None:
    key = person_key(person.name)
    connection.execute(delete(accounts).where(accounts.c.person == key))
    connection.execute(
        insert(accounts).values(
            person=key,
            password=sealer.seal(hash_password(password), about=about(PASSWORD, key)),
            must_change=must_change,
            is_demo=is_demo,
            good_until=instant_text(good_until) if good_until else None,
            changed_at=instant_text(now),
        )
    )
