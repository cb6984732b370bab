"""Hearing the registry: at once, again after silence, and with keys that were pinned."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest
import structlog

from services.cds.settings import CdsSettings
from tests.cds.conftest import URL, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import hook_request, tea_bundle

pytestmark = pytest.mark.anyio


async def test_a_stop_is_effective_in_under_a_second(settings: CdsSettings, registry: FakeRegistry) -> None:
    """The long question is answered when something happens, not when its time is over."""
    async with run(settings, registry, client=registry.client()) as cds:
        await anyio.sleep(0.3)  # the service is now waiting in its question
        began = time.monotonic()
        registry.sign(guidance="tea-time", release=tea_bundle().digest, stage="suspended")
        await cds.heard()
        assert time.monotonic() - began < 1.0


async def test_a_registry_that_was_down_is_heard_when_it_is_back(settings: CdsSettings, registry: FakeRegistry) -> None:
    """The service starts without it, says so, and takes up its word later."""
    registry.down = True
    async with run(settings, registry, client=registry.client()) as cds:
        assert (await cds.http.get("/cds-services")).json() == {"services": []}
        assert (await cds.http.get("/readyz")).json()["registry"] == "not heard yet"
        registry.down = False
        await cds.heard()
        assert len((await cds.http.get("/cds-services")).json()["services"]) == 2


async def test_the_demo_pins_the_first_keys_and_believes_no_others(
    settings: CdsSettings, registry: FakeRegistry
) -> None:
    """Trust on first use, said in the log; after that the file counts."""
    with structlog.testing.capture_logs() as lines:
        async with run(settings, registry, client=registry.client()):
            pass
    assert any(line["event"] == "registry keys pinned on first use" for line in lines)
    impostor = FakeRegistry()
    impostor.number = registry.number
    impostor.deploy(tea_bundle())
    async with run(settings, impostor, client=impostor.client()) as cds:
        (deployed,) = cds.service.desk.approved.all()
        assert deployed.signed == registry.signed["tea-time"]


async def test_outside_the_demo_nothing_is_served_without_pinned_keys(tmp_path: Path, registry: FakeRegistry) -> None:
    """The key file is required, readiness and log say so."""
    registry_down = registry.client()
    with structlog.testing.capture_logs() as lines:
        async with run(CdsSettings(var=tmp_path, public_url=URL), registry, client=registry_down) as cds:
            ready = await cds.http.get("/readyz")
            assert (await cds.http.get("/cds-services")).json() == {"services": []}
    assert ready.status_code == 503
    assert ready.json()["registry keys"] is False
    assert any("public keys are not pinned" in line["event"] for line in lines)


async def test_a_restart_without_registry_answers_from_the_disk(settings: CdsSettings, registry: FakeRegistry) -> None:
    """What was approved speaks on; the prefetch is missing here, so it is 412 and not 404."""
    async with run(settings, registry, client=registry.client()):
        pass
    async with run(settings, registry) as cds:
        assert (await cds.call(hook_request({}))).status_code == 412
