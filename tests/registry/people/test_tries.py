"""Guessing costs time, by name and by address, and tells nobody which names there are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from services.guidance.errors import TooMany
from services.plumbing.database import create_tables, open_database, writing
from services.registry.people import tries
from services.registry.people.tables import tries as table
from services.registry.tables import TABLES
from tests.registry.conftest import NOW


def guesses(connection: Connection, *, name: str, address: str, hours: int) -> int:
    """How many guesses someone gets in so many hours who tries whenever it is allowed."""
    now, made = NOW, 0
    while now < NOW + timedelta(hours=hours):
        try:
            tries.count(connection, name=name, address=address, now=now)
            made += 1
        except TooMany as wait:
            now += timedelta(seconds=wait.seconds)
    return made


def test_one_name_is_guessed_at_a_few_times_an_hour(connection: Connection) -> None:
    """OWASP ASVS 2.2.1 asks for fewer than a hundred."""
    assert guesses(connection, name="Ann", address="192.0.2.1", hours=1) < 15


def test_one_address_guesses_at_many_names_no_faster(connection: Connection) -> None:
    """Spraying one password over all names waits too."""
    for number in range(tries.FREE_BY_ADDRESS):
        tries.count(connection, name=f"name {number}", address="192.0.2.1", now=NOW)
    with pytest.raises(TooMany):
        tries.count(connection, name="another", address="192.0.2.1", now=NOW)
    tries.count(connection, name="another", address="192.0.2.2", now=NOW)


def test_success_frees_the_name_but_not_the_address(connection: Connection) -> None:
    """An own account is no way to go on guessing at others."""
    for number in range(tries.FREE_BY_ADDRESS):
        if number % 4 == 3:
            tries.count(connection, name="mine", address="192.0.2.1", now=NOW)
            tries.succeeded(connection, name="mine", address="192.0.2.1")
        else:
            tries.count(connection, name=f"name {number}", address="192.0.2.1", now=NOW)
    for number in range(5):
        tries.count(connection, name=f"more {number}", address="192.0.2.1", now=NOW)
    with pytest.raises(TooMany):
        tries.count(connection, name="one too many", address="192.0.2.1", now=NOW)


@pytest.mark.parametrize("spelling", ["ann", "ANN ", " Ａnn"])
def test_another_spelling_is_the_same_name(connection: Connection, spelling: str) -> None:
    """Capitals and spaces give no free tries."""
    for _ in range(tries.FREE_BY_NAME):
        tries.count(connection, name="Ann", address="192.0.2.1", now=NOW)
    with pytest.raises(TooMany):
        tries.count(connection, name=spelling, address="192.0.2.9", now=NOW)


def test_what_is_kept_is_no_name_and_goes_after_a_day(connection: Connection) -> None:
    """People type passwords into the field of the name; the table does not grow for ever."""
    tries.count(connection, name="my-Password-typed-here", address="192.0.2.1", now=NOW)
    (one, two) = connection.execute(select(table)).all()
    assert "typed" not in f"{one}{two}"
    tries.count(connection, name="x", address="192.0.2.2", now=NOW + timedelta(hours=25))
    assert len(connection.execute(select(table)).all()) == 2


def test_it_holds_on_both_databases(database: str) -> None:
    """The same counts on SQLite and PostgreSQL."""
    engine = open_database(database)
    create_tables(engine, TABLES)

    def one(now: datetime) -> None:
        with writing(engine) as connection:
            tries.count(connection, name="Ann", address="192.0.2.1", now=now)

    for _ in range(tries.FREE_BY_NAME):
        one(NOW)
    with pytest.raises(TooMany) as many:
        one(NOW)
    assert 0 < many.value.seconds <= 31
    engine.dispose()
