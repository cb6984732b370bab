"""The tables of runs and jobs. A run is what came of it; a job is how it waits and who holds it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Double, ForeignKey, Integer, MetaData, String, Table, Text

TABLES: Final = MetaData()

RUNS: Final = Table(
    "runs",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("guidance", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("began_at", String(32), nullable=False),
    Column("ended_at", String(32)),
    # A run whose process is gone without an end was interrupted; 0: it is a job, and held by a lease.
    Column("pid", Integer, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("release", String(71)),
    Column("evidence", String(71)),
    Column("result", JSON),
    Column("fault", Text),
    Column("proposal", String(64)),
)

# A table of its own: the one above stands in databases that are older than jobs.
JOBS: Final = Table(
    "jobs",
    TABLES,
    Column("run", String(32), ForeignKey(RUNS.c.id), primary_key=True),
    # What a trigger puts has a name, so that two learners that see the same moment put it once.
    Column("key", String(256), unique=True),
    Column("asked_by", String(256), nullable=False),
    Column("queued", Double, nullable=False, index=True),
    Column("not_before", Double, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("faults", JSON, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("token", String(32)),
    Column("until", Double),
    Column("host", String(256)),
    Column("stage", String(128), nullable=False),
    Column("done", Integer, nullable=False),
    Column("of", Integer, nullable=False),
)

# Since when a guidance has a calendar: a moment before that is no missed appointment.
CALENDARS: Final = Table(
    "calendars",
    TABLES,
    Column("guidance", String(64), primary_key=True),
    Column("calendar", String(128), nullable=False),
    Column("since", Double, nullable=False),
)

# On which machine a run was typed: a process is only looked for there.
PLACES: Final = Table(
    "places",
    TABLES,
    Column("run", String(32), ForeignKey(RUNS.c.id), primary_key=True),
    Column("host", String(256), nullable=False),
)
