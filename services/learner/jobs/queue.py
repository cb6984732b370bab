"""The queue: jobs wait in the run log's database, and whoever takes one holds it by a lease.

Every step is one transaction and is fenced by the token of the lease: two learners never hold one job, and who lost a
lease cannot end it. All moments are of the database's clock, so that machines need not agree on the time.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, RowMapping, func, insert, literal_column, select, update

from services.guidance.errors import NotFound, Refused
from services.learner.jobs.tables import JOBS, RUNS
from services.learner.jobs.waiting import Held, Job, Progress, job_of
from services.learner.run_log import new_run_id, now_text
from services.plumbing.database import reading, writing

LEASE: Final = 30.0  # seconds; who does not renew in time has stopped, and says so to himself
ATTEMPTS: Final = 3
PAUSES: Final = (1.0, 4.0)
"""Leases before the second and the third attempt."""

Kind = Literal["train", "look", "import"]
Renewed = Literal["held", "cancel", "lost"]


class JobQueue:
    """All jobs of the learners that share a database."""

    def __init__(self, engine: Engine, folder: Path, *, host: str = "", lease: float = LEASE) -> None:
        self._engine = engine
        self._folder = folder
        self._host = host or socket.gethostname()
        self._lease = lease

    @property
    def lease(self) -> float:
        """For how many seconds a job is held without being renewed."""
        return self._lease

    def put(
        self, kind: Kind, guidance: str, settings: Mapping[str, Any], *, asked_by: str, key: str | None = None
    ) -> str | None:
        """A job at the end of the queue; answers its run. None if there was one of that key: it is done once."""
        run = new_run_id()
        with writing(self._engine) as connection:
            _in_turn(connection)
            if key is not None and connection.execute(select(JOBS.c.run).where(JOBS.c.key == key)).first():
                return None
            connection.execute(
                insert(RUNS),
                {"id": run, "kind": kind, "guidance": guidance, "state": "queued", "began_at": now_text(), "pid": 0,
                 "settings": dict(settings)},
            )  # fmt: skip
            connection.execute(
                insert(JOBS),
                {"run": run, "key": key, "asked_by": asked_by, "queued": _clock(connection), "not_before": 0.0,
                 "attempt": 0, "faults": [], "cancel": False, "done": 0, "of": 0, "stage": ""},
            )  # fmt: skip
        self._folder.joinpath(run).mkdir(parents=True, exist_ok=True)
        return run

    def take(self, *, at_most: int = 1) -> Held | None:
        """The job that has waited longest, or None. `at_most` jobs are held on this machine at once."""
        token = secrets.token_hex(16)
        with writing(self._engine) as connection:
            _in_turn(connection)
            now = _clock(connection)
            self._give_back_what_is_over(connection, now)
            here = select(func.count()).where(RUNS.c.state == "running", JOBS.c.host == self._host)
            if connection.execute(here.select_from(_BOTH)).scalar_one() >= at_most:
                return None
            row = connection.execute(
                select(RUNS.c.id, RUNS.c.kind, RUNS.c.guidance, RUNS.c.settings, JOBS.c.attempt)
                .select_from(_BOTH)
                .where(RUNS.c.state == "queued", JOBS.c.not_before <= now)
                .order_by(JOBS.c.queued, RUNS.c.id)
                .limit(1)
                .with_for_update(skip_locked=True, of=JOBS)
            ).mappings().first()  # fmt: skip
            if row is None:
                return None
            _set(connection, row["id"], run={"state": "running", "began_at": now_text(), "ended_at": None, "fault": None},
                 job={"token": token, "until": now + self._lease, "host": self._host, "attempt": row["attempt"] + 1,
                      "cancel": False, "stage": "beginning", "done": 0, "of": 0})  # fmt: skip
        return Held(
            run=row["id"],
            token=token,
            kind=row["kind"],
            guidance=row["guidance"],
            settings=row["settings"],
            attempt=row["attempt"] + 1,
        )

    def renew(self, held: Held, progress: Progress) -> Renewed:
        """Hold the job for another while and say how far it is; the answer says whether it is still wanted."""
        with writing(self._engine) as connection:
            row = self._mine(connection, held)
            if row is None:
                return "lost"
            until = _clock(connection) + self._lease
            _set(
                connection,
                held.run,
                job={"until": until, "stage": progress.stage, "done": progress.done, "of": progress.of},
            )
            return "cancel" if row["cancel"] else "held"

    def end(
        self,
        held: Held,
        state: Literal["done", "failed", "cancelled"],
        *,
        fault: str | None = None,
        result: Mapping[str, Any] | None = None,
        release: str | None = None,
        evidence: str | None = None,
    ) -> bool:
        """How it ended; False, and nothing is written, if the lease was lost."""
        with writing(self._engine) as connection:
            if self._mine(connection, held) is None:
                return False
            said = {"state": state, "ended_at": now_text(), "fault": fault, "release": release, "evidence": evidence}
            _set(connection, held.run, run={**said, "result": None if result is None else dict(result)}, job=_FREE)
            return True

    def again(self, held: Held, fault: str, *, counts: bool = True) -> bool:
        """Back into the queue after a fault that may pass; failed once it has been tried often enough.

        `counts`: False if the job is not to blame, as when its service is told to stop.
        """
        with writing(self._engine) as connection:
            row = self._mine(connection, held)
            if row is None:
                return False
            self._back(connection, row, fault, _clock(connection), counts=counts)
            return True

    def cancel(self, run: str) -> Job:
        """Cancelled at once if it waits; else its process is told, and ends within seconds. Refused if it has ended."""
        with writing(self._engine) as connection:
            row = self._of(connection, run)
            if row["state"] == "queued":
                _set(connection, run, run={"state": "cancelled", "ended_at": now_text()}, job=_FREE)
            elif row["state"] == "running":
                _set(connection, run, job={"cancel": True})
            else:
                raise Refused(
                    f"the run is {row['state']} already", place=run, remedy="Only what waits or runs is cancelled"
                )
            return job_of(self._of(connection, run))

    def retry(self, run: str) -> Job:
        """What failed or was cancelled waits again; its faults stay. Refused if it has not ended, or is done."""
        with writing(self._engine) as connection:
            row = self._of(connection, run)
            if row["state"] not in ("failed", "cancelled"):
                raise Refused(
                    f"the run is {row['state']}", place=run, remedy="Only what failed or was cancelled is tried again"
                )
            faults = [*row["faults"], row["fault"] or row["state"]]
            _set(connection, run, run={"state": "queued", "ended_at": None, "fault": None},
                 job=_FREE | {"queued": _clock(connection), "not_before": 0.0, "attempt": 0, "faults": faults})  # fmt: skip
            return job_of(self._of(connection, run))

    def get(self, run: str) -> Job | None:
        """How a job stands; None for a run that somebody typed, which never waited."""
        with reading(self._engine) as connection:
            row = _row(connection, run)
        return None if row is None else job_of(row)

    def all(self, *, limit: int = 100) -> list[Job]:
        """What runs and waits, then what has ended, the newest first."""
        ended = RUNS.c.state.not_in(("running", "queued"))
        with reading(self._engine) as connection:
            rows = connection.execute(
                _JOBS_AND_RUNS.order_by(ended, JOBS.c.queued.desc(), RUNS.c.id).limit(limit)
            ).mappings()
            return [job_of(row) for row in rows]

    def _give_back_what_is_over(self, connection: Connection, now: float) -> None:
        """Whoever held these has not been heard of: their jobs wait again."""
        over = _JOBS_AND_RUNS.where(RUNS.c.state == "running", JOBS.c.until < now)
        for row in connection.execute(over.with_for_update(skip_locked=True, of=JOBS)).mappings().all():
            self._back(connection, row, "its process ended without a word", now)

    def _back(self, connection: Connection, row: RowMapping, fault: str, now: float, *, counts: bool = True) -> None:
        attempt = row["attempt"] if counts else row["attempt"] - 1
        faults = [*row["faults"], fault]
        if row["cancel"]:
            _set(connection, row["id"], run={"state": "cancelled", "ended_at": now_text()}, job=_FREE)
        elif counts and attempt >= ATTEMPTS:
            told = f"tried {attempt} times: {fault}"
            _set(
                connection,
                row["id"],
                run={"state": "failed", "ended_at": now_text(), "fault": told},
                job=_FREE | {"faults": faults},
            )
        else:
            pause = self._lease * PAUSES[min(attempt, len(PAUSES)) - 1] if counts else 0.0
            _set(connection, row["id"], run={"state": "queued"},
                 job=_FREE | {"attempt": attempt, "faults": faults, "not_before": now + pause})  # fmt: skip

    def _mine(self, connection: Connection, held: Held) -> RowMapping | None:
        """The row of a job, locked, if the lease is still this one."""
        wanted = _JOBS_AND_RUNS.where(JOBS.c.run == held.run, JOBS.c.token == held.token, RUNS.c.state == "running")
        return connection.execute(wanted.with_for_update(of=JOBS)).mappings().first()

    def _of(self, connection: Connection, run: str) -> RowMapping:
        row = _row(connection, run, lock=True)
        if row is None:
            raise NotFound("no such job", place=run, remedy="`knowdo learner jobs` lists them")
        return row


_BOTH: Final = JOBS.join(RUNS, JOBS.c.run == RUNS.c.id)
_JOBS_AND_RUNS: Final = select(JOBS, RUNS).select_from(_BOTH)
_FREE: Final[dict[str, Any]] = {"token": None, "until": None, "host": None, "cancel": False}


def _row(connection: Connection, run: str, *, lock: bool = False) -> RowMapping | None:
    wanted = _JOBS_AND_RUNS.where(JOBS.c.run == run)
    return connection.execute(wanted.with_for_update(of=JOBS) if lock else wanted).mappings().first()


def _set(
    connection: Connection, name: str, *, run: Mapping[str, Any] | None = None, job: Mapping[str, Any] | None = None
) -> None:
    if run:
        connection.execute(update(RUNS).where(RUNS.c.id == name).values(**run))
    if job:
        connection.execute(update(JOBS).where(JOBS.c.run == name).values(**job))


def _in_turn(connection: Connection) -> None:
    """Who puts or takes does so alone: one key is put once, and what is held here is counted right."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(select(func.pg_advisory_xact_lock(20280)))


def _clock(connection: Connection) -> float:
    """Seconds since 1970 by the clock of the database."""
    sqlite = connection.dialect.name == "sqlite"
    said = "(julianday('now') - 2440587.5) * 86400.0" if sqlite else "extract(epoch from clock_timestamp())"
    return float(connection.execute(select(literal_column(said))).scalar_one())
