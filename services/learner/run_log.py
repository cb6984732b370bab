"""The run log: every training run, how it ended, and what came of it. Files of a run lie in a folder of its own.

It holds digests, counts and scores; never a patient.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import JSON, Column, Engine, Integer, MetaData, RowMapping, String, Table, Text, insert, select, update

from services.guidance.errors import NotFound
from services.plumbing.database import create_tables, reading, writing

State = Literal["running", "done", "failed"]
TABLES: Final = MetaData()

RELEASE_FILE: Final = "release.zip"
EVIDENCE_FILE: Final = "evidence.zip"
RESULT_FILE: Final = "result.json"
REPORT_FILE: Final = "report.html"

_runs = Table(
    "runs",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("guidance", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("began_at", String(32), nullable=False),
    Column("ended_at", String(32)),
    # A run whose process is gone without an end was interrupted.
    Column("pid", Integer, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("release", String(71)),
    Column("evidence", String(71)),
    Column("result", JSON),
    Column("fault", Text),
    Column("proposal", String(64)),
)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as it is logged."""

    id: str
    kind: str
    guidance: str
    state: State
    began_at: str
    ended_at: str | None
    settings: dict[str, Any]
    release: str | None
    evidence: str | None
    result: dict[str, Any] | None
    fault: str | None
    proposal: str | None


class RunLog:
    """All runs of this learner."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        create_tables(engine, TABLES)

    def begin(self, guidance: str, *, kind: str, settings: Mapping[str, Any], pid: int | None = None) -> str:
        """Log that a run begins; answers its id."""
        now = datetime.now(UTC)
        run = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self.folder(run).mkdir(parents=True)
        row = {
            "id": run,
            "kind": kind,
            "guidance": guidance,
            "state": "running",
            "began_at": _text(now),
            "pid": pid or os.getpid(),
            "settings": dict(settings),
        }
        with writing(self._engine) as connection:
            connection.execute(insert(_runs), row)
        return run

    def finish(self, run: str, *, result: Mapping[str, Any], release: str | None, evidence: str | None) -> None:
        """Log what came of it."""
        self._set(run, state="done", ended_at=_now(), result=dict(result), release=release, evidence=evidence)

    def fail(self, run: str, fault: str) -> None:
        """Log that it failed, and why."""
        self._set(run, state="failed", ended_at=_now(), fault=fault)

    def proposed(self, run: str, proposal: str) -> None:
        """Log that the registry was offered its release."""
        self._set(run, proposal=proposal)

    def taken_over(self, run: str, pid: int) -> None:
        """Log the process that does the work."""
        self._set(run, pid=pid)

    def get(self, run: str) -> Run:
        """One run; `last` is the newest that is done."""
        wanted = select(_runs).where(_runs.c.id == run)
        if run == "last":
            wanted = select(_runs).where(_runs.c.state == "done").order_by(_runs.c.began_at.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            raise NotFound("no such run", place=run, remedy="`knowdo learner runs` lists them")
        return _run(row)

    def of_release(self, digest: str) -> Run:
        """The run that made a release."""
        wanted = select(_runs).where(_runs.c.release == digest, _runs.c.state == "done").limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            raise NotFound("no run here made this release", place=digest, remedy="Name one of `knowdo learner runs`")
        return _run(row)

    def all(self, *, limit: int = 100) -> list[Run]:
        """The newest runs first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_runs).order_by(_runs.c.began_at.desc(), _runs.c.id).limit(limit))
            return [_run(row) for row in rows.mappings()]

    def close_interrupted(self) -> int:
        """Mark runs whose process is gone; answers how many."""
        with reading(self._engine) as connection:
            left = connection.execute(select(_runs.c.id, _runs.c.pid).where(_runs.c.state == "running")).all()
        gone = [run for run, pid in left if not _alive(pid)]
        for run in gone:
            self.fail(run, "interrupted: its process ended without a word")
        return len(gone)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def folder(self, run: str) -> Path:
        """Where the files of a run lie."""
        return self._folder / run

    def _set(self, run: str, **values: object) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(_runs).where(_runs.c.id == run).values(**values))


def _run(row: RowMapping) -> Run:
    return Run(**{name: row[name] for name in Run.__struct_fields__})


def _now() -> str:
    return _text(datetime.now(UTC))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
