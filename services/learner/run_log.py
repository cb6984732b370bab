"""The run log: every run, how it ended, and what came of it. Files of a run lie in a folder of its own.

It holds digests, counts and scores; never a patient.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Engine, RowMapping, insert, select, update

from services.guidance.errors import NotFound
from services.learner.jobs.tables import PLACES, RUNS, TABLES
from services.plumbing.database import create_tables, reading, writing

State = Literal["queued", "running", "done", "failed", "cancelled"]

RELEASE_FILE: Final = "release.zip"
EVIDENCE_FILE: Final = "evidence.zip"
RESULT_FILE: Final = "result.json"
REPORT_FILE: Final = "report.html"

_runs = RUNS


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
        run = new_run_id()
        self.folder(run).mkdir(parents=True)
        row = {
            "id": run,
            "kind": kind,
            "guidance": guidance,
            "state": "running",
            "began_at": now_text(),
            "pid": pid or os.getpid(),
            "settings": dict(settings),
        }
        with writing(self._engine) as connection:
            connection.execute(insert(_runs), row)
            connection.execute(insert(PLACES), {"run": run, "host": socket.gethostname()})
        return run

    def finish(self, run: str, *, result: Mapping[str, Any], release: str | None, evidence: str | None) -> None:
        """Log what came of it."""
        self._set(run, state="done", ended_at=now_text(), result=dict(result), release=release, evidence=evidence)

    def fail(self, run: str, fault: str) -> None:
        """Log that it failed, and why."""
        self._set(run, state="failed", ended_at=now_text(), fault=fault)

    def proposed(self, run: str, proposal: str) -> None:
        """Log that the registry was offered its release."""
        self._set(run, proposal=proposal)

    def get(self, run: str) -> Run:
        """One run; `last` is the newest that is done."""
        wanted = select(_runs).where(_runs.c.id == run)
        if run == "last":
            # A look into the store is a run too, and makes no release.
            wanted = (
                select(_runs)
                .where(_runs.c.state == "done", _runs.c.kind != "look")
                .order_by(_runs.c.began_at.desc())
                .limit(1)
            )
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

    def last_of(self, guidance: str) -> Run | None:
        """The newest training of a guidance that is done."""
        wanted = select(_runs).where(
            _runs.c.guidance == guidance, _runs.c.state == "done", _runs.c.release.is_not(None)
        )
        with reading(self._engine) as connection:
            row = connection.execute(wanted.order_by(_runs.c.began_at.desc()).limit(1)).mappings().first()
        return None if row is None else _run(row)

    def all(self, *, limit: int = 100) -> list[Run]:
        """The newest runs first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_runs).order_by(_runs.c.began_at.desc(), _runs.c.id).limit(limit))
            return [_run(row) for row in rows.mappings()]

    def close_interrupted(self) -> int:
        """Mark runs that were typed on this machine and whose process is gone; answers how many. Jobs have leases."""
        here = PLACES.c.host.is_(None) | (PLACES.c.host == socket.gethostname())
        wanted = select(_runs.c.id, _runs.c.pid).join(PLACES, PLACES.c.run == _runs.c.id, isouter=True)
        with reading(self._engine) as connection:
            left = connection.execute(wanted.where(_runs.c.state == "running", _runs.c.pid > 0, here)).all()
        gone = [run for run, pid in left if not _alive(pid)]
        for run in gone:
            self.fail(run, "interrupted: its process ended without a word")
        return len(gone)

    @property
    def engine(self) -> Engine:
        """The database, which the queue of jobs shares."""
        return self._engine

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


def new_run_id() -> str:
    """A name that sorts by time and that no other learner makes."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def now_text() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
