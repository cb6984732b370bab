"""Migrations: from nothing to today's tables, once, however many start at a time; never a guess about another's tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, inspect, select, table, text

from services.cds.decisions.decision_log import MIGRATIONS, DecisionLog
from services.cds.decisions.identity import MICROSECONDS_PER_DAY
from services.cds.decisions.partitions import DEFAULT, days_there, make_days, name_of
from services.cds.decisions.records import Entry
from services.cds.decisions.schema import TABLES
from services.guidance.errors import Unavailable
from services.plumbing.migrations import revision_of
from tests.cds.records import NOON, decision

STARTERS = 4


def rows_in(connection: Connection, name: str) -> int:
    """How many rows a table holds."""
    return int(connection.execute(select(func.count()).select_from(table(name))).scalar_one())


def test_the_migrations_make_the_tables_that_the_code_uses(log: DecisionLog, engine: Engine) -> None:
    """Columns, types and indexes are those of `schema`; alembic finds no difference."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                # A partition is no table of its own.
                "include_object": lambda _o, name, kind, reflected, _to: (
                    not (kind == "table" and reflected and str(name).startswith("decisions_"))
                ),
            },
        )
        assert compare_metadata(context, TABLES) == []
        assert revision_of(connection) == MIGRATIONS.head


def test_the_head_is_the_newest_revision() -> None:
    """What the service compares with before it loads alembic is what alembic would say."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS.scripts))
    assert ScriptDirectory.from_config(config).get_current_head() == MIGRATIONS.head


def test_upgrading_twice_changes_nothing(log: DecisionLog) -> None:
    """A second start finds it done and keeps what is there."""
    log.write([Entry(decision=decision())])
    assert log.create() == (MIGRATIONS.head, MIGRATIONS.head)
    assert sum(len(page) for page in log.export(since=0)) == 1


def test_four_processes_start_at_once(database_url: str, engine: Engine) -> None:
    """Workers that start together on an empty database all come up, and the tables are made once."""
    code = (
        "import sys; from services.cds.decisions.decision_log import DecisionLog;"
        "from services.plumbing.database import open_database; sys.stdin.readline();"
        f"print(DecisionLog(open_database({database_url!r})).create()[0])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(STARTERS)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * STARTERS
    assert said.count("") == 1, f"the tables were made by one of them: {said}"
    with engine.connect() as connection:
        assert revision_of(connection) == MIGRATIONS.head


def test_a_newer_database_is_refused(log: DecisionLog, engine: Engine) -> None:
    """A program that was rolled back does not write into tables that it does not know."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer than this program") as refused:
        log.create()
    assert "backup" in refused.value.remedy


def test_tables_from_before_migrations_are_refused_and_left_alone(engine: Engine) -> None:
    """Nothing is guessed about an older log: the remedy is said, its rows stay."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE decisions (decision VARCHAR PRIMARY KEY)"))
        connection.execute(text("INSERT INTO decisions VALUES ('old')"))
    with pytest.raises(Unavailable, match="from before there were migrations") as refused:
        DecisionLog(engine).create()
    assert "Export" in refused.value.remedy
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM decisions")).scalar() == 1
        assert not inspect(connection).has_table("feedback")


def test_a_service_that_finds_its_tables_loads_no_alembic(log: DecisionLog, tmp_path: Path) -> None:
    """Start-up pays for alembic only where there is something to migrate."""
    url = log.engine.url.render_as_string(hide_password=False)
    code = (
        "import sys, services.cds.app; from services.cds.decisions.decision_log import DecisionLog;"
        "from services.plumbing.database import open_database;"
        f"DecisionLog(open_database({url!r})).create(); print('alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_every_day_has_its_partition_and_late_rows_come_home(log: DecisionLog, engine: Engine) -> None:
    """A decision without a partition falls into the net, and moves when its day is made; none is lost."""
    if engine.dialect.name != "postgresql":
        assert make_days(engine, now=NOON) == 0
        return
    kept = [decision(at=NOON + day * MICROSECONDS_PER_DAY) for day in (-40, -1, 0, 1)]
    log.write([Entry(decision=one) for one in kept])
    day = NOON // MICROSECONDS_PER_DAY
    with engine.connect() as connection:
        assert rows_in(connection, DEFAULT) == 4
    assert make_days(engine, now=NOON, ahead=1) == 3
    assert make_days(engine, now=NOON, ahead=1) == 0
    with engine.connect() as connection:
        assert {day - 1, day, day + 1} <= set(days_there(connection))
        assert rows_in(connection, name_of(day)) == 1
        assert rows_in(connection, DEFAULT) == 1
    assert {row["decision"] for page in log.export(since=0) for row in page} == {one.decision for one in kept}
