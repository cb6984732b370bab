"""The registry is gone: cards go on until the lease ends, then the service is loud; when it is back, so are the cards."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cds.fake_registry import FakeRegistry
from tests.cds.faults.load import Load, until
from tests.cds.faults.world import get, listening, measured, prepare
from tests.cds.serving import free_port, served
from tests.cds.tea import tea_bundle

pytestmark = pytest.mark.anyio
LEASE = 4


async def test_cards_go_on_until_the_lease_ends_and_come_back_with_the_registry(tmp_path: Path) -> None:
    """No card is lost while the lease lasts, none is shown after it, and the registry's return needs no restart."""
    registry, release = FakeRegistry(), tea_bundle()
    registry.deploy(release)
    body = await prepare(tmp_path, registry)
    port, at = free_port(), free_port()
    load = Load(port, body, callers=2, pause=0.02)

    async def renewed() -> bool:
        return 0 < await measured(port, "knowdo_cds_lease_seconds_left", guidance="tea-time") <= LEASE

    with served(tmp_path, port, KNOWDO_CDS_OPEN="true", KNOWDO_CDS_REGISTRY_URL=f"http://127.0.0.1:{at}"):
        async with load:
            async with listening(registry, at):
                lease = registry.deploy(release, seconds=LEASE)
                await until(renewed)
            left = (lease.expires_at - datetime.now(UTC)).total_seconds()
            ends = time.monotonic() + left
            await asyncio.sleep(left + 0.5)
            ready = (await get(port, "/readyz")).json()
            await load.further(10)
            await asyncio.sleep(0.6)
            live = await measured(port, "knowdo_cds_guidance_live", guidance="tea-time")
            registry.deploy(release)
            async with listening(registry, at):
                await until(lambda: load.last(200), seconds=12)
                back = time.monotonic()
                await load.further(10)
    before = [one for one in load.answers if one.ended < ends]
    silent = [one for one in load.answers if one.began > ends and one.ended < ends + 0.5]
    assert {one.status for one in before} == {200}
    assert all(one.card for one in before)
    assert {one.status for one in silent} == {503}
    assert json.loads(silent[0].body)["resourceType"] == "OperationOutcome"
    assert (ready["tea-time"], live) == ("general, 0 s of lease left", 0)
    assert {one.status for one in load.since(back)} == {200}
