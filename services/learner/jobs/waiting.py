"""A job as it stands, as it is held, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The stage a job is in, and how much of that is done."""

    stage: str = ""
    done: int = 0
    of: int = 0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """How a job stands. `attempt` counts what was begun since it was last asked for; `faults` are of earlier attempts."""

    run: str
    kind: str
    guidance: str
    state: str
    asked_by: str
    queued_at: str
    attempt: int
    faults: list[str]
    cancelling: bool
    progress: Progress | None
    host: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A job and the lease on it."""

    run: str
    token: str
    kind: str
    guidance: str
    settings: dict[str, Any]
    attempt: int


def job_of(row: RowMapping) -> Job:
    """The job of a row of both tables."""
    runs = row["state"] == "running"
    return Job(
        run=row["run"],
        kind=row["kind"],
        guidance=row["guidance"],
        state=row["state"],
        asked_by=row["asked_by"],
        queued_at=datetime.fromtimestamp(row["queued"], UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        attempt=row["attempt"],
        faults=row["faults"],
        cancelling=bool(row["cancel"]) and runs,
        progress=Progress(stage=row["stage"], done=row["done"], of=row["of"]) if runs else None,
        host=row["host"],
    )
