"""Who may act here: persons in roles, and services; each proves itself with a token that is shown once and never kept.

Least privilege: what each kind of identity may do stands in one table. A service proposes, reads and reports; it can
never vote, and no role gives it that.
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Literal

from sqlalchemy import Connection, delete, insert, select, update

from services.guidance.errors import NotAuthenticated, NotFound, NotPermitted, Refused
from services.guidance.lifecycle import MAY_STOP, NEVER_VOTE, ROLES, Person, person_key
from services.registry.memory import ledger
from services.registry.people import security_events, sessions
from services.registry.people.tables import accounts, recovery_codes, second_factors, service_keys, tokens
from services.registry.tables import instant_text, people
from services.timeline.errors import BadInput

Act = Literal["read", "propose", "vote", "stop", "run", "report", "audit"]

SERVICES: Final[Mapping[str, frozenset[Act]]] = MappingProxyType(
    {
        "learner": frozenset({"read", "propose"}),
        # It fetches what may speak and says what it did; it need not see proposals, votes or people.
        "cds": frozenset({"run", "report"}),
    }
)
"""What each service may do: `run` is fetching manifests, releases and evidence."""

_EVERY_PERSON: Final[frozenset[Act]] = frozenset({"read", "run"})
_PROPOSERS: Final = frozenset({"model-developer", "data-steward", "data-science-reviewer"})
_AUDITORS: Final = frozenset({"auditor", "privacy-security"})
TOKEN_PREFIX: Final = "knowdo_"  # noqa: S105 - lets a secret scanner find a token that leaked


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A person just added, and the token that is shown this once."""

    person: Person
    token: str


def acts_of(person: Person) -> frozenset[Act]:
    """Everything that this identity may do."""
    if not person.is_active:
        return frozenset()
    if person.is_service:
        return frozenset[Act]().union(*(SERVICES.get(role, frozenset()) for role in person.roles))
    acts: set[Act] = set(_EVERY_PERSON)
    if person.roles & _PROPOSERS:
        acts.add("propose")
    if person.roles & _AUDITORS:
        acts.add("audit")
    if person.roles & MAY_STOP:
        acts.add("stop")
    if person.roles and not person.roles & NEVER_VOTE.keys():
        acts.add("vote")
    return frozenset(acts)


def must(person: Person, act: Act) -> None:
    """NotPermitted unless this identity may do that."""
    if act not in acts_of(person):
        kind = "service" if person.is_service else "person"
        raise NotPermitted(
            f"the {kind} {person.name} ({', '.join(sorted(person.roles)) or 'no role'}) may not {act}",
            place="roles",
            remedy="Ask someone whose role allows it; an administrator gives roles with `knowdo registry person add`",
        )


def add_person(
    connection: Connection,
    name: str,
    roles: Sequence[str],
    *,
    now: datetime,
    by: str,
    is_service: bool = False,
) -> Added:
    """Add a person or a service with a new token; the ledger keeps who got which role."""
    shown = _checked_name(name)
    given = _checked_roles(roles, is_service=is_service)
    if find(connection, shown) is not None:
        raise Refused(
            f"{shown} is already here", place="name", remedy="Use `knowdo registry person token` for a new token"
        )
    person = Person(name=shown, roles=given, is_service=is_service)
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        insert(people).values(
            key=person_key(shown),
            name=shown,
            is_service=is_service,
            roles=sorted(person.roles),
            is_active=True,
            token_sha256=_token_hash(token),
            added_at=instant_text(now),
        )
    )
    remember(connection, person, "person added", by=by, now=now)
    return Added(person=person, token=token)


def new_token(connection: Connection, name: str, *, now: datetime, by: str) -> Added:
    """Replace someone's token; the old one is worth nothing from then on."""
    person = must_find(connection, name)
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        update(people).where(people.c.key == person_key(name)).values(token_sha256=_token_hash(token), is_active=True)
    )
    remember(connection, person, "token replaced", by=by, now=now)
    return Added(person=person, token=token)


def deactivate(connection: Connection, name: str, *, now: datetime, by: str) -> None:
    """Take away tokens, keys, password, second factor, sessions and every right; past votes stay in the memory and count no more."""
    person = must_find(connection, name)
    sessions.end_all(connection, name)
    for kept in (accounts, second_factors, recovery_codes, tokens, service_keys):
        connection.execute(delete(kept).where(kept.c.person == person_key(name)))
    connection.execute(
        update(people).where(people.c.key == person_key(name)).values(token_sha256=None, is_active=False)
    )
    remember(connection, person, "person deactivated", by=by, now=now)


def change_roles(connection: Connection, name: str, roles: Sequence[str], *, now: datetime, by: str) -> Person:
    """Give someone these roles instead of those they have; their sessions end, and votes count by the roles of today."""
    known = must_find(connection, name)
    person = replace(known, roles=_checked_roles(roles, is_service=known.is_service))
    connection.execute(update(people).where(people.c.key == person_key(name)).values(roles=sorted(person.roles)))
    sessions.end_all(connection, name)
    remember(connection, person, "roles changed", by=by, now=now)
    return person


def find(connection: Connection, name: str) -> Person | None:
    """The person of that name."""
    return everyone(connection, person_key(name)).get(person_key(name))


def must_find(connection: Connection, name: str) -> Person:
    """The person of that name, or NotFound."""
    person = find(connection, name)
    if person is None:
        raise NotFound(f"nobody is called {name}", place="name", remedy="See `knowdo registry person list`")
    return person


def everyone(connection: Connection, key: str | None = None) -> dict[str, Person]:
    """Everyone by `person_key`, or only that one."""
    asked = select(people.c.key, people.c.name, people.c.roles, people.c.is_service, people.c.is_active)
    if key is not None:
        asked = asked.where(people.c.key == key)
    return {
        row.key: Person(name=row.name, roles=frozenset(row.roles), is_service=row.is_service, is_active=row.is_active)
        for row in connection.execute(asked.order_by(people.c.key))
    }


def who_is(connection: Connection, token: str) -> Person:
    """Whose token this is; NotAuthenticated if nobody's."""
    hashed = _token_hash(token)
    row = connection.execute(
        select(people.c.name, people.c.roles, people.c.is_service, people.c.is_active, people.c.token_sha256).where(
            people.c.token_sha256 == hashed
        )
    ).first()
    # The database compares hashes of 256 random bits, which its timing cannot betray; the last word is constant-time.
    if row is None or not row.is_active or not hmac.compare_digest(row.token_sha256, hashed):
        raise nobody()
    return Person(name=row.name, roles=frozenset(row.roles), is_service=row.is_service, is_active=True)


def nobody() -> NotAuthenticated:
    """The one answer to a token that proves nothing, whatever is wrong with it."""
    return NotAuthenticated("no active person or service has this token", reason="token")


def _token_hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def _checked_name(name: str) -> str:
    shown = " ".join(unicodedata.normalize("NFKC", name).split())
    if not 1 <= len(shown) <= 100 or not shown.isprintable():
        raise BadInput(
            "a name has 1 to 100 printable characters", place="name", remedy="Write it as colleagues know it"
        )
    return shown


def _checked_roles(roles: Sequence[str], *, is_service: bool) -> frozenset[str]:
    known = sorted(SERVICES) if is_service else list(ROLES)
    if unknown := [role for role in roles if role not in known]:
        raise BadInput(f"no such role: {', '.join(unknown)}", place="role", remedy=f"Choose from {', '.join(known)}")
    if not roles:
        raise BadInput("at least one role is needed", place="role", remedy=f"Choose from {', '.join(known)}")
    return frozenset(roles)


def remember(connection: Connection, person: Person, action: str, *, by: str, now: datetime) -> None:
    """An entry of the ledger about who may act, inside the caller's transaction; a person finds it on their page, too."""
    kind = "service" if person.is_service else "person"
    if not person.is_service:
        security_events.note(connection, person.name, action, by=by, now=now)
    ledger.append(
        connection,
        actor=by,
        role="administrator",
        action=action,
        subject=f"person:{person_key(person.name)}"[:128],
        detail={"name": person.name, "kind": kind, "roles": sorted(person.roles)},
        now=now,
    )
