"""The registry's migrations: to today's tables from nothing and from a database of before, once, and without a loss."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from typer.testing import CliRunner

import services.registry.app  # noqa: F401 - it imports every table
from services.guidance.errors import Unavailable
from services.guidance.lifecycle import person_key
from services.plumbing.database import open_database
from services.plumbing.migrations import revision_of
from services.registry.commands import app
from services.registry.database import MIGRATIONS, make_tables
from services.registry.deployed import workers
from services.registry.memory import ledger
from services.registry.tables import TABLES, instant_text
from tests.registry.conftest import NOW

STARTERS: Final = 2
BEFORE: Final = importlib.import_module("services.registry.migrations.versions.r0001_before_migrations").TABLES


@pytest.fixture
def empty(database: str) -> Iterator[Engine]:
    """An empty database of each kind."""
    engine = open_database(database)
    yield engine
    engine.dispose()


@pytest.fixture
def older(empty: Engine) -> Engine:
    """A database as `create_all` left it before there were migrations: a service, its question, and a ledger of three entries."""
    postgres = empty.dialect.name == "postgresql"
    BEFORE.create_all(empty)
    with empty.begin() as connection:
        connection.execute(
            text(
                "CREATE INDEX memory_lines_words ON memory_lines USING gin (to_tsvector('simple', words))"
                if postgres
                else "CREATE VIRTUAL TABLE memory_words USING fts5(words, content='memory_lines', "
                "content_rowid='number', tokenize='unicode61 remove_diacritics 2')"
            )
        )
        ledger.begin(connection)
        # As the code of then did: today's writes into tables that there were not.
        for name, role, is_service in (("cds", "cds", True), ("Ann", "auditor", False)):
            key, at = person_key(name), instant_text(NOW)
            row = {
                "key": key,
                "name": name,
                "roles": [role],
                "is_service": is_service,
                "is_active": True,
                "added_at": at,
            }
            connection.execute(BEFORE.tables["people"].insert().values(**row))
            ledger.append(
                connection, actor="tests", role="administrator", action="person added", subject=f"person:{key}",
                detail={"name": name, "roles": [role]}, now=NOW,
            )  # fmt: skip
        heard = BEFORE.tables["heard"].insert()
        connection.execute(heard.values(service="cds", at=instant_text(NOW)))
    return empty


def differences(engine: Engine) -> list[object]:
    """What alembic would still change; the shadows of SQLite's full-text table are no tables of ours."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _object, name, _kind, reflected, _to: (
                    not (reflected and str(name).startswith("memory_") and name != "memory_lines")
                ),
            },
        )
        return list(compare_metadata(context, TABLES))


def rows(engine: Engine, name: str) -> list[tuple[object, ...]]:
    """Every row of a table as the database holds it."""
    with engine.connect() as connection:
        return sorted(tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}")))  # noqa: S608 (our own names)


def test_the_migrations_make_the_tables_that_the_code_uses(empty: Engine) -> None:
    """Columns, types, constraints and indexes are those that are declared; alembic finds no difference."""
    assert make_tables(empty) == ("", MIGRATIONS.head)
    assert differences(empty) == []


def test_the_head_is_the_newest_revision() -> None:
    """What the registry compares with before it loads alembic is what alembic would say."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS.scripts))
    assert ScriptDirectory.from_config(config).get_current_head() == MIGRATIONS.head


def test_a_database_from_before_is_taken_over_without_a_loss(older: Engine) -> None:
    """It ends with the tables of today; people, what was heard, and every byte of the ledger are what they were."""
    kept = {name: rows(older, name) for name in ("people", "ledger", "ledger_head")}
    assert len(kept["ledger"]) >= 2
    assert make_tables(older) == ("", MIGRATIONS.head)
    assert differences(older) == []
    assert {name: rows(older, name) for name in kept} == kept
    with older.connect() as connection:
        assert workers.last_heard(connection) == NOW
        assert not inspect(connection).has_table("heard")


def test_a_table_that_an_older_one_lacks_is_made(older: Engine) -> None:
    """Until now a start made whole tables that were missing; the first revision still does."""
    with older.begin() as connection:
        connection.execute(text("DROP TABLE stops"))
    make_tables(older)
    assert differences(older) == []


def test_a_table_with_other_columns_is_refused_and_left_alone(older: Engine) -> None:
    """Nothing is guessed: the column is named, what to do is said, and nothing is changed."""
    with older.begin() as connection:
        connection.execute(text("ALTER TABLE proposals DROP COLUMN review_by"))
    with pytest.raises(Unavailable, match=r"proposals\.review_by") as refused:
        make_tables(older)
    assert "Export" in refused.value.remedy
    with older.connect() as connection:
        assert revision_of(connection) == ""
        assert inspect(connection).has_table("heard")


def test_a_newer_database_is_refused(empty: Engine) -> None:
    """A program that was rolled back does not write into tables that it does not know."""
    make_tables(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer than this program") as refused:
        make_tables(empty)
    assert "backup" in refused.value.remedy


@pytest.mark.parametrize("from_before", [False, True], ids=["empty", "from before"])
def test_two_processes_start_at_once(
    database: str, empty: Engine, from_before: bool, request: pytest.FixtureRequest
) -> None:
    """Both come up, and one of them did the work."""
    if from_before:
        request.getfixturevalue("older")
    code = (
        "import sys; from services.registry.database import MIGRATIONS, make_tables;"
        "from services.plumbing.database import open_database; sys.stdin.readline();"
        f"print(make_tables(open_database({database!r}))[0])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(STARTERS)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert [process.returncode for process in started] == [0] * STARTERS
    assert said == ["", MIGRATIONS.head]
    assert differences(empty) == []


def test_a_registry_that_finds_its_tables_loads_no_alembic(database: str, empty: Engine) -> None:
    """Start-up pays for alembic only where there is something to migrate."""
    make_tables(empty)
    code = (
        "import sys, services.registry.app; from services.registry.database import make_tables;"
        "from services.plumbing.database import open_database;"
        f"make_tables(open_database({database!r})); print('alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_command_says_the_revision_and_upgrades(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`status` changes nothing and ends with 1 until `upgrade` was run."""
    monkeypatch.setenv("KNOWDO_REGISTRY_DATABASE_URL", database)
    monkeypatch.setenv("KNOWDO_VAR", str(tmp_path))  # else the key that seals is made where the tests are run
    run = CliRunner()
    assert run.invoke(app, ["database", "status"]).exit_code == 1
    assert run.invoke(app, ["database", "upgrade"]).output == f"revision {MIGRATIONS.head}, before: none\n"
    assert run.invoke(app, ["database", "upgrade", "--json"]).output.count(MIGRATIONS.head) == 2
    assert run.invoke(app, ["database", "status"]).exit_code == 0
