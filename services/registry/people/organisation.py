"""Signing in through the organisation: what its file says, whom its word names, and which roles it gives.

A person is known by issuer and subject together, never by e-mail or name: whoever may choose their own e-mail would
choose a colleague's. Whom nobody has linked yet becomes a new person where the file says so, else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select

from services.guidance.errors import NotAuthenticated, Refused
from services.guidance.lifecycle import ROLES, Person, person_key
from services.plumbing.openid import Request
from services.plumbing.web import decode
from services.registry.people import persons
from services.registry.people.sessions import hashed
from services.registry.people.tables import identities, sign_ins_begun
from services.registry.tables import instant_of, instant_text
from services.timeline.errors import BadInput

BEGUN_FOR: Final = timedelta(minutes=10)
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class Organisation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The organisation's file: `{"name", "issuer", "client_id", "roles": {"claim value": ["role"]}, …}`."""

    name: _Text
    """As the sign-in page calls it."""
    issuer: _Text
    client_id: _Text
    roles_claim: _Text = "groups"
    """The claim that holds a text or a list of texts."""
    roles: dict[str, tuple[str, ...]] = {}
    """Value of that claim → roles here. Empty: roles are given here, by an administrator."""
    create: bool = False
    """Whether someone who was never linked becomes a new person; needs `roles`."""
    name_claim: _Text = "name"
    scopes: tuple[str, ...] = ("openid", "profile")
    hosts: tuple[str, ...] = ()
    """Hosts besides the issuer's that its configuration may name."""
    private_networks: tuple[str, ...] = ()
    """Networks of the house in which the provider may be, e.g. `10.1.0.0/16`."""


def read_organisation(path: Path) -> Organisation:
    """The organisation's file; BadInput with the field that is wrong."""
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise BadInput(f"cannot be read ({fault.strerror})", place=str(path), remedy="Check the path") from fault
    found = decode(msgspec.json.Decoder(Organisation), raw, place=str(path))
    if unknown := sorted({role for given in found.roles.values() for role in given} - set(ROLES)):
        raise BadInput(f"no such role: {', '.join(unknown)}", place=f"{path}.roles", remedy=f"Choose from {ROLES}")
    if found.create and not found.roles:
        raise BadInput("a new person would have no role", place=f"{path}.create", remedy="Say which in `roles`")
    if "openid" not in found.scopes:
        raise BadInput("`openid` is missing", place=f"{path}.scopes", remedy="Add it")
    return found


def begin(connection: Connection, request: Request, *, browser: str, following: str, now: datetime) -> None:
    """Keep what must be known when the browser comes back, for ten minutes."""
    connection.execute(delete(sign_ins_begun).where(sign_ins_begun.c.expires_at <= instant_text(now)))
    connection.execute(
        insert(sign_ins_begun).values(
            state_sha256=hashed(request.state),
            browser_sha256=hashed(browser),
            nonce=request.nonce,
            verifier=request.verifier,
            following=following[:2000],
            expires_at=instant_text(now + BEGUN_FOR),
        )
    )


def take(connection: Connection, state: str, *, browser: str, now: datetime) -> Row[Any]:
    """What was kept for a state, once; NotAuthenticated if another browser began it, it is used, or it is too old."""
    row = connection.execute(select(sign_ins_begun).where(sign_ins_begun.c.state_sha256 == hashed(state))).first()
    gone = connection.execute(delete(sign_ins_begun).where(sign_ins_begun.c.state_sha256 == hashed(state)))
    if row is None or gone.rowcount != 1 or now >= instant_of(row.expires_at) or row.browser_sha256 != hashed(browser):
        raise NotAuthenticated("this browser began no such sign-in", reason="state")
    return row


def who_signed_in(
    connection: Connection, organisation: Organisation, claims: Mapping[str, Any], *, now: datetime
) -> Person:
    """The person whom these verified claims name, with the roles that they give; Refused if there is none."""
    issuer, subject = str(claims["iss"]), str(claims["sub"])
    roles = _roles(organisation, claims)
    key = connection.execute(
        select(identities.c.person).where(identities.c.issuer == issuer, identities.c.subject == subject)
    ).scalar()
    if organisation.roles and not roles:
        raise Refused("your organisation gives you no role here", place="roles", remedy="Ask whoever keeps its groups")
    if key is None:
        person = _new_person(connection, organisation, claims, roles, now=now)
        _link(connection, person, issuer, subject, now=now)
        return person
    person = persons.must_find(connection, key)
    if not person.is_active or person.is_service:
        raise Refused("your account here is closed", place="person", remedy="Ask an administrator of this registry")
    if organisation.roles and person.roles != frozenset(roles):
        person = persons.change_roles(connection, person.name, roles, now=now, by=organisation.name)
    return person


def link(connection: Connection, name: str, *, issuer: str, subject: str, now: datetime, by: str) -> Person:
    """Say who someone is at the organisation; a subject that is someone else's here is refused."""
    person = persons.must_find(connection, name)
    if person.is_service:
        raise Refused(f"{person.name} is a service; it does not sign in", place="name")
    known = connection.execute(
        select(identities.c.person).where(identities.c.issuer == issuer, identities.c.subject == subject)
    ).scalar()
    if known is not None:
        raise Refused("this subject is linked already", place="subject", remedy="One subject is one person")
    _link(connection, person, issuer, subject, now=now)
    persons.remember(connection, person, "identity linked", by=by, now=now)
    return person


def _new_person(
    connection: Connection,
    organisation: Organisation,
    claims: Mapping[str, Any],
    roles: Sequence[str],
    *,
    now: datetime,
) -> Person:
    name = claims.get(organisation.name_claim)
    known = isinstance(name, str) and persons.find(connection, name) is not None
    if not organisation.create or not isinstance(name, str) or known:
        # The subject names nobody to anyone but the provider; an administrator needs it to link.
        raise Refused(
            f"nobody here is linked to you yet; your subject is {str(claims['sub'])!a}",
            place="identity",
            remedy="Ask an administrator to run `knowdo registry person link`",
        )
    return persons.add_person(connection, name, roles, now=now, by=organisation.name).person


def _roles(organisation: Organisation, claims: Mapping[str, Any]) -> list[str]:
    value = claims.get(organisation.roles_claim)
    held = (
        {value}
        if isinstance(value, str)
        else {one for one in value if isinstance(one, str)}
        if isinstance(value, list)
        else set()
    )
    return sorted({role for one in held for role in organisation.roles.get(one, ())})


def _link(connection: Connection, person: Person, issuer: str, subject: str, *, now: datetime) -> None:
    connection.execute(
        insert(identities).values(
            issuer=issuer, subject=subject, person=person_key(person.name), added_at=instant_text(now)
        )
    )
