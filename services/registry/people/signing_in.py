"""Signing in by name and password, and by a code where there is a second factor: each try is counted before it is judged.

The work of a password check is done whoever it is. The count starts anew only when everything was right: a password that
somebody knows gives no free tries at the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from services.guidance.errors import NotAuthenticated
from services.guidance.lifecycle import Person, person_key
from services.plumbing.password_hashes import password_fits
from services.registry.desk import Desk
from services.registry.people import accounts, half_sign_ins, persons, second_factor, security_events, sessions, tries
from services.registry.people.accounts import Account
from services.registry.people.half_sign_ins import Half
from services.registry.people.password_rules import plain_password
from services.registry.sealed import PASSWORD, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A session that has just begun, or, if a code is still to come, half a sign-in."""

    name: str
    identifier: str
    must_change: bool
    waits_for_code: bool = False


async def sign_in(
    desk: Desk, *, name: str, password: str, following: str, address: str, browser: str, demo: bool
) -> Begun:
    """A new session, or half of one; NotAuthenticated without saying why, TooMany after too many tries."""
    account = await proven(desk, name=name, password=password, address=address, demo=demo)
    person = account.person

    def begin(connection: Connection) -> Begun:
        if second_factor.of(connection, person.name) is not None:
            _tell_of_lock(connection, name, now=desk.now())  # the count goes on until the code is right
            half = half_sign_ins.begin(connection, person.name, following=following, now=desk.now())
            return Begun(name=person.name, identifier=half, must_change=account.must_change, waits_for_code=True)
        tries.succeeded(connection, name=name, address=address)
        identifier = sessions.begin(connection, person.name, how="password", now=desk.now(), browser=browser)
        return Begun(name=person.name, identifier=identifier, must_change=account.must_change)

    return await desk.note(begin)


async def finish(desk: Desk, half: Half, identifier: str, *, code: str, address: str, browser: str) -> Begun:
    """The session that a code makes of half a sign-in; NotAuthenticated for a wrong or used one, TooMany after too many."""
    account = await coded(desk, half.name, code=code, address=address)

    def begin(connection: Connection) -> Begun:
        half_sign_ins.end(connection, identifier)
        begun = sessions.begin(connection, account.person.name, how="password", now=desk.now(), browser=browser)
        return Begun(name=account.person.name, identifier=begun, must_change=account.must_change)

    return await desk.note(begin)


async def coded(desk: Desk, name: str, *, code: str, address: str) -> Account:
    """The account whose second factor this code shows; NotAuthenticated for a wrong or used one, TooMany after too many."""
    now = desk.now()
    await desk.note(lambda connection: tries.count(connection, name=name, address=address, now=now))

    def accept(connection: Connection) -> Account | None:
        account = accounts.find(connection, name)
        if account is None or not account.person.is_active:
            return None
        if not second_factor.accept(connection, account.person, code, now=now, sealer=desk.sealer):
            return None
        tries.succeeded(connection, name=name, address=address)
        return account

    account = await desk.write(accept)
    if account is None:
        await desk.note(lambda connection: _tell_of_lock(connection, name, now=now))
        raise NotAuthenticated("the code does not fit", reason="code")
    return account


async def change_password(desk: Desk, person: Person, *, old: str, new: str, address: str, browser: str) -> str:
    """Another password for who knows the old one, and the id of a new session; every other session ends."""
    # A demo password is asked for here only by someone whose session it already made.
    await proven(desk, name=person.name, password=old, address=address, demo=True)

    def change(connection: Connection) -> str:
        tries.succeeded(connection, name=person.name, address=address)
        accounts.change_password(connection, person, new, now=desk.now(), sealer=desk.sealer)
        return sessions.begin(connection, person.name, how="password", now=desk.now(), browser=browser)

    return await desk.write(change)


async def proven(desk: Desk, *, name: str, password: str, address: str, demo: bool) -> Account:
    """The account that the password opens; NotAuthenticated without saying why, TooMany after too many tries."""
    now = desk.now()

    def look(connection: Connection) -> Account | None:
        tries.count(connection, name=name, address=address, now=now)
        return accounts.find(connection, name)

    account = await desk.note(look)
    kept = None
    if account is not None and account.is_open(now=now, demo=demo):
        kept = desk.sealer.open(account.password, about=about(PASSWORD, person_key(account.person.name)))
    if not await run_in_threadpool(password_fits, kept, plain_password(password)) or account is None:
        await desk.note(lambda connection: _tell_of_lock(connection, name, now=now))
        raise NotAuthenticated("name and password do not fit", reason="password")
    return account


def _tell_of_lock(connection: Connection, name: str, *, now: datetime) -> None:
    """Once in a row of failures the person is told, whoever it was."""
    if not tries.has_just_locked(connection, name):
        return
    if (known := persons.find(connection, name)) is not None and not known.is_service:
        security_events.note(connection, known.name, "sign-in locked", by="", now=now)
