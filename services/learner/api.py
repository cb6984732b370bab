"""The learner's HTTP API: what ran, what waits, what came of it, and the start of a new run. It translates; it decides nothing."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotAuthenticated, NotFound
from services.guidance.words.evidence_wording import DataKind
from services.learner.guidance_names import guidance_folder
from services.learner.jobs.queue import JobQueue
from services.learner.report.page import STYLE_DIGEST
from services.learner.run_log import REPORT_FILE, RunLog
from services.learner.train_options import TrainOptions
from services.plumbing.web import decode, json_response, read_body

router: Final = APIRouter()
LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the routes work with."""

    log: RunLog
    queue: JobQueue
    wake: Callable[[], None]
    """Says that something was put."""
    guidance: tuple[Path, ...]
    workers: int
    api_token: str
    open: bool


class NewRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for: a guidance by name, and how to train it."""

    guidance: str
    folds: Annotated[int, msgspec.Meta(ge=2, le=50)] = 5
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    since: str = msgspec.field(name="from", default="")
    until: str = ""
    data_until: str = ""
    data: DataKind = "patients"
    """Whose records they are: what is no patient's is said on every page of the report."""
    against: str = ""
    """Digest of the release that runs now: the evidence shows old and new side by side."""


_NEW_RUN: Final = msgspec.json.Decoder(NewRun)


@router.get("/runs")
async def runs(request: Request) -> Response:
    """The newest runs first: digests, counts and scores, no patient."""
    return json_response({"runs": await run_in_threadpool(_service(request).log.all)})


@router.get("/runs/{run}")
async def one_run(run: str, request: Request) -> Response:
    """One run, with its job (how it waits, who asked, how far it is); `last` is the newest training that is done."""
    service = _service(request)
    logged = await run_in_threadpool(service.log.get, run)
    job = await run_in_threadpool(service.queue.get, logged.id)
    return json_response(msgspec.to_builtins(logged) | {"job": job})


@router.get("/jobs")
async def jobs(request: Request) -> Response:
    """What runs and waits, then what has ended."""
    return json_response({"jobs": await run_in_threadpool(_service(request).queue.all)})


@router.get("/runs/{run}/report")
async def report(run: str, request: Request) -> Response:
    """The evidence of a run, as a page to read and print."""
    log = _service(request).log
    logged = await run_in_threadpool(log.get, run)
    path = log.folder(logged.id) / REPORT_FILE
    if not path.is_file():
        raise NotFound(f"the run is {logged.state} and has no report", place=logged.id, remedy="Wait until it is done")
    policy = (
        f"default-src 'none'; style-src '{STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Content-Type": "text/html; charset=utf-8"}
    return Response(await run_in_threadpool(path.read_bytes), headers=headers)


@router.post("/runs")
async def start(request: Request) -> Response:
    """A training at the end of the queue; 202 with its run."""
    service = _permitted(request)
    wanted = decode(_NEW_RUN, await read_body(request, limit=LIMIT))
    guidance_folder(wanted.guidance, service.guidance, paths_too=False)  # a name that is none is said now
    options = TrainOptions(
        folds=wanted.folds,
        seed=wanted.seed,
        workers=service.workers,
        since=wanted.since,
        until=wanted.until,
        data_end=wanted.data_until,
        data=wanted.data,
        against=wanted.against,
    )
    options.moments()  # a date that is none is said now, not in the log of a process
    settings = msgspec.to_builtins(options)
    run = await run_in_threadpool(lambda: service.queue.put("train", wanted.guidance, settings, asked_by="HTTP"))
    service.wake()
    return json_response({"run": run, "state": "queued"}, 202)


@router.delete("/runs/{run}")
@router.post("/runs/{run}/cancel")
async def cancel(run: str, request: Request) -> Response:
    """Cancel what waits or runs; 202 with the job. 409 if it has ended."""
    service = _permitted(request)
    return json_response(await run_in_threadpool(service.queue.cancel, run), 202)


@router.post("/runs/{run}/retry")
async def retry(run: str, request: Request) -> Response:
    """Try again what failed or was cancelled; 202 with the job. 409 otherwise."""
    service = _permitted(request)
    job = await run_in_threadpool(service.queue.retry, run)
    service.wake()
    return json_response(job, 202)


def _service(request: Request) -> Service:
    service: Service = request.app.state.learner
    return service


def _permitted(request: Request) -> Service:
    """The service, for who may change something."""
    service = _service(request)
    shown = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not service.open and not (service.api_token and hmac.compare_digest(shown.encode(), service.api_token.encode())):
        raise NotAuthenticated(
            "no or another token",
            place=request.url.path,
            remedy="Set KNOWDO_LEARNER_API_TOKEN_FILE, and send that token",
        )
    return service
