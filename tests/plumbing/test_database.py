"""The database's promises, on SQLite and on a real PostgreSQL: durable, all or nothing, and clear when it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from services.guidance.errors import Unavailable
from services.plumbing.database import create_tables, insert_once, open_database, reading, writing
from services.timeline.errors import BadInput
from tests.postgres import fresh_database

TABLES = MetaData()
notes = Table("notes", TABLES, Column("id", Integer, primary_key=True), Column("said", String(40), nullable=False))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Each kind of database in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/deep/folder/notes.sqlite"
    else:
        yield from fresh_database()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An open database with one table."""
    engine = open_database(url)
    create_tables(engine, TABLES)
    yield engine
    engine.dispose()


def count(engine: Engine) -> int:
    """How many notes there are."""
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(notes)).scalar_one()


def test_what_was_committed_is_there_in_another_process(engine: Engine, url: str) -> None:
    """A second engine, as another process has it, sees it."""
    with writing(engine) as connection:
        connection.execute(insert(notes).values(said="kept"))
    other = open_database(url)
    create_tables(other, TABLES)
    assert count(other) == 1
    other.dispose()


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    """All or nothing, table by table and row by row."""

    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(insert(notes).values(said="lost"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert count(engine) == 0


def test_a_broken_rule_of_the_data_is_the_programs_fault(engine: Engine) -> None:
    """A constraint is no outage: it is not called Unavailable."""

    def write_twice() -> None:
        with writing(engine) as connection:
            connection.execute(insert(notes).values(id=1, said="a"))
            connection.execute(insert(notes).values(id=1, said="b"))

    with pytest.raises(IntegrityError):
        write_twice()
    assert count(engine) == 0


def test_writers_queue_and_none_is_lost(engine: Engine) -> None:
    """Eight threads that read and then write at once: every one of their writes is there."""

    def write() -> None:
        for _ in range(5):
            with writing(engine) as connection:
                number = connection.execute(select(func.count()).select_from(notes)).scalar_one()
                connection.execute(insert(notes).values(said=str(number)))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(engine) == 40


def test_a_row_is_inserted_once_and_who_was_first_is_said(engine: Engine) -> None:
    """A used proof, a notice and a worker rest on that answer: a second one is told that it is not new."""
    said = []
    for text in ("first", "second", "third"):
        with writing(engine) as connection:
            said.append(insert_once(connection, notes, {"id": 1, "said": text}))
    assert said == [True, False, False]
    with reading(engine) as connection:
        assert connection.execute(select(notes.c.said)).scalars().all() == ["first"]


def test_of_many_that_insert_one_row_at_once_one_was_first(engine: Engine) -> None:
    """Eight at the same moment."""
    said: list[bool] = []
    together = threading.Barrier(8)

    def write() -> None:
        together.wait()
        with writing(engine) as connection:
            said.append(insert_once(connection, notes, {"id": 1, "said": "kept"}))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [False] * 7 + [True]
    assert count(engine) == 1


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    """While a transaction is open, others read what was there before it."""
    with writing(engine) as connection:
        connection.execute(insert(notes).values(said="not yet"))
        began = time.monotonic()
        assert count(engine) == 0
        assert time.monotonic() - began < 1


def test_sqlite_is_durable_and_strict(tmp_path: Path) -> None:
    """WAL, FULL and foreign keys, on every connection."""
    engine = open_database(f"sqlite:///{tmp_path}/notes.sqlite")
    for _ in range(2):
        with engine.connect() as one, engine.connect() as other:
            for connection in (one, other):
                facts = [
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                ]
                assert facts == ["wal", 2, 1, 10_000]
                connection.rollback()
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://host/name", "no driver for 'mysql'"),
        ("sqlite://", "forgets everything"),
    ],
)
def test_a_url_that_cannot_be_used_is_said(url: str, said: str) -> None:
    """Before anything is opened, with what to write instead."""
    with pytest.raises(BadInput, match=said):
        open_database(url)


def test_a_database_that_does_not_answer_is_unavailable_without_its_password() -> None:
    """The place is named, the password is not, and no statement with its values."""
    engine = open_database("postgresql://user:secret@127.0.0.1:9/none")
    with pytest.raises(Unavailable) as caught, writing(engine):
        raise AssertionError
    assert "secret" not in str(caught.value)
    assert "user:***@127.0.0.1:9" in str(caught.value)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file where the folder should be: said, with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="folder"):
        open_database(f"sqlite:///{tmp_path}/file/notes.sqlite")
