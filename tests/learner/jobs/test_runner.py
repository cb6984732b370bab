"""Jobs outlive what happens to them: a stop, a kill -9 of the service, of the process, of both; and they end when told."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.learner.jobs.queue import JobQueue
from services.learner.jobs.runner import Runner
from services.learner.jobs.waiting import Job
from services.learner.run_log import RunLog
from services.plumbing.database import open_database

pytestmark = pytest.mark.anyio

# A job that is real but for its work: it says that it began, counts for a while, and is done.
WORK = """
import os, sys, time
from pathlib import Path
import msgspec
from services.learner.jobs.lease import Cancelled, Lease
from services.learner.jobs.queue import JobQueue
from services.learner.jobs.waiting import Held
from services.plumbing.database import open_database
held = msgspec.json.decode(sys.stdin.buffer.read(), type=Held)
queue = JobQueue(open_database(os.environ["URL"]), Path(os.environ["RUNS"]), lease=float(os.environ["LEASE"]))
with Path(os.environ["BEGUN"]).open("a") as begun:
    begun.write(f"{os.getpid()}\\n")
try:
    with Lease(queue, held) as lease:
        for step in range(int(os.environ["STEPS"])):
            lease.tell("counting", step, int(os.environ["STEPS"]))
            time.sleep(0.1)
except Cancelled:
    queue.end(held, "cancelled")
else:
    queue.end(held, "done", result={"attempt": held.attempt})
"""

# A service that can be killed.
SERVICE = """
import asyncio, os, sys
from pathlib import Path
from services.learner.jobs.queue import JobQueue
from services.learner.jobs.runner import Runner
from services.plumbing.database import open_database
async def main():
    queue = JobQueue(open_database(os.environ["URL"]), Path(os.environ["RUNS"]), lease=float(os.environ["LEASE"]))
    runner = Runner(queue, {}, command=(sys.executable, "-c", os.environ["WORK"]), poll=0.2)
    runner.start()
    await asyncio.sleep(120)
asyncio.run(main())
"""


class Desk:
    """A queue, and services and jobs as processes of their own."""

    def __init__(self, folder: Path, *, steps: int, lease: float = 2.0) -> None:
        url = f"sqlite:///{folder / 'runs.sqlite'}"
        self.log = RunLog(open_database(url), folder / "runs")
        self.queue = JobQueue(self.log.engine, folder / "runs", lease=lease)
        self.begun = folder / "begun"
        self.environment = {
            "URL": url, "RUNS": str(folder / "runs"), "BEGUN": str(self.begun), "WORK": WORK, "STEPS": str(steps),
            "LEASE": str(lease),
        }  # fmt: skip

    def service(self) -> subprocess.Popen[bytes]:
        """A service that takes jobs."""
        return subprocess.Popen([sys.executable, "-c", SERVICE], env={**os.environ, **self.environment})

    def put(self) -> str:
        """A job."""
        run = self.queue.put("train", "x", {}, asked_by="a test")
        assert run is not None
        return run

    def pids(self) -> list[int]:
        """The processes that began a job, in order."""
        return [int(line) for line in self.begun.read_text().split()] if self.begun.exists() else []

    async def until(self, run: str, holds: Callable[[Job], bool], seconds: float = 60) -> Job:
        """The job, once that holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            job = self.queue.get(run)
            if job is not None and holds(job):
                return job
            await asyncio.sleep(0.1)
        raise AssertionError(f"never: {job}")


def counting(job: Job) -> bool:
    """It is in the middle of its work."""
    return job.progress is not None and job.progress.done > 0


def is_done(job: Job) -> bool:
    """It is done."""
    return job.state == "done"


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[Runner]:
    """A runner in this process."""
    runner = Runner(desk.queue, desk.environment, command=(sys.executable, "-c", WORK), poll=0.2)
    runner.start()
    yield runner
    await runner.stop()


async def test_a_killed_service_loses_no_job_and_its_successor_begins_none_twice(tmp_path: Path) -> None:
    """Kill -9 of the service: the job goes on by itself, the next service leaves it alone, and it is done once."""
    desk = Desk(tmp_path, steps=60)
    run = desk.put()
    with desk.service() as first:
        await desk.until(run, counting)
        first.kill()
    with desk.service() as second:
        job = await desk.until(run, is_done)
        second.kill()
    assert len(desk.pids()) == 1
    assert (job.attempt, job.faults) == (1, [])


async def test_a_job_whose_process_died_with_its_service_is_tried_again(tmp_path: Path) -> None:
    """Kill -9 of both: once the lease is over, the next service begins it anew, and only then."""
    desk = Desk(tmp_path, steps=20)
    run = desk.put()
    with desk.service() as first:
        await desk.until(run, counting)
        first.kill()
        first.wait()
        os.kill(desk.pids()[0], signal.SIGKILL)
    with desk.service() as second:
        job = await desk.until(run, is_done)
        second.kill()
    assert len(desk.pids()) == 2
    assert (job.attempt, job.faults) == (2, ["its process ended without a word"])
    assert desk.log.get(run).result == {"attempt": 2}


async def test_a_killed_process_is_noticed_at_once(tmp_path: Path) -> None:
    """Killed for want of memory, say: its service gives the job back with the exit code, and tries again."""
    desk = Desk(tmp_path, steps=15, lease=1.0)
    run = desk.put()
    async with running(desk):
        await desk.until(run, counting)
        os.kill(desk.pids()[0], signal.SIGKILL)
        job = await desk.until(run, is_done)
    assert job.faults == ["its process ended with exit code -9"]


async def test_a_stopped_service_leaves_its_job_to_the_next(tmp_path: Path) -> None:
    """No process outlives an orderly stop; the job waits, and the stop is not counted as an attempt."""
    desk = Desk(tmp_path, steps=15)
    run = desk.put()
    async with running(desk):
        await desk.until(run, counting)
    waiting = desk.queue.get(run)
    assert waiting is not None
    assert (waiting.state, waiting.attempt, waiting.faults) == ("queued", 0, ["its service was stopped"])
    with pytest.raises(ProcessLookupError):
        os.kill(desk.pids()[0], 0)
    async with running(desk):
        assert (await desk.until(run, is_done)).attempt == 1


async def test_a_job_that_runs_is_cancelled_within_seconds(tmp_path: Path) -> None:
    """Its process hears of it with the next renewal, and the next job is taken."""
    desk = Desk(tmp_path, steps=600)
    run, following = desk.put(), desk.put()
    async with running(desk):
        await desk.until(run, counting)
        desk.queue.cancel(run)
        await desk.until(run, lambda job: job.state == "cancelled", 20)
        await desk.until(following, counting)


async def test_who_cannot_renew_ends_before_another_begins(tmp_path: Path) -> None:
    """A process that slept through its lease ends itself when it wakes: never two at one job."""
    desk = Desk(tmp_path, steps=60)
    run = desk.put()
    async with running(desk):
        await desk.until(run, counting)
        sleeper = desk.pids()[0]
        os.kill(sleeper, signal.SIGSTOP)
        await asyncio.sleep(2.5)
        taken = desk.queue.take()  # as another learner would: the lease is over
        os.kill(sleeper, signal.SIGCONT)
        job = await desk.until(run, is_done)
    assert taken is None
    assert job.attempt == 2
    assert len(desk.pids()) == 2
    assert desk.log.get(run).result == {"attempt": 2}
