"""A session stands while it is used, for half a day at most, and ends with whatever it rested on."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from services.plumbing.sealing import Sealer
from services.registry.people import accounts, persons, sessions
from services.registry.people.tables import sessions as table
from tests.registry.conftest import NOW

SEALER = Sealer.generate()


def begun(connection: Connection, name: str = "Ann") -> str:
    """A session of someone with a password of their own."""
    if persons.find(connection, name) is None:
        person = persons.add_person(connection, name, ["clinical-reviewer"], now=NOW, by="tests").person
        accounts.give_password(connection, name, now=NOW, by="tests", sealer=SEALER)
        accounts.change_password(connection, person, "gentle otters paint slowly", now=NOW, sealer=SEALER)
    return sessions.begin(connection, name, how="password", now=NOW)


def test_its_id_is_random_and_not_in_the_database(connection: Connection) -> None:
    """Whoever reads the database cannot act as anybody."""
    first, second = begun(connection), begun(connection)
    assert first != second
    assert len(first) == 43  # 256 bits in base64url
    kept = [str(row) for row in connection.execute(select(table))]
    assert all(first not in row and second not in row for row in kept)
    assert sessions.find(connection, "", now=NOW) is None
    assert sessions.find(connection, sessions.hashed(first), now=NOW) is None


def test_it_ends_idle_and_old(connection: Connection) -> None:
    """After 30 minutes unused; after 12 hours however much it is used."""
    identifier = begun(connection)
    assert sessions.find(connection, identifier, now=NOW + timedelta(minutes=29)) is not None
    assert sessions.find(connection, identifier, now=NOW + timedelta(minutes=30)) is None
    now = NOW
    while now < NOW + timedelta(hours=11, minutes=30):
        now += timedelta(minutes=20)
        found = sessions.find(connection, identifier, now=now)
        assert found is not None
        assert found.is_due
        sessions.touch(connection, identifier, now=now)
    assert sessions.find(connection, identifier, now=NOW + timedelta(hours=12)) is None


def test_it_ends_with_password_roles_and_person(connection: Connection) -> None:
    """Whatever changes who someone is ends every session of theirs, and of nobody else."""
    other = begun(connection, "Ben")
    identifier = begun(connection)
    accounts.give_password(connection, "Ann", now=NOW, by="tests", sealer=SEALER)
    assert sessions.find(connection, identifier, now=NOW) is None
    identifier = begun(connection)
    persons.change_roles(connection, "Ann", ["auditor"], now=NOW, by="tests")
    assert sessions.find(connection, identifier, now=NOW) is None
    identifier = begun(connection)
    persons.deactivate(connection, "Ann", now=NOW, by="tests")
    assert sessions.find(connection, identifier, now=NOW) is None
    assert sessions.find(connection, other, now=NOW) is not None


def test_one_person_has_ten_at_most(connection: Connection) -> None:
    """The oldest ends, so the table does not grow with sign-ins."""
    identifiers = [begun(connection) for _ in range(12)]
    assert len(connection.execute(select(table)).all()) == 10
    assert sessions.find(connection, identifiers[-1], now=NOW) is not None


def test_ended_sessions_are_dropped(connection: Connection) -> None:
    """Whenever another is used."""
    begun(connection)
    later = NOW + timedelta(hours=13)
    fresh = sessions.begin(connection, "Ann", how="password", now=later)
    sessions.touch(connection, fresh, now=later)
    assert len(connection.execute(select(table)).all()) == 1


def test_the_form_token_belongs_to_one_session(connection: Connection) -> None:
    """Another session's is another, and neither tells the id."""
    first, second = begun(connection), begun(connection)
    assert sessions.csrf_of(first) != sessions.csrf_of(second)
    assert sessions.csrf_of(first) == sessions.csrf_of(first)
    assert first not in sessions.csrf_of(first)
