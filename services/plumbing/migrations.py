"""The door to alembic: bring a database to the version that this code knows, once, however many workers start together.

Alembic is loaded only where there is something to do: a service that finds its tables ready never pays for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, inspect, text

from services.guidance.errors import Unavailable
from services.plumbing.database import reading, writing

_VERSIONS: Final = "alembic_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """The revisions of one database of ours."""

    scripts: Path
    """Folder that holds `versions/`."""
    head: str
    """The newest revision in it; a test holds the two equal."""
    first_table: str
    """A table that tells a database from before migrations."""
    lock: int
    """The PostgreSQL advisory lock that starters queue at."""
    before: str = ""
    """The revision whose module names, as `TABLES`, what a database from before migrations holds; empty: none is taken over."""


def revision_of(connection: Connection) -> str:
    """The database's revision; empty if it was never migrated."""
    if not inspect(connection).has_table(_VERSIONS):
        return ""
    found = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608 (our own name)
    return str(found or "")


def upgrade(engine: Engine, migrations: Migrations) -> tuple[str, str]:
    """Bring the database to the head; its revision before and after. Unavailable if it is newer, or too old to adopt."""
    with reading(engine) as connection:
        found = revision_of(connection)
    if found == migrations.head:
        return found, found
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": migrations.lock})
        # Asked again: another worker may have done it while we waited. SQLite's write lock is held already.
        found = revision_of(connection)
        if found == migrations.head:
            return found, found
        is_older = not found and inspect(connection).has_table(migrations.first_table)
        if is_older and not migrations.before:
            raise Unavailable(
                "the database holds tables from before there were migrations",
                place=engine.url.render_as_string(hide_password=True),
                remedy="Export what it holds with the version that wrote it, move it away, and start with a new one",
            )
        _run(connection, migrations, found, is_older=is_older)
    return found, migrations.head


def _must_be_these(connection: Connection, tables: MetaData) -> None:
    """Unavailable if a table that is there has other columns than this; one that is missing is made by the revision."""
    there = inspect(connection)
    strange = []
    for name, table in tables.tables.items():
        if there.has_table(name):
            columns = {one["name"] for one in there.get_columns(name)}
            strange += sorted(f"{name}.{one}" for one in columns ^ {column.name for column in table.columns})
    if strange:
        raise Unavailable(
            f"the database holds tables from before there were migrations, and not the last ones: {', '.join(strange[:5])}",
            place="database",
            remedy="Export what it holds with the version that wrote it, move it away, and start with a new one",
        )


def _run(connection: Connection, migrations: Migrations, found: str, *, is_older: bool) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations.scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    if found and found not in {one.revision for one in script.walk_revisions()}:
        raise Unavailable(
            f"the database is newer than this program: its revision is {found}, the newest known here {migrations.head}",
            place="database",
            remedy="Run the version that wrote it or a later one; going back needs the backup from before the upgrade",
        )

    if is_older:
        # Recognised by its columns. The first revision makes only what is missing and notes that it was run.
        _must_be_these(connection, script.get_revision(migrations.before).module.TABLES)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs(migrations.head, revision)

    with EnvironmentContext(config, script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
