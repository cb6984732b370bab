"""The learner as an app: the only place, with the commands, that reads its settings and wires its parts."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec
from fastapi import FastAPI

from services.learner.api import Service, router
from services.learner.jobs.begin_by_itself import Beginner
from services.learner.jobs.queue import JobQueue
from services.learner.jobs.runner import Runner
from services.learner.run_log import RunLog
from services.learner.settings import LearnerSettings
from services.learner.train_options import TrainOptions
from services.plumbing.database import open_database
from services.plumbing.logs import configure_logs
from services.plumbing.mlflow_models import Shelf
from services.plumbing.mlflow_versions import find_new_versions
from services.plumbing.web import create_service_app


def create_app(settings: LearnerSettings | None = None) -> FastAPI:
    """The app; its lifespan opens the run log, and takes jobs. One that is under way when the service ends waits for the next."""
    settings = settings or LearnerSettings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        log = open_run_log(settings)
        log.close_interrupted()
        queue = job_queue(settings, log)
        beginner = Beginner(
            log.engine,
            queue,
            folders=settings.guidance,
            store=settings.store_folder,
            options=msgspec.to_builtins(TrainOptions(workers=workers_of(settings))),
            registered=lambda guidance: [
                one.uri for one in find_new_versions(shelf_of(settings), guidance, patient=False)
            ],
        )
        runner = Runner(queue, environment_of(settings), put_due=beginner.put_due)
        app.state.learner = Service(
            log=log,
            queue=queue,
            wake=runner.wake,
            guidance=settings.guidance,
            workers=workers_of(settings),
            api_token=settings.api_token.get_secret_value() if settings.api_token else "",
            open=settings.demo,
        )
        runner.start()
        try:
            yield
        finally:
            await runner.stop()
            log.close()

    app = create_service_app(
        "Knowdo learner",
        version("knowdo"),
        lifespan,
        service="learner",
        ready=lambda: {"run_log": True},
        traces_url=settings.traces_url,
    )
    app.include_router(router)
    return app


def app_from_environment() -> FastAPI:
    """The service as its environment describes it."""
    settings = LearnerSettings.from_environment()
    configure_logs(level=settings.log_level)
    return create_app(settings)


def open_run_log(settings: LearnerSettings) -> RunLog:
    """The run log of these settings."""
    return RunLog(open_database(settings.run_log_url), settings.runs_folder)


def job_queue(settings: LearnerSettings, log: RunLog) -> JobQueue:
    """The queue of jobs, in the database of the run log."""
    return JobQueue(log.engine, settings.runs_folder, lease=settings.job_lease)


def shelf_of(settings: LearnerSettings) -> Shelf:
    """Where MLflow keeps runs and models."""
    return Shelf(tracking_uri=settings.tracking_uri)


def workers_of(settings: LearnerSettings) -> int:
    """How many worker processes a training takes."""
    return settings.workers or len(os.sched_getaffinity(0))


def environment_of(settings: LearnerSettings) -> dict[str, str]:
    """The settings as the process of a job reads them: the same store, guidance, run log and shelf."""
    return {
        "KNOWDO_VAR": str(settings.var.resolve()),
        "KNOWDO_LEARNER_STORE": str(settings.store_folder.resolve()),
        "KNOWDO_LEARNER_GUIDANCE": json.dumps([str(folder.resolve()) for folder in settings.guidance]),
        "KNOWDO_LEARNER_DATABASE_URL": _absolute(settings.run_log_url),
        "KNOWDO_LEARNER_RUNS": str(settings.runs_folder.resolve()),
        "KNOWDO_LEARNER_JOB_LEASE": str(settings.job_lease),
        "KNOWDO_MLFLOW_TRACKING_URI": _absolute(settings.tracking_uri),
    }


def _absolute(url: str) -> str:
    """An SQLite URL that does not depend on the current folder."""
    prefix = "sqlite:///"
    return prefix + str(Path(url.removeprefix(prefix)).resolve()) if url.startswith(prefix) else url
