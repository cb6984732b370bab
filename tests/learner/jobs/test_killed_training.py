"""A real training whose process is killed with -9 in the middle of a fit: it is made anew, and what it makes is the same."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from services.guidance.release import unpack
from services.learner.app import environment_of, job_queue, open_run_log
from services.learner.intake.ingest import ingest
from services.learner.jobs.queue import JobQueue
from services.learner.jobs.runner import Runner
from services.learner.jobs.waiting import Job
from services.learner.retrain import train
from services.learner.run_log import RELEASE_FILE
from services.learner.runs import kept_of
from services.learner.settings import LearnerSettings
from services.learner.train_options import TrainOptions
from services.plumbing.event_store import EventStore
from tests.learner.made_up_ward import GUIDANCE, ward, write_guidance, write_ndjson

pytestmark = pytest.mark.anyio

QUICK = GUIDANCE.replace(
    "[logistic, scorecard_additive, scorecard, forest]", "[logistic, scorecard_additive, scorecard]"
).replace("refits: 3", "refits: 2")
# The work of a job as it is; only that its process writes down its number.
NOTED = """
import os, runpy
from pathlib import Path
with Path(os.environ["BEGUN"]).open("a") as begun:
    begun.write(f"{os.getpid()}\\n")
runpy.run_module("services.learner.jobs.work", run_name="__main__")
"""


async def until(queue: JobQueue, run: str, holds: Callable[[Job], bool], seconds: float = 300) -> Job:
    """The job, once that holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = queue.get(run)
        if job is not None and holds(job):
            return job
        # Quicker than it was looked at: to wait longer would show nothing.
        assert job is None or job.state not in ("done", "failed"), f"never: {job}"
        await asyncio.sleep(0.02)
    raise AssertionError(f"never: {job}")


async def test_a_training_that_was_killed_makes_what_it_would_have_made(tmp_path: Path) -> None:
    """Killed while it fits: nothing of it is kept, it is tried again, and release and evidence are those of a training undisturbed."""
    guidance = write_guidance(tmp_path / "guidance" / "made-up-death", QUICK)
    ingest(write_ndjson(tmp_path / "ward.ndjson", ward(250)), tmp_path / "store")
    settings = LearnerSettings(
        var=tmp_path, store=tmp_path / "store", guidance=(tmp_path / "guidance",), job_lease=5.0,
        # Nobody listens there: a shelf that is away costs no training.
        mlflow_tracking_uri="http://127.0.0.1:9",
    )  # fmt: skip
    log = open_run_log(settings)
    queue = job_queue(settings, log)
    begun = tmp_path / "begun"
    environment = environment_of(settings) | {"BEGUN": str(begun), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    run = queue.put("train", "made-up-death", msgspec.to_builtins(TrainOptions(folds=2)), asked_by="a test")
    assert run is not None
    runner = Runner(queue, environment, command=(sys.executable, "-c", NOTED), poll=0.2)
    runner.start()
    try:
        await until(queue, run, lambda job: job.progress is not None and job.progress.stage.startswith("fitting"))
        os.kill(int(begun.read_text().split()[0]), signal.SIGKILL)
        assert not (log.folder(run) / RELEASE_FILE).exists()
        job = await until(queue, run, lambda job: job.state in ("done", "failed"))
    finally:
        await runner.stop()
    assert (job.state, job.attempt, job.faults) == ("done", 2, ["its process ended with exit code -9"])
    undisturbed = train(guidance, EventStore.open(tmp_path / "store"), folds=2)
    kept = kept_of(log, log.get(run))
    assert kept.bundle.digest == undisturbed.bundle.digest
    assert kept.pack.digest == undisturbed.pack.digest
    assert unpack((log.folder(run) / RELEASE_FILE).read_bytes(), expected_digest=undisturbed.bundle.digest)
