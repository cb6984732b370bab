"""The three apps in one process: CDS at `/`, the registry at `/registry`, the learner at `/learner`.

They meet over HTTP all the same, through `httpx.ASGITransport`: in-process is a transport, not a code path.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route

from services.cds.app import create_app as create_cds
from services.cds.settings import CdsSettings
from services.learner.app import create_app as create_learner
from services.learner.settings import LearnerSettings
from services.plumbing.logs import configure_logs, get_logger
from services.plumbing.registry_client import RegistryClient
from services.plumbing.settings import ServiceSettings
from services.registry.app import create_app as create_registry
from services.registry.app import read_public_keys
from services.registry.database import open_tables
from services.registry.people.tokens import service_token, write_token
from services.registry.settings import RegistrySettings
from services.timeline.errors import KnowdoError

HOME: Final = "http://127.0.0.1:8000"
_log = get_logger("platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The running platform: its app, and a client that reaches it without a socket."""

    app: Starlette
    services: tuple[FastAPI, ...]
    http: httpx.AsyncClient
    var: Path
    url: str
    registry: RegistrySettings
    learner: LearnerSettings
    cds: CdsSettings

    def registry_client(self, token: str) -> RegistryClient:
        """A client of the registry for one person or service."""
        return RegistryClient(_client(self.app, f"{self.url}/registry"), token)


@contextlib.asynccontextmanager
async def open_platform(
    *,
    var: Path,
    demo: bool,
    url: str = HOME,
    bedside_clock: Callable[[], int] | None = None,
    **cds_settings: Any,
) -> AsyncIterator[Platform]:
    """Start the three services in this process; leave them stopped.

    `bedside_clock` gives the index of a hook call in microseconds since the epoch (a replay turns it back); leases and
    tokens always go by the real clock. `cds_settings` are further settings of the CDS service.
    """
    platform = _wire(var=var, demo=demo, url=url.rstrip("/"), bedside_clock=bedside_clock, cds_settings=cds_settings)
    async with contextlib.AsyncExitStack() as running:
        await running.enter_async_context(platform.http)
        # Starlette does not start the lifespans of mounted apps. The registry first: the others ask it at once.
        for service in platform.services:
            await running.enter_async_context(service.router.lifespan_context(service))
        yield platform


def _wire(
    *, var: Path, demo: bool, url: str, bedside_clock: Callable[[], int] | None, cds_settings: dict[str, Any]
) -> Platform:
    """Settings, tokens between the services, and the three apps under one roof."""
    registry = RegistrySettings(var=var, demo=demo, public_url=f"{url}/registry", cds_url=url)
    engine = open_tables(registry)
    now = datetime.now(UTC)
    tokens = {
        role: service_token(engine, name=f"{role} of this platform", role=role, path=_secret(var, role), now=now)
        for role in ("cds", "learner")
    }
    engine.dispose()
    export = _kept_secret(_secret(var, "export"))
    root = Starlette()
    client = _client(root, f"{url}/registry")
    cds = CdsSettings(
        var=var, demo=demo, public_url=url, registry_url=f"{url}/registry",
        token=SecretStr(tokens["cds"]), export_token=SecretStr(export), **cds_settings,
    )  # fmt: skip
    learner = LearnerSettings(
        var=var, demo=demo, registry_url=f"{url}/registry", token=SecretStr(tokens["learner"]),
        api_token=SecretStr(_kept_secret(_secret(var, "learner-api"))),
    )  # fmt: skip
    # Whoever runs both hands the keys over; nothing is trusted on first use.
    keys = read_public_keys(registry)
    bedside = create_cds(
        cds,
        registry=RegistryClient(client, tokens["cds"]),
        registry_keys=keys,
        bedside_clock=bedside_clock,
    )
    deciding, learning = create_registry(registry, cds=_client(root, url)), create_learner(learner)
    root.router.routes += [
        Route("/registry", _with_slash),
        Mount("/registry", app=deciding),
        Mount("/learner", app=learning),
        Mount("/", app=bedside),
    ]
    return Platform(
        app=root, services=(deciding, learning, bedside), http=_client(root, url), var=var, url=url,
        registry=registry, learner=learner, cds=cds,
    )  # fmt: skip


async def _with_slash(request: Request) -> RedirectResponse:
    """A person types `/registry`; the registry's pages start at `/registry/`."""
    return RedirectResponse(f"{request.url.path}/")


def serve_platform(*, var: Path | None, host: str, port: int, mlflow_ui: bool) -> None:
    """`knowdo up`: serve the platform until it is told to stop."""
    import uvicorn

    base = ServiceSettings.from_environment()
    configure_logs(level=base.log_level)
    folder = (var or base.var).resolve()
    url = f"http://{host}:{port}"

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with open_platform(var=folder, demo=base.demo, url=url) as platform:
            outer.router.routes[:] = platform.app.router.routes
            yield

    outer = Starlette(lifespan=lifespan)
    with mlflow_ui_beside(folder, host, port + 1) if mlflow_ui else contextlib.nullcontext():
        uvicorn.run(outer, host=host, port=port, access_log=False, log_config=None, timeout_graceful_shutdown=3)


@contextlib.contextmanager
def mlflow_ui_beside(var: Path, host: str, port: int) -> Iterator[None]:
    """MLflow's own pages on what the learner has shelved, as a process beside this one."""
    if importlib.util.find_spec("mlflow") is None:
        raise KnowdoError("MLflow is not installed", place="--mlflow-ui", remedy="pip install 'knowdo[learner]'")
    settings = LearnerSettings(var=var)
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", settings.tracking_uri,
        "--host", host, "--port", str(port),
        "--workers", "1",  # four, its default, each load all of MLflow before the first page is shown
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    beside = subprocess.Popen(command, env=environment)  # noqa: S603 - our own interpreter and fixed words
    _log.info("mlflow", url=f"http://{host}:{port}")
    try:
        yield
    finally:
        beside.terminate()
        try:
            beside.wait(timeout=10)
        except subprocess.TimeoutExpired:
            beside.kill()  # it only shows pages; nothing is lost
            beside.wait()


def _client(app: Starlette, base_url: str) -> httpx.AsyncClient:
    """A client that reaches an app of this process; what fails inside is answered, not raised."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base_url, timeout=120.0)


def _secret(var: Path, name: str) -> Path:
    return var / "secrets" / f"{name}.token"


def _kept_secret(path: Path) -> str:
    """The secret in a file of mode 0600, made on first use."""
    if not path.exists():
        write_token(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()
