"""A partition for each day on PostgreSQL, made ahead, so that a day is dropped whole when its time is over.

A day that was late to get its partition (its rows went to the net below) gets them back when it is made.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, text

from services.cds.decisions.identity import MICROSECONDS_PER_DAY, day_of, first_of_day
from services.plumbing.database import writing

AHEAD: Final = 7  # days: a service that tends nothing for a week still finds its place
DEFAULT: Final = "decisions_default"
_PREFIX: Final = "decisions_day_"
_LOCK: Final = 0x6B6E6F77646F02
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def days_there(connection: Connection) -> list[int]:
    """The days that have a partition, oldest first; none on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    query = text(
        "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
        " WHERE inhparent = to_regclass('decisions')"
    )
    names = [str(name) for name in connection.scalars(query)]
    return sorted(_day_named(name) for name in names if name.startswith(_PREFIX))


def make_days(engine: Engine, *, now: int, ahead: int = AHEAD) -> int:
    """Make the partitions of yesterday until `ahead` days from now that are missing; how many were made."""
    if engine.dialect.name != "postgresql":
        return 0
    wanted = range(day_of(now) - 1, day_of(now) + ahead + 1)
    with engine.connect() as connection:
        missing = sorted(set(wanted) - set(days_there(connection)))
    for day in missing:
        with writing(engine) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if day not in days_there(connection):
                _make(connection, day)
    return len(missing)


def drop_day(connection: Connection, day: int) -> None:
    """Drop a day's partition with all that is in it."""
    connection.execute(text(f"DROP TABLE IF EXISTS {name_of(day)}"))


def name_of(day: int) -> str:
    """The partition of a day, e.g. `decisions_day_20260131`."""
    return f"{_PREFIX}{_EPOCH + timedelta(days=day):%Y%m%d}"


def _day_named(name: str) -> int:
    moment = datetime.strptime(name.removeprefix(_PREFIX), "%Y%m%d").replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=MICROSECONDS_PER_DAY)


def _make(connection: Connection, day: int) -> None:
    """Made beside and attached, which does not hold up readers and writers of other days as PARTITION OF would."""
    name, start, end = name_of(day), first_of_day(day), first_of_day(day + 1)
    # Nothing may fall into the net for this day between the move and the attaching.
    connection.execute(text(f"LOCK TABLE {DEFAULT} IN SHARE ROW EXCLUSIVE MODE"))
    connection.execute(text(f"CREATE TABLE {name} (LIKE decisions INCLUDING ALL)"))
    within = f"decision >= '{start}' AND decision < '{end}'"
    connection.execute(
        text(
            f"WITH moved AS (DELETE FROM {DEFAULT} WHERE {within} RETURNING *)"  # noqa: S608 (no outside value)
            f" INSERT INTO {name} SELECT * FROM moved"
        )
    )
    connection.execute(text(f"ALTER TABLE decisions ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')"))
