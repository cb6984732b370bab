"""The run log: what ran, how it ended, and that a dead process is not taken for a running one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.guidance.errors import NotFound
from services.learner.run_log import RunLog
from services.plumbing.database import open_database


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    """An empty run log."""
    return RunLog(open_database(f"sqlite:///{tmp_path / 'runs.sqlite'}"), tmp_path / "runs")


def test_a_run_is_logged_from_its_beginning_to_its_end(log: RunLog) -> None:
    """Settings, result and digests come back as they were; the newest done run is `last`."""
    first = log.begin("readmission-30d", kind="train", settings={"folds": 5})
    assert log.folder(first).is_dir()
    assert log.get(first).state == "running"
    log.finish(first, result={"rows": 10}, release="sha256:a", evidence="sha256:b")
    second = log.begin("readmission-30d", kind="train", settings={})
    log.fail(second, "no rows")
    log.proposed(first, "p-1")
    run = log.get("last")
    assert (run.id, run.result, run.release, run.proposal) == (first, {"rows": 10}, "sha256:a", "p-1")
    assert {r.id: r.state for r in log.all()} == {first: "done", second: "failed"}
    with pytest.raises(NotFound, match="no such run"):
        log.get("nothing")


def test_a_release_is_found_by_its_digest(log: RunLog) -> None:
    """What was trained here can be named by digest."""
    run = log.begin("x", kind="train", settings={})
    log.finish(run, result={}, release="sha256:a", evidence=None)
    assert log.of_release("sha256:a").id == run
    with pytest.raises(NotFound):
        log.of_release("sha256:b")


def test_an_interrupted_run_is_closed(log: RunLog) -> None:
    """A run whose process is gone is not left as running; one that still runs is."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    dead = log.begin("x", kind="train", settings={}, pid=gone.pid)
    alive = log.begin("x", kind="train", settings={})
    assert log.close_interrupted() == 1
    assert log.get(dead).state == "failed"
    assert "interrupted" in str(log.get(dead).fault)
    assert log.get(alive).state == "running"
