"""The door to a database: SQLite in a file by default, PostgreSQL by URL; the same SQLAlchemy Core above both.

A commit is durable when it returns. `engine.begin()` is for writing (SQLite takes its write lock at once, so two
writers wait instead of failing half-way); `reading(engine)` is for reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from services.guidance.errors import Unavailable
from services.timeline.errors import BadInput

BUSY_MS: Final = 10_000  # how long a writer waits for another before it gives up
POOL: Final = 10
CACHE_KIB: Final = 16_384  # of each SQLite connection that has work for it
_READING: Final = "knowdo_reading"


def open_database(url: str, *, by_index: bool = False) -> Engine:
    """An engine for `sqlite:///path/to/file.db` or `postgresql://user:pass@host/name`.

    `by_index`: every question that is asked here has its index; PostgreSQL plans each once and never scans.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as fault:
        raise BadInput(
            "not a database URL",
            place="database URL",
            remedy="Write it as sqlite:///path/to/file.db or postgresql://user@host/name",
        ) from fault
    backend = parsed.get_backend_name()
    if backend in {"postgres", "postgresql"}:
        return _open_postgres(parsed, by_index=by_index)
    if backend == "sqlite":
        return _open_sqlite(parsed)
    raise BadInput(
        f"no driver for {backend!r} is used here",
        place="database URL",
        remedy="Use sqlite:///… or postgresql://…",
    )


def create_tables(engine: Engine, tables: MetaData) -> None:
    """Create the tables that are not there yet; what is there is left alone."""
    with faults_named(engine):
        tables.create_all(engine)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that reads one consistent snapshot and never waits for a writer."""
    with faults_named(engine), engine.connect() as connection:
        yield connection.execution_options(**{_READING: True})


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed when the block ends, undone when it raises."""
    with faults_named(engine), engine.begin() as connection:
        yield connection


def insert_once(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert a row unless one with its key is there already, also if another does so at this moment; whether it was new."""
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = kind.insert(table).values(**values).on_conflict_do_nothing()
    # The row itself, not `rowcount`: for an insert, PostgreSQL's driver gives -1 there, whatever became of it.
    return connection.execute(insert.returning(literal(1))).first() is not None


@contextmanager
def faults_named(engine: Engine) -> Iterator[None]:
    """A database that cannot be reached, is locked or is full becomes Unavailable, without statement or values."""
    try:
        yield
    except (SQLAlchemyError, OSError) as fault:
        if isinstance(fault, DBAPIError) and not fault.connection_invalidated and not _is_operational(fault):
            raise
        if isinstance(fault, SQLAlchemyError) and not isinstance(fault, DBAPIError):
            raise
        said = type(fault.orig).__name__ if isinstance(fault, DBAPIError) else fault
        raise Unavailable(
            f"the database does not answer ({said})",
            place=engine.url.render_as_string(hide_password=True),
            remedy="Check that it runs, that its disk has room and that this user may write to it",
        ) from fault


def _is_operational(fault: DBAPIError) -> bool:
    return type(fault).__name__ in {"OperationalError", "InterfaceError"}


def _open_sqlite(url: URL) -> Engine:
    """SQLite in WAL mode: readers never block the writer, and FULL makes every commit reach the disk."""
    if url.database in {None, "", ":memory:"}:
        # It would also be another database in each thread.
        raise BadInput(
            "a database in memory forgets everything", place="database URL", remedy="Write sqlite:///path/to/file.db"
        )
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise Unavailable(
            f"the folder of the database cannot be made ({fault.strerror})",
            place=str(url.database),
            remedy="Choose another path, or let this user write there",
        ) from fault
    engine = create_engine(url, pool_size=POOL, max_overflow=POOL)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions on its own: it does so too late, after the first read.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        # The default of 2 MB does not hold the inner pages of an index over a million rows.
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _open_postgres(url: URL, *, by_index: bool) -> Engine:
    options = "-c synchronous_commit=on"
    if by_index:
        # Planning over the days' partitions costs three times what the look-up does; and a plan that was made while
        # today's was empty must not be a scan.
        options += " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=POOL,
            max_overflow=POOL,
            pool_pre_ping=True,  # a restarted server must not cost the first caller an error
            # Never trust a server default here: an answer counts only when it is on the disk.
            connect_args={"connect_timeout": 5, "options": options},
        )
    except (ImportError, NoSuchModuleError) as fault:
        raise BadInput(
            "the PostgreSQL driver is not installed",
            place="database URL",
            remedy="Install the `postgres` extra: pip install 'knowdo[postgres]'",
        ) from fault
