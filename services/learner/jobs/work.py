"""One job in a process of its own: `python -m services.learner.jobs.work`, which reads the job on standard input.

A crash here is no crash of the service, and the service's end is no end of this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec

from services.guidance.errors import Unavailable
from services.learner.app import job_queue, open_run_log, shelf_of, workers_of
from services.learner.guidance_names import guidance_folder
from services.learner.import_runs import Learner, make_import
from services.learner.jobs.lease import CANCELLED, Cancelled, Lease
from services.learner.jobs.look import look
from services.learner.jobs.queue import JobQueue
from services.learner.jobs.waiting import Held
from services.learner.retrain import Progress
from services.learner.run_log import RunLog
from services.learner.runs import Made, make_training
from services.learner.settings import LearnerSettings
from services.learner.terminal import engine_of
from services.learner.train_options import TrainOptions
from services.plumbing.event_store import EventStore
from services.plumbing.logs import configure_logs
from services.timeline.errors import KnowdoError

Work = Callable[[Held, LearnerSettings, RunLog, JobQueue, Progress], Made]


def work_on(held: Held, settings: LearnerSettings) -> int:
    """Do the job and log how it ended; answers the exit code."""
    log = open_run_log(settings)
    queue = job_queue(settings, log)
    try:
        with Lease(queue, held) as lease:
            made = KINDS[held.kind](held, settings, log, queue, lease.tell)
    except Cancelled:
        queue.end(held, "cancelled")
        return CANCELLED
    except Unavailable as fault:  # it may pass
        queue.again(held, str(fault))
        return 1
    except KnowdoError as fault:
        queue.end(held, "failed", fault=str(fault))
        return 1
    except BaseException as fault:
        queue.end(held, "failed", fault=f"stopped by {type(fault).__name__}")
        raise
    queue.end(held, "done", result=made.result, release=made.release or None, evidence=made.evidence or None)
    return 0


def _train(held: Held, settings: LearnerSettings, log: RunLog, _queue: JobQueue, progress: Progress) -> Made:
    """A training, as `knowdo learner train` does it."""
    options = msgspec.convert(held.settings, TrainOptions)
    with engine_of(settings, None, "", options.workers) as engine:
        return make_training(
            guidance_folder(held.guidance, settings.guidance, paths_too=False),
            EventStore.open(settings.store_folder),
            log,
            shelf_of(settings),
            options,
            run=held.run,
            engine=engine,
            progress=progress,
        )


def _look(held: Held, settings: LearnerSettings, log: RunLog, queue: JobQueue, progress: Progress) -> Made:
    """Whether the store now asks for a training; if so, one is put into the queue."""
    store = EventStore.open(settings.store_folder)
    seen = look(
        guidance_folder(held.guidance, settings.guidance, paths_too=False),
        store,
        log,
        workers=workers_of(settings),
        progress=progress,
    )
    result: dict[str, Any] = msgspec.to_builtins(seen) | {"training": None}
    if seen.reasons:
        options = msgspec.to_builtins(TrainOptions(workers=workers_of(settings)))
        key = f"look:{held.guidance}:{store.digest}:train"
        result["training"] = queue.put("train", held.guidance, options, asked_by="; ".join(seen.reasons)[:256], key=key)
    return Made(result=result, release="", evidence="")


def _import(held: Held, settings: LearnerSettings, log: RunLog, _queue: JobQueue, progress: Progress) -> Made:
    """A model that somebody registered in MLflow, judged as ours are."""
    learner = Learner(
        directory=guidance_folder(held.guidance, settings.guidance, paths_too=False),
        store=EventStore.open(settings.store_folder),
        log=log,
        shelf=shelf_of(settings),
        options=msgspec.convert(held.settings, TrainOptions),
    )
    return make_import(learner, held.settings["model"], run=held.run, progress=progress)


KINDS: Final[dict[str, Work]] = {"train": _train, "look": _look, "import": _import}


def main() -> None:
    """Work on the job of standard input."""
    settings = LearnerSettings.from_environment()
    configure_logs(level=settings.log_level)
    sys.exit(work_on(msgspec.json.decode(sys.stdin.buffer.read(), type=Held), settings))


if __name__ == "__main__":
    main()
