"""The learner as an app: the only place, with the commands, that reads its settings and wires its parts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI

from services.learner.api import Service, router
from services.learner.jobs import Jobs
from services.learner.run_log import RunLog
from services.learner.settings import LearnerSettings
from services.plumbing.database import open_database
from services.plumbing.logs import configure_logs
from services.plumbing.mlflow_models import Shelf
from services.plumbing.web import create_service_app


def create_app(settings: LearnerSettings | None = None) -> FastAPI:
    """The app; its lifespan opens the run log, and ends a training that is under way when the service ends."""
    settings = settings or LearnerSettings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        log = open_run_log(settings)
        log.close_interrupted()
        jobs = Jobs(log, environment_of(settings))
        app.state.learner = Service(
            log=log,
            jobs=jobs,
            store=settings.store_folder,
            guidance=settings.guidance,
            workers=workers_of(settings),
            api_token=settings.api_token.get_secret_value() if settings.api_token else "",
            open=settings.demo,
        )
        try:
            yield
        finally:
            await jobs.stop()
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


def shelf_of(settings: LearnerSettings) -> Shelf:
    """Where MLflow keeps runs and models."""
    return Shelf(tracking_uri=settings.tracking_uri)


def workers_of(settings: LearnerSettings) -> int:
    """How many worker processes a training takes."""
    return settings.workers or len(os.sched_getaffinity(0))


def environment_of(settings: LearnerSettings) -> dict[str, str]:
    """The settings as a training process of its own reads them: it logs to the same run log and shelf."""
    return {
        "KNOWDO_VAR": str(settings.var.resolve()),
        "KNOWDO_LEARNER_DATABASE_URL": _absolute(settings.run_log_url),
        "KNOWDO_LEARNER_RUNS": str(settings.runs_folder.resolve()),
        "KNOWDO_MLFLOW_TRACKING_URI": _absolute(settings.tracking_uri),
    }


def _absolute(url: str) -> str:
    """An SQLite URL that does not depend on the current folder."""
    prefix = "sqlite:///"
    return prefix + str(Path(url.removeprefix(prefix)).resolve()) if url.startswith(prefix) else url
