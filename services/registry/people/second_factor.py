"""The second factor of local accounts: codes of an app, each good once, and ten written ones for when the app is lost.

The app's secret is kept sealed, the written codes as hashes. Wrong ones are counted like wrong passwords (`tries`), by the
callers of `accept`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from services.guidance.errors import Refused
from services.guidance.lifecycle import Person, person_key
from services.plumbing import one_time_codes
from services.plumbing.sealing import Sealer
from services.registry.people import persons, security_events
from services.registry.people.tables import recovery_codes, second_factors
from services.registry.sealed import FACTOR, about
from services.registry.tables import instant_text

Mode = Literal["off", "offered", "required"]
CODES: Final = 10
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read for another
_GROUPS: Final = (6, 6, 6, 6)  # 118 bits: a plain hash is enough (ASVS 2.6.2 asks for 112)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who needs one. `roles`: those that `required` is about; none named: everybody with a local password."""

    mode: Mode = "offered"
    roles: frozenset[str] = frozenset()

    def is_due(self, person: Person) -> bool:
        """Whether this person, who signed in with a password, must have one."""
        return self.mode == "required" and (not self.roles or bool(self.roles & person.roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """That a person has one, since when, and how many written codes are left."""

    added_at: str
    codes_left: int


def of(connection: Connection, name: str) -> Factor | None:
    """The factor of a person, if they have one."""
    key = person_key(name)
    at = connection.execute(select(second_factors.c.added_at).where(second_factors.c.person == key)).scalar()
    if at is None:
        return None
    left = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.person == key)
    return Factor(added_at=at, codes_left=connection.execute(left).scalar_one())


def add(
    connection: Connection, person: Person, secret: str, *, step: int, now: datetime, sealer: Sealer
) -> tuple[str, ...]:
    """Keep the app's secret, whose code of `step` was shown; answers the written codes. Refused if there is one already."""
    key = person_key(person.name)
    if of(connection, person.name) is not None:
        raise Refused("there is a second factor already", place="second factor", remedy="Remove it first")
    connection.execute(
        insert(second_factors).values(
            person=key,
            secret=sealer.seal(secret, about=about(FACTOR, key)),
            last_step=step,
            added_at=instant_text(now),
        )
    )
    persons.remember(connection, person, "second factor added", by=person.name, now=now)
    return _new_codes(connection, key)


def renew_codes(connection: Connection, person: Person, *, now: datetime) -> tuple[str, ...]:
    """Ten new written codes; the former ones are worth nothing."""
    persons.remember(connection, person, "recovery codes renewed", by=person.name, now=now)
    return _new_codes(connection, person_key(person.name))


def accept(connection: Connection, person: Person, code: str, *, now: datetime, sealer: Sealer) -> bool:
    """Whether this is a code of the app not used yet, or a written one; it is used from then on."""
    key = person_key(person.name)
    row = connection.execute(select(second_factors).where(second_factors.c.person == key)).first()
    if row is None:
        return False
    plain = _plain(code)
    if len(plain) == one_time_codes.DIGITS and plain.isdecimal():
        secret = sealer.open(row.secret, about=about(FACTOR, key))
        step = one_time_codes.step_of(secret, plain, at=now, after=row.last_step)
        # Two who send the same code at once: one of them moves the step.
        mine = second_factors.c.person == key, second_factors.c.last_step < (step or 0)
        if step is not None and connection.execute(update(second_factors).where(*mine).values(last_step=step)).rowcount:
            return True
        if one_time_codes.step_of(secret, plain, at=now) is not None:
            security_events.note(connection, person.name, "code used again", by="", now=now)
        return False
    used = recovery_codes.c.person == key, recovery_codes.c.sha256 == _hashed(plain)
    if not connection.execute(delete(recovery_codes).where(*used)).rowcount:
        return False
    persons.remember(connection, person, "recovery code used", by=person.name, now=now)
    return True


def remove(connection: Connection, person: Person, *, by: str, now: datetime) -> None:
    """Take it away, with its written codes; Refused if there is none."""
    key = person_key(person.name)
    connection.execute(delete(recovery_codes).where(recovery_codes.c.person == key))
    if not connection.execute(delete(second_factors).where(second_factors.c.person == key)).rowcount:
        raise Refused(f"{person.name} has no second factor", place="second factor", remedy="There is nothing to remove")
    persons.remember(connection, person, "second factor removed", by=by, now=now)


def _new_codes(connection: Connection, key: str) -> tuple[str, ...]:
    connection.execute(delete(recovery_codes).where(recovery_codes.c.person == key))
    made = tuple(
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(length)) for length in _GROUPS) for _ in range(CODES)
    )
    connection.execute(insert(recovery_codes), [{"sha256": _hashed(_plain(one)), "person": key} for one in made])
    return made


def _plain(code: str) -> str:
    """As people copy it: with or without spaces, hyphens and capitals."""
    return "".join(code.split()).replace("-", "").casefold()


def _hashed(code: str) -> str:
    return sha256(code.encode("utf-8", "replace")).hexdigest()
