"""A stop reaches real CDS processes in under a second; one that is cut off goes on until its lease ends, and no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.registry.deployed.stopping import said_of_stop, stopped
from tests.cds.faults.load import until
from tests.postgres import fresh_database
from tests.registry.deployed.two_workers import GUIDANCE, IN_VAIN, breathe, two_workers

pytestmark = pytest.mark.anyio
STOPS = 10
LEASE = 4.0


@pytest.fixture
def registry_database() -> Iterator[str]:
    """An empty PostgreSQL database for the registry."""
    yield from fresh_database()


@pytest.fixture
def decisions_database() -> Iterator[str]:
    """Another for the decisions of both services."""
    yield from fresh_database()


async def test_a_stop_silences_every_worker_in_under_a_second(
    tmp_path: Path, registry_database: str, decisions_database: str
) -> None:
    """Each of ten stops: both processes are asked without pause, and neither shows a card a second later."""
    async with two_workers(
        tmp_path, registry_database=registry_database, decisions_database=decisions_database
    ) as running:
        took, began = [], time.monotonic()
        for stop in range(STOPS):
            if stop:
                await running.start_again()
            await breathe()
            took.append(await running.stop())
        # A worker is silent first and says so then.
        found = (await stopped(running.house.as_("Ida Safety"), GUIDANCE))["confirmation"]
    assert max(took) < 1.0, [f"{one:.3f}" for one in sorted(took)]
    assert (found["confirmed"], found["of"]) == (2, 2)
    assert {one.status for load in running.loads for one in load.since(began)} == {200}


async def test_a_worker_that_is_cut_off_goes_on_until_its_lease_ends_and_then_answers_503(
    tmp_path: Path, registry_database: str, decisions_database: str
) -> None:
    """The other stops at once; the registry says by name who has not confirmed, and until when it may speak."""
    async with two_workers(
        tmp_path, registry_database=registry_database, decisions_database=decisions_database, lease_seconds=LEASE
    ) as running:
        await running.wire.cut()
        cut, (heard, deaf) = time.monotonic(), running.loads
        answer = await stopped(running.house.as_("Ida Safety"), GUIDANCE, seconds=1.0)
        asked = time.monotonic()
        await heard.further(IN_VAIN)
        assert not any(one.card for one in heard.since(asked))
        assert heard.last(200)
        await until(lambda: deaf.last(503), seconds=2 * LEASE)
        await asyncio.sleep(0.3)
    found = answer["confirmation"]
    assert (found["confirmed"], found["of"], found["complete"]) == (1, 2, False)
    (missing,) = (one["worker"] for one in found["workers"] if one["confirmed_at"] is None)
    assert f"NOT CONFIRMED by {missing}" in said_of_stop(answer)
    assert any(one.card for one in deaf.since(asked - 1.0))
    silent = [one.began for one in deaf.answers if one.status == 503]
    assert 0 < min(silent) - cut <= LEASE + 0.5
    assert {one.status for one in deaf.since(min(silent))} == {503}
