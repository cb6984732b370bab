"""The queue: every job is held by one, none is lost, and who lost a lease can end nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from services.guidance.errors import NotFound, Refused
from services.learner.jobs.queue import ATTEMPTS, JobQueue
from services.learner.jobs.tables import JOBS
from services.learner.jobs.waiting import Held, Progress
from services.learner.run_log import RunLog
from services.plumbing.database import open_database


def put(queue: JobQueue, key: str | None = None) -> str:
    """A job of a test."""
    run = queue.put("train", "x", {"folds": 5}, asked_by="a test", key=key)
    assert run is not None
    return run


def held(queue: JobQueue) -> Held:
    """The next job, which there is."""
    found = queue.take()
    assert found is not None
    return found


def over(log: RunLog) -> None:
    """Let every lease and every pause be over."""
    with log.engine.begin() as connection:
        connection.execute(update(JOBS).where(JOBS.c.until.is_not(None)).values(until=0.0))
        connection.execute(update(JOBS).values(not_before=0.0))


def test_a_job_goes_from_the_queue_to_its_end(queue: JobQueue, log: RunLog) -> None:
    """Queued, running with progress, done; first put is first taken; what was asked for comes back as it was."""
    first, second = put(queue), put(queue)
    assert log.get(first).state == "queued"
    job = held(queue)
    assert (job.run, job.settings, job.attempt) == (first, {"folds": 5}, 1)
    assert queue.renew(job, Progress(stage="fitting", done=1, of=4)) == "held"
    told = queue.get(first)
    assert told is not None
    assert told.progress == Progress(stage="fitting", done=1, of=4)
    assert queue.take() is None  # one at a time on a machine
    assert queue.end(job, "done", result={"rows": 3}, release="sha256:a", evidence="sha256:b")
    assert log.get("last").result == {"rows": 3}
    assert held(queue).run == second
    assert [one.state for one in queue.all()] == ["running", "done"]


def test_a_key_is_put_once(queue: JobQueue) -> None:
    """However often a moment of the calendar is seen."""
    assert put(queue, "calendar:x:1")
    assert queue.put("train", "x", {}, asked_by="a test", key="calendar:x:1") is None
    assert put(queue, "calendar:x:2")
    assert len(queue.all()) == 2


def test_who_is_not_heard_of_loses_the_job_and_can_end_it_no_more(queue: JobQueue, log: RunLog) -> None:
    """The lease over, another takes it; the first then neither renews nor ends it, and what the second ends stands."""
    run = put(queue)
    first = held(queue)
    over(log)
    assert queue.take() is None  # it waits a little before it is tried again
    over(log)
    second = held(queue)
    assert (second.run, second.attempt) == (run, 2)
    assert queue.renew(first, Progress()) == "lost"
    assert not queue.end(first, "done", result={"by": "the first"})
    assert not queue.again(first, "late")
    assert queue.end(second, "done", result={"by": "the second"})
    assert log.get(run).result == {"by": "the second"}
    assert queue.all()[0].faults == ["its process ended without a word"]


def test_what_fails_again_and_again_is_failed_with_its_reasons(queue: JobQueue, log: RunLog) -> None:
    """Three attempts; then it is failed and says so, and a person may try it again."""
    run = put(queue)
    for _ in range(ATTEMPTS):
        assert queue.again(held(queue), "no memory")
        over(log)
    assert queue.take() is None
    assert log.get(run).state == "failed"
    assert log.get(run).fault == "tried 3 times: no memory"
    job = queue.retry(run)
    assert (job.state, job.attempt, len(job.faults)) == ("queued", 0, 4)
    assert held(queue).attempt == 1


def test_a_stop_of_the_service_is_not_held_against_a_job(queue: JobQueue) -> None:
    """It waits, at once, and no attempt is counted."""
    run = put(queue)
    assert queue.again(held(queue), "its service was stopped", counts=False)
    job = held(queue)
    assert (job.run, job.attempt) == (run, 1)


def test_cancelling(queue: JobQueue, log: RunLog) -> None:
    """What waits is cancelled at once; what runs is told with the next renewal; what has ended is refused."""
    waiting = put(queue)
    assert queue.cancel(waiting).state == "cancelled"
    assert queue.take() is None
    running = put(queue)
    job = held(queue)
    assert queue.cancel(running).cancelling
    assert queue.renew(job, Progress()) == "cancel"
    assert queue.end(job, "cancelled")
    with pytest.raises(Refused, match="cancelled already"):
        queue.cancel(running)
    queue.retry(running)
    dying = held(queue)
    queue.cancel(running)
    assert queue.again(dying, "its process ended with exit code 3")  # it ended before it heard: not tried again
    assert log.get(running).state == "cancelled"


def test_what_is_not_there_is_said(queue: JobQueue) -> None:
    """And a run that is done is not tried again."""
    with pytest.raises(NotFound, match="no such job"):
        queue.cancel("none")
    run = put(queue)
    queue.end(held(queue), "done")
    with pytest.raises(Refused, match="the run is done"):
        queue.retry(run)
    assert queue.get("none") is None


TAKE_ALL = """
import sys, time
from pathlib import Path
from services.learner.jobs.queue import JobQueue
from services.plumbing.database import open_database
queue = JobQueue(open_database(sys.argv[1]), Path(sys.argv[2]), host=sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
until = time.monotonic() + 60
while any(job.state in ("queued", "running") for job in queue.all()) and time.monotonic() < until:
    if held := queue.take(at_most=3):
        print(held.run, flush=True)
        queue.end(held, "done", result={"by": sys.argv[3]})
"""


def test_two_learners_never_run_one_job(queue: JobQueue, log: RunLog, url: str, tmp_path: Path) -> None:
    """Two processes that take as fast as they can: every job is run, by one of them."""
    runs = {put(queue) for _ in range(30)}
    words = [sys.executable, "-c", TAKE_ALL, url, str(tmp_path / "runs")]
    learners = [
        subprocess.Popen([*words, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    for learner in learners:
        assert learner.stdout is not None
        assert learner.stdout.readline() == "ready\n"
    for learner in learners:
        assert learner.stdin is not None
        learner.stdin.write("\n")
        learner.stdin.flush()
    taken = [learner.communicate(timeout=90)[0].split() for learner in learners]
    assert sorted(taken[0] + taken[1]) == sorted(runs)
    assert {run: (log.get(run).result or {})["by"] for run in runs} == {
        run: name for name, some in zip("ab", taken, strict=True) for run in some
    }


def test_jobs_come_to_a_database_that_is_older_than_they_are(tmp_path: Path) -> None:
    """A run log of before has its runs still, and takes jobs."""
    engine = open_database(f"sqlite:///{tmp_path / 'old.sqlite'}")
    old = RunLog(engine, tmp_path / "runs")
    run = old.begin("x", kind="train", settings={})
    with engine.begin() as connection:
        for table in ("places", "calendars", "jobs"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    log = RunLog(engine, tmp_path / "runs")
    queue = JobQueue(engine, tmp_path / "runs")
    assert log.close_interrupted() == 0  # this process lives
    assert queue.get(run) is None
    assert put(queue) in {one.run for one in queue.all()}
