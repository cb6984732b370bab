"""A release is replaced, and then stopped, under load at two workers: no call is dropped, no answer is of both."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.cds.fake_registry import FakeRegistry
from tests.cds.faults.load import Load
from tests.cds.faults.world import listening, prepare, rows, sqlite_of
from tests.cds.serving import free_port, served
from tests.cds.tea import tea_bundle

pytestmark = pytest.mark.anyio
PROCESSES = 2


async def test_a_release_is_swapped_and_stopped_without_a_dropped_call(tmp_path: Path) -> None:
    """Every call is answered; each card names one release and says that one's risk; a stop holds at every worker within a second."""
    registry, old, new = FakeRegistry(), tea_bundle(), tea_bundle(intercept=-1.5)
    registry.deploy(old)
    body = await prepare(tmp_path, registry)
    registry.acknowledgements.clear()
    port, at = free_port(), free_port()
    load = Load(port, body)

    async def acknowledged(stage: str, release: str) -> list[float]:
        """When each worker had taken it up, in seconds since 1970."""
        async with asyncio.timeout(5):
            while True:
                said = [one for one in registry.acknowledgements if (one["stage"], one["release"]) == (stage, release)]
                if len(said) >= PROCESSES:
                    return [datetime.fromisoformat(one["at"]).timestamp() for one in said]
                await asyncio.sleep(0.01)

    chosen = {"KNOWDO_CDS_OPEN": "true", "KNOWDO_CDS_REGISTRY_URL": f"http://127.0.0.1:{at}"}
    async with listening(registry, at):
        with served(tmp_path, port, workers=PROCESSES, **chosen):
            await acknowledged("general", old.digest)
            async with load:
                await load.further(100)
                registry.deploy(new)
                await acknowledged("general", new.digest)
                swapped = time.monotonic()
                await load.further(100)
                stopped, by_clock = time.monotonic(), time.time()
                registry.sign(guidance="tea-time", release=new.digest, stage="suspended")
                heard = await acknowledged("suspended", new.digest)
                await asyncio.sleep(max(0.0, stopped + 1.0 - time.monotonic()))
                await load.further(100)
    kept = {row["hook_instance"]: row for row in rows(sqlite_of(tmp_path))}
    said = {(_release_of(card), str(card["summary"])) for one in load.answers if (card := one.card)}
    assert {one.status for one in load.answers} == {200}
    assert {release for release, _ in said} == {old.digest, new.digest}
    assert len(said) == 2  # one risk for each: all patients are alike
    assert load.since(swapped)
    assert all(_release_of(one.card) == new.digest for one in load.since(swapped) if one.card)
    assert all(moment - by_clock < 1.0 for moment in heard)
    assert not any(one.card for one in load.since(stopped + 1.0))
    for one in load.answers:
        decision = kept[one.instance]
        assert (decision["status"] == "shown") == (one.card is not None)
        assert one.card is None or decision["release"] == _release_of(one.card)


def _release_of(card: object) -> str:
    assert isinstance(card, dict)
    url: str = card["source"]["url"]
    return "sha256:" + url.partition("sha256:")[2].partition("/")[0]
