"""Services that prove themselves by a private key: their public keys, and the short token that a proof is worth."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from services.guidance.errors import NotAuthenticated, NotFound, NotPermitted
from services.guidance.lifecycle import person_key
from services.plumbing.client_assertions import client_named, registered_keys, verify_assertion
from services.plumbing.database import insert_once
from services.registry.people import api_tokens, persons
from services.registry.people.api_tokens import Made
from services.registry.people.tables import service_keys, used_assertions
from services.registry.tables import instant_text


def add(connection: Connection, name: str, content: object, *, now: datetime, by: str) -> list[str]:
    """Trust the public keys of a JWK set for a service, beside those it has; answers their ids."""
    person = persons.must_find(connection, name)
    if not person.is_service or not person.is_active:
        raise NotPermitted(
            f"{person.name} is no active service", place="name", remedy="Persons sign in, or use an API token"
        )
    keys = registered_keys(content)
    for kid, jwk in keys.items():
        connection.execute(
            delete(service_keys).where(service_keys.c.person == person_key(name), service_keys.c.kid == kid)
        )
        connection.execute(
            insert(service_keys).values(person=person_key(name), kid=kid, jwk=jwk, added_at=instant_text(now))
        )
    persons.remember(connection, person, "key added", by=by, now=now)
    return list(keys)


def of(connection: Connection, name: str) -> list[dict[str, Any]]:
    """The keys of a service: id, kind and when it was added."""
    rows = connection.execute(
        select(service_keys).where(service_keys.c.person == person_key(name)).order_by(service_keys.c.kid)
    )
    return [{"kid": row.kid, "kty": row.jwk["kty"], "added_at": row.added_at} for row in rows]


def remove(connection: Connection, name: str, kid: str, *, now: datetime, by: str) -> None:
    """Trust a key no longer; tokens that it obtained end with their five minutes."""
    person = persons.must_find(connection, name)
    gone = connection.execute(
        delete(service_keys).where(service_keys.c.person == person_key(name), service_keys.c.kid == kid)
    )
    if not gone.rowcount:
        raise NotFound("no such key", place="kid", remedy="See `knowdo registry key list`")
    persons.remember(connection, person, "key removed", by=by, now=now)


def exchange(
    connection: Connection, assertion: str, scopes: list[str], *, audiences: frozenset[str], now: datetime
) -> Made:
    """A token of five minutes for a proof that was not used before; NotAuthenticated without saying why."""
    client = client_named(assertion)
    person = persons.find(connection, client)
    if person is None or person.name != client or not person.is_service or not person.is_active:
        raise NotAuthenticated("no such service", reason="assertion")
    rows = connection.execute(select(service_keys.c.jwk).where(service_keys.c.person == person_key(client))).scalars()
    proof = verify_assertion(assertion, list(rows), client=client, audiences=audiences, now=int(now.timestamp()))
    connection.execute(delete(used_assertions).where(used_assertions.c.expires_at <= instant_text(now)))
    # Kept beyond its end by the leeway for which it would still be taken, and a little more.
    kept_until = instant_text(datetime.fromtimestamp(proof.expires + 60, UTC))
    identifier = sha256(f"{client}\n{proof.jti}".encode()).hexdigest()
    if not insert_once(connection, used_assertions, {"id_sha256": identifier, "expires_at": kept_until}):
        raise NotAuthenticated("this assertion was used before", reason="assertion")
    return api_tokens.give_access(connection, person, scopes, now=now)
