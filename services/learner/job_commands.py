"""`knowdo learner jobs`, `cancel`, `retry`: the queue of the service, from a terminal beside it."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer
from rich.live import Live

from services.learner import screen
from services.learner.app import job_queue, open_run_log
from services.learner.jobs.queue import JobQueue
from services.learner.settings import LearnerSettings
from services.learner.terminal import JsonOption, print_json

_EVERY: Final = 1.0  # seconds between two looks

RunArgument = Annotated[str, typer.Argument(help="Run of the job, from `knowdo learner jobs`")]


def jobs(
    follow: Annotated[bool, typer.Option(help="Show how far they are until nothing runs or waits")] = False,
    json: JsonOption = False,
) -> None:
    """List what runs and waits, then what has ended.

    Example: knowdo learner jobs --follow
    """
    queue = _queue()
    if follow and not json:
        with Live(screen.jobs_table(queue.all()), console=screen.out, auto_refresh=False) as live:
            while any(job.state in ("queued", "running") for job in queue.all()):
                live.update(screen.jobs_table(queue.all()), refresh=True)
                time.sleep(_EVERY)
            live.update(screen.jobs_table(queue.all()), refresh=True)
    elif json:
        print_json(queue.all())
    else:
        screen.out.print(screen.jobs_table(queue.all()))


def cancel(run: RunArgument, json: JsonOption = False) -> None:
    """Cancel a job that waits or runs; its process ends within seconds.

    Example: knowdo learner cancel 20261128-101500-a1b2c3 --json
    """
    job = _queue().cancel(run)
    if json:
        print_json(job)
    else:
        screen.out.print(screen.jobs_table([job]))


def retry(run: RunArgument, json: JsonOption = False) -> None:
    """Put a job that failed or was cancelled back into the queue.

    Example: knowdo learner retry 20261128-101500-a1b2c3 --json
    """
    job = _queue().retry(run)
    if json:
        print_json(job)
    else:
        screen.out.print(screen.jobs_table([job]))


def _queue() -> JobQueue:
    settings = LearnerSettings.from_environment()
    return job_queue(settings, open_run_log(settings))
