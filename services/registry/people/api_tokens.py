"""API tokens: several for one person or service, each with a name, an end and scopes; and whose a token is.

A scope is an act (`read`, `propose`, `vote` ...); a token does what its holder may do *and* its scopes name, so a token
never outgrows its holder. Only its hash is kept. The one token that came with the person knows no scope and no end.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal, cast, get_args

from sqlalchemy import Connection, delete, insert, select, update

from services.guidance.errors import NotFound, NotPermitted
from services.guidance.lifecycle import Person, person_key
from services.registry.people import persons
from services.registry.people.persons import TOKEN_PREFIX, Act, acts_of
from services.registry.people.tables import tokens
from services.registry.tables import instant_of, instant_text, people
from services.timeline.errors import BadInput

SCOPES: Final[tuple[Act, ...]] = get_args(Act)
LONGEST_DAYS: Final = 366
MOST: Final = 50  # of one person
ACCESS_SECONDS: Final = 300
_USED_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A token just made; the token itself is shown this once."""

    id: str
    token: str
    scopes: tuple[Act, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose token was shown, and what it may do with it."""

    person: Person
    acts: frozenset[Act]
    token_id: str = ""
    """Empty for the one that came with the person."""
    is_due: bool = False
    """Whether `used` should note it."""

    @property
    def is_scoped(self) -> bool:
        """Whether the token does less than its holder."""
        return self.acts != acts_of(self.person)

    def must(self, act: Act) -> None:
        """NotPermitted unless holder and token may do that."""
        persons.must(self.person, act)
        if act not in self.acts:
            raise NotPermitted(
                f"this token may not {act}; its scopes are {', '.join(sorted(self.acts)) or 'none'}",
                place="scopes",
                remedy="Use a token whose scopes name it: `knowdo registry token add`",
            )


def add(
    connection: Connection, name: str, *, label: str, scopes: Sequence[str], days: int, now: datetime, by: str
) -> Made:
    """A new token of an active person or service; the ledger keeps that there is one, not what it is."""
    person = _must_be_active(connection, name)
    shown = " ".join(label.split())
    if not 1 <= len(shown) <= 100 or not shown.isprintable():
        raise BadInput("a token's label has 1 to 100 printable characters", place="label", remedy="Say what it is for")
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"a token is good for 1 to {LONGEST_DAYS} days", place="days", remedy="Make a new one in time")
    wanted = _checked_scopes(scopes, person)
    kept = of(connection, name, now=now)
    if len(kept) >= MOST or any(one["label"] == shown for one in kept):
        raise BadInput(
            f"{person.name} has a token of that label, or {MOST} tokens", place="label", remedy="Revoke it first"
        )
    made = _insert(connection, person, "api", shown, wanted, now=now, ends=now + timedelta(days=days))
    persons.remember(connection, person, "token added", by=by, now=now)
    return made


def give_access(connection: Connection, person: Person, scopes: Sequence[str], *, now: datetime) -> Made:
    """A token of five minutes for a service that has just proved its key; those that ended are dropped."""
    connection.execute(delete(tokens).where(tokens.c.kind == "access", tokens.c.expires_at <= instant_text(now)))
    wanted = _checked_scopes(scopes or sorted(acts_of(person)), person)
    return _insert(connection, person, "access", "", wanted, now=now, ends=now + timedelta(seconds=ACCESS_SECONDS))


def of(connection: Connection, name: str, *, now: datetime) -> list[dict[str, Any]]:
    """The API tokens of a person that have not ended: id, label, scopes and times."""
    asked = (
        select(tokens)
        .where(tokens.c.person == person_key(name), tokens.c.kind == "api", tokens.c.expires_at > instant_text(now))
        .order_by(tokens.c.added_at, tokens.c.id)
    )
    return [
        {
            "id": row.id,
            "label": row.label,
            "scopes": list(row.scopes),
            "added_at": row.added_at,
            "expires_at": row.expires_at,
            "used_at": row.used_at or "",
        }
        for row in connection.execute(asked)
    ]


def revoke(connection: Connection, token_id: str, *, now: datetime, by: str) -> Person:
    """End one token at once; answers whose it was."""
    row = connection.execute(select(tokens.c.person).where(tokens.c.id == token_id, tokens.c.kind == "api")).first()
    if row is None:
        raise NotFound("no such token", place="id", remedy="See `knowdo registry token list`")
    person = persons.must_find(connection, row.person)
    connection.execute(delete(tokens).where(tokens.c.id == token_id))
    persons.remember(connection, person, "token revoked", by=by, now=now)
    return person


def identify(connection: Connection, token: str, *, now: datetime) -> Caller:
    """Whose token this is and what it may do; NotAuthenticated if it is nobody's, has ended or was revoked."""
    hashed = sha256(token.encode("utf-8", "replace")).hexdigest()
    row = connection.execute(
        select(tokens, people.c.name, people.c.roles, people.c.is_service, people.c.is_active)
        .join(people, people.c.key == tokens.c.person)
        .where(tokens.c.sha256 == hashed)
    ).first()
    if row is None:
        person = persons.who_is(connection, token)
        return Caller(person=person, acts=acts_of(person))
    if not row.is_active or now >= instant_of(row.expires_at) or not hmac.compare_digest(row.sha256, hashed):
        raise persons.nobody()
    person = Person(name=row.name, roles=frozenset(row.roles), is_service=row.is_service)
    return Caller(
        person=person,
        acts=acts_of(person) & frozenset(cast("list[Act]", row.scopes)),
        token_id=row.id,
        is_due=row.kind == "api" and (row.used_at is None or now >= instant_of(row.used_at) + _USED_EVERY),
    )


def used(connection: Connection, caller: Caller, *, now: datetime) -> None:
    """Note that a token is in use, to the hour."""
    connection.execute(update(tokens).where(tokens.c.id == caller.token_id).values(used_at=instant_text(now)))


def _insert(
    connection: Connection,
    person: Person,
    kind: Literal["api", "access"],
    label: str,
    scopes: tuple[Act, ...],
    *,
    now: datetime,
    ends: datetime,
) -> Made:
    token, identifier = TOKEN_PREFIX + secrets.token_urlsafe(32), secrets.token_hex(8)
    connection.execute(
        insert(tokens).values(
            id=identifier,
            sha256=sha256(token.encode()).hexdigest(),
            person=person_key(person.name),
            kind=kind,
            label=label,
            scopes=list(scopes),
            added_at=instant_text(now),
            expires_at=instant_text(ends),
        )
    )
    return Made(id=identifier, token=token, scopes=scopes, expires_at=ends)


def _checked_scopes(scopes: Sequence[str], person: Person) -> tuple[Act, ...]:
    may = acts_of(person)
    wanted = tuple(act for act in SCOPES if act in scopes)
    surplus = sorted({*scopes} - may)
    if not wanted or surplus:
        said = f"{person.name} may not {', '.join(surplus)}" if surplus else "at least one scope is needed"
        raise BadInput(said, place="scope", remedy=f"Choose from {', '.join(sorted(may))}")
    return wanted


def _must_be_active(connection: Connection, name: str) -> Person:
    person = persons.must_find(connection, name)
    if not person.is_active:
        raise NotPermitted(f"{person.name} is not active", place="name", remedy="Give them a token of their own first")
    return person
