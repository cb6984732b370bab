"""A queue on SQLite and on PostgreSQL: what holds on the one holds on the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.learner.jobs.queue import JobQueue
from services.learner.run_log import RunLog
from services.plumbing.database import open_database
from tests.postgres import fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'runs.sqlite'}"
    else:
        yield from fresh_database()


@pytest.fixture
def log(url: str, tmp_path: Path) -> Iterator[RunLog]:
    """An empty run log."""
    log = RunLog(open_database(url), tmp_path / "runs")
    yield log
    log.close()


@pytest.fixture
def queue(log: RunLog, tmp_path: Path) -> JobQueue:
    """An empty queue, whose leases are over after two seconds."""
    return JobQueue(log.engine, tmp_path / "runs", lease=2.0)
