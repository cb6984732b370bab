"""What every fault happens to: a folder in which `tea-time` is approved, the call that is made, and what is read afterwards."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from services.cds.decisions.decision_log import DecisionLog
from services.cds.settings import CdsSettings
from services.plumbing.database import open_database
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.faults.load import NUMBER, until
from tests.cds.tea import bundle, haemoglobin, hook_request, patient, tea_bundle


async def prepare(var: Path, registry: FakeRegistry | None = None) -> bytes:
    """Let a service in this process hear the registry once, so that another finds its folder ready; the call to make."""
    if registry is None:
        registry = FakeRegistry()
        registry.deploy(tea_bundle())
    async with run(CdsSettings(var=var, demo=True), registry, client=registry.client()) as cds:
        return a_call(cds.service.desk.approved.find("tea-time").release)


def a_call(release: Any) -> bytes:
    """A call with all that the release asks for; the patient and the hook instance are counted up."""
    name = f"p{NUMBER}"
    found = {"Patient": patient(name), "Observation": bundle(haemoglobin(8.0, of=name))}
    sent = {query.name: found.get(query.resource_type) for query in release.queries.values()}
    request = hook_request(sent, of=name) | {"hookInstance": f"00000000-0000-4000-8000-00000{NUMBER}"}
    return json.dumps(request).encode()


@contextmanager
def opened(url: str) -> Iterator[DecisionLog]:
    """The decision log, read from outside."""
    log = DecisionLog(open_database(url, by_index=True))
    try:
        yield log
    finally:
        log.close()


def sqlite_of(var: Path) -> str:
    """Where a service keeps its decisions unless told otherwise."""
    return f"sqlite:///{var / 'cds' / 'decisions.sqlite'}"


def rows(url: str) -> list[dict[str, Any]]:
    """All that was kept, with its feedback."""
    with opened(url) as log:
        return [row for page in log.export(since=0) for row in page]


def counted(url: str) -> Counter[str]:
    """How often each hook instance is in the log."""
    return Counter(str(row["hook_instance"]) for row in rows(url))


async def get(port: int, path: str) -> httpx.Response:
    """Asked over a connection of its own, so that any worker may answer."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        return await http.get(f"http://127.0.0.1:{port}{path}")


async def measured(port: int, name: str, **labels: str) -> float:
    """One figure of /metrics; 0 if it was never counted."""
    text = (await get(port, "/metrics")).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@asynccontextmanager
async def listening(registry: FakeRegistry, port: int) -> AsyncIterator[None]:
    """The registry on a socket of this machine; at the end it is gone at once, with every connection."""
    config = uvicorn.Config(registry.app, port=port, log_level="critical", lifespan="off", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    server.capture_signals = lambda: _no_signals()  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await task


@contextmanager
def _no_signals() -> Iterator[None]:
    yield
