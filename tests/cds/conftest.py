"""A CDS service in this process, with a registry behind it that approves what a test wants approved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from services.cds.api import Service
from services.cds.app import create_app
from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.decisions.decision_log import DecisionLog
from services.cds.settings import CdsSettings
from services.plumbing.registry_client import RegistryClient
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import NOW, tea_bundle

URL = "https://cds.hospital.example"


@dataclass
class Running:
    """A service that runs: how to call it, and what it kept."""

    app: FastAPI
    http: httpx.AsyncClient
    ehr: DemoIssuer
    registry: FakeRegistry

    @property
    def service(self) -> Service:
        """What stands behind the endpoints."""
        service: Service = self.app.state.cds
        return service

    @property
    def log(self) -> DecisionLog:
        """Its decision log."""
        return self.service.log

    async def call(self, request: Any, service: str = "tea-time", **headers: str) -> httpx.Response:
        """Post a hook request, signed as the demo's EHR."""
        return await self.post(f"/cds-services/{service}", request, **headers)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post JSON (or bytes) to a path, signed for it."""
        signed = {"Authorization": f"Bearer {self.ehr.token(URL + path)}"} | headers
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await self.http.post(path, headers=signed, **content)

    def decisions(self) -> list[dict[str, Any]]:
        """All that was kept, oldest first."""
        return [row for page in self.log.export(since=0) for row in page]

    async def heard(self) -> None:
        """Wait until the service has heard the registry's last word."""
        with anyio.fail_after(5):
            while self.service.desk.approved.heard_to < self.registry.number:  # noqa: ASYNC110 (no event leads out)
                await anyio.sleep(0.01)


@pytest.fixture
def registry() -> FakeRegistry:
    """A registry in which `tea-time` is in general use."""
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    return registry


@pytest.fixture
def settings(tmp_path: Path) -> CdsSettings:
    """Settings of a demo service in a folder of its own."""
    return CdsSettings(var=tmp_path, demo=True, public_url=URL, export_token="export-me")


@asynccontextmanager
async def run(
    settings: CdsSettings,
    registry: FakeRegistry,
    *,
    client: RegistryClient | None = None,
    keys: Any = None,
    clock: Callable[[], int] = lambda: NOW,
) -> AsyncIterator[Running]:
    """Start a service; it has heard the registry once (if there is one to hear) when this yields."""
    app = create_app(settings, registry=client, registry_keys=keys, bedside_clock=clock)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=URL)
        await stack.enter_async_context(http)
        running = Running(app, http, DemoIssuer.load_or_create(settings.var / "cds" / "demo-issuer.json"), registry)
        if client is not None and not registry.down:
            await running.heard()
        yield running


@pytest.fixture
async def cds(settings: CdsSettings, registry: FakeRegistry) -> AsyncIterator[Running]:
    """A running service."""
    async with run(settings, registry, client=registry.client()) as running:
        yield running
