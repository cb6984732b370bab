"""The learner's service: runs can be read, a training is begun in the background, and only by who may."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from services.learner.app import create_app, job_queue, open_run_log
from services.learner.jobs.tables import JOBS
from services.learner.report.page import STYLE_DIGEST
from services.learner.run_log import REPORT_FILE
from services.learner.settings import LearnerSettings

pytestmark = pytest.mark.anyio


def settings_in(folder: Path, **changed: object) -> LearnerSettings:
    """Settings as the environment would give them."""
    return LearnerSettings.model_validate({"var": folder, "api_token": "secret"} | changed)


@asynccontextmanager
async def client_of(settings: LearnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The app, started, behind an in-process client."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://learner") as client,
    ):
        yield client


async def test_it_is_live_and_ready(tmp_path: Path) -> None:
    """Health, readiness and an empty list of runs."""
    async with client_of(settings_in(tmp_path)) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json() == {"run_log": True}
        assert (await client.get("/runs")).json() == {"runs": []}


async def test_a_run_and_its_report_can_be_read(tmp_path: Path) -> None:
    """Result and page; the page's policy lets in its own style and nothing else."""
    settings = settings_in(tmp_path)
    log = open_run_log(settings)
    run = log.begin("x", kind="train", settings={})
    (log.folder(run) / REPORT_FILE).write_text("<html>")
    log.finish(run, result={"rows": 1}, release="sha256:a", evidence="sha256:b")
    bare = log.begin("x", kind="train", settings={})
    async with client_of(settings) as client:
        assert (await client.get(f"/runs/{run}")).json()["result"] == {"rows": 1}
        assert (await client.get("/runs/last")).json()["id"] == run
        page = await client.get(f"/runs/{run}/report")
        assert page.text == "<html>"
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f"style-src '{STYLE_DIGEST}'" in page.headers["content-security-policy"]
        assert "script" not in page.headers["content-security-policy"]
        assert (await client.get(f"/runs/{bare}/report")).status_code == 404
        missing = await client.get("/runs/none")
        assert missing.status_code == 404
        assert "no such run" in missing.json()["detail"]


def test_the_digest_of_the_policy_is_that_of_the_style_in_the_page() -> None:
    """Else a browser would show the page without its style."""
    import base64
    import hashlib
    import re

    from services.learner.report.page import _TEMPLATES

    template = _TEMPLATES.from_string('<style>{% include "evidence.css" %}</style>').render()
    style = re.search(r"<style>(.*?)</style>", template, flags=re.S)
    assert style is not None
    assert "sha256-" + base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() == STYLE_DIGEST


@pytest.mark.parametrize(
    ("body", "token", "status"),
    [
        ({"guidance": "readmission-30d"}, None, 401),
        ({"guidance": "readmission-30d"}, "wrong", 401),
        ({"guidance": "../../etc"}, "secret", 404),
        ({"guidance": "readmission-30d", "folds": 1}, "secret", 400),
        ({"guidance": "readmission-30d", "from": "yesterday"}, "secret", 400),
        ({"guidance": "readmission-30d", "shell": "x"}, "secret", 400),
    ],
)
async def test_a_run_is_begun_only_by_who_may_and_only_of_what_has_a_name(
    tmp_path: Path, body: dict[str, object], token: str | None, status: int
) -> None:
    """No token, a path instead of a name, a number out of range, an unknown key: refused before anything starts."""
    async with client_of(settings_in(tmp_path)) as client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert (await client.post("/runs", json=body, headers=headers)).status_code == status
        assert (await client.get("/runs")).json() == {"runs": []}


TOKEN = {"Authorization": "Bearer secret"}


async def test_a_training_over_http_runs_beside_the_service(tmp_path: Path) -> None:
    """202 with the run's id, queued; its process logs how it ended (here: there is no store)."""
    async with client_of(settings_in(tmp_path)) as client:
        answer = await client.post("/runs", json={"guidance": "readmission-30d"}, headers=TOKEN)
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        run = await ended(client, answer.json()["run"])
        assert run["state"] == "failed"
        assert "no event store here" in run["fault"]
        assert run["job"]["asked_by"] == "HTTP"


async def ended(client: httpx.AsyncClient, run: str) -> dict[str, Any]:
    """The run, once it neither waits nor runs."""
    for _ in range(600):
        told: dict[str, Any] = (await client.get(f"/runs/{run}")).json()
        if told["state"] not in ("queued", "running"):
            return told
        await asyncio.sleep(0.1)
    raise AssertionError("it did not end")


async def test_what_waits_is_cancelled_and_tried_again_by_who_may(tmp_path: Path) -> None:
    """Cancel and retry by either address; each mistake is a problem that says what to do."""
    settings = settings_in(tmp_path)
    log = open_run_log(settings)
    queue = job_queue(settings, log)
    later = queue.put("train", "readmission-30d", {}, asked_by="a test", key=None)
    with log.engine.begin() as connection:
        connection.execute(update(JOBS).values(not_before=4e9))  # no runner takes it
    async with client_of(settings) as client:
        assert (await client.post(f"/runs/{later}/cancel")).status_code == 401
        assert (await client.delete(f"/runs/{later}")).status_code == 401
        assert (await client.post(f"/runs/{later}/retry", headers=TOKEN)).status_code == 409
        cancelled = await client.delete(f"/runs/{later}", headers=TOKEN)
        assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
        again = await client.post(f"/runs/{later}/cancel", headers=TOKEN)
        assert again.status_code == 409
        assert again.headers["content-type"] == "application/problem+json"
        assert "cancelled already" in again.json()["detail"]
        retried = await client.post(f"/runs/{later}/retry", headers=TOKEN)
        assert (retried.status_code, retried.json()["faults"]) == (202, ["cancelled"])
        assert (await client.post("/runs/none/retry", headers=TOKEN)).status_code == 404
        assert [job["run"] for job in (await client.get("/jobs")).json()["jobs"]] == [later]


async def test_runs_hold_no_secret(tmp_path: Path) -> None:
    """The settings of a run are how to do it again, not what the service knows."""
    settings = settings_in(tmp_path)
    log = open_run_log(settings)
    log.begin("x", kind="train", settings={"folds": 5})
    async with client_of(settings) as client:
        assert "secret" not in json.dumps((await client.get("/runs")).json())


def test_the_service_answers_without_loading_the_workshop() -> None:
    """What trains runs in a process of its own: the app and the commands start without scikit-learn, mlflow, pandas."""
    import subprocess

    code = (
        "import sys, services.learner.app, services.learner.commands; "
        "print([n for n in ('sklearn', 'mlflow', 'pandas', 'scipy', 'statsmodels') if n in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
