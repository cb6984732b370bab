"""Signing in by name and password: count the try, do the work of a password check whoever it is, then begin a session."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from services.guidance.errors import NotAuthenticated
from services.guidance.lifecycle import Person, person_key
from services.plumbing.password_hashes import password_fits
from services.registry.desk import Desk
from services.registry.people import accounts, persons, security_events, sessions, tries
from services.registry.people.accounts import Account
from services.registry.people.password_rules import plain_password
from services.registry.sealed import PASSWORD, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A session that has just begun."""

    name: str
    identifier: str
    must_change: bool


async def sign_in(desk: Desk, *, name: str, password: str, address: str, browser: str, demo: bool) -> Begun:
    """A new session; NotAuthenticated without saying why, TooMany after too many tries."""
    account = await _proven(desk, name=name, password=password, address=address, demo=demo)
    person = account.person

    def begin(connection: Connection) -> str:
        tries.succeeded(connection, name=name, address=address)
        return sessions.begin(connection, person.name, how="password", now=desk.now(), browser=browser)

    return Begun(name=person.name, identifier=await desk.note(begin), must_change=account.must_change)


async def change_password(desk: Desk, person: Person, *, old: str, new: str, address: str, browser: str) -> str:
    """Another password for who knows the old one, and the id of a new session; every other session ends."""
    # A demo password is asked for here only by someone whose session it already made.
    await _proven(desk, name=person.name, password=old, address=address, demo=True)

    def change(connection: Connection) -> str:
        tries.succeeded(connection, name=person.name, address=address)
        accounts.change_password(connection, person, new, now=desk.now(), sealer=desk.sealer)
        return sessions.begin(connection, person.name, how="password", now=desk.now(), browser=browser)

    return await desk.write(change)


async def _proven(desk: Desk, *, name: str, password: str, address: str, demo: bool) -> Account:
    """The account that the password opens."""
    now = desk.now()

    def look(connection: Connection) -> tuple[bool, Account | None]:
        return tries.count(connection, name=name, address=address, now=now), accounts.find(connection, name)

    def lock(connection: Connection) -> None:
        if (known := persons.find(connection, name)) is not None and not known.is_service:
            security_events.note(connection, known.name, "sign-in locked", by="", now=now)

    is_last, account = await desk.note(look)
    is_open = account is not None and account.is_open(now=now, demo=demo)
    kept = None
    if account is not None and is_open:
        kept = desk.sealer.open(account.password, about=about(PASSWORD, person_key(account.person.name)))
    if not await run_in_threadpool(password_fits, kept, plain_password(password)) or account is None:
        if is_last:  # once in a row of failures: the person is told, whoever it was
            await desk.note(lock)
        raise NotAuthenticated("name and password do not fit", reason="password")
    return account
