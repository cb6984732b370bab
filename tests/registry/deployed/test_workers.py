"""Who has confirmed a change is known by name; who fell silent is not forgotten before its lease is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.guidance.errors import NotFound, NotPermitted
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_messages import Acknowledgement
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio


@pytest.fixture
def kept_in(database: str) -> str:
    """Both databases: what was there before is found in either."""
    return database


async def deployed(house: House) -> str:
    """A guidance in silence; the id of its deployment."""
    await house.climb(await house.propose(), "silent")
    (one,) = (await house.as_("Kim Auditor").guidance())[0]["releases"]
    return str(one["deployment"]["deployment"])


async def says(cds: RegistryClient, worker: str, deployment: str, *, stage: str) -> None:
    """A worker confirms what it was told last."""
    head = (await cds.manifests(worker=worker)).head
    said = Acknowledgement(
        worker=worker, deployment=deployment, guidance="small", release=None, stage=stage,  # type: ignore[arg-type]
        ledger_number=head.number, at="then",
    )  # fmt: skip
    await cds.acknowledge([said])


async def test_a_stop_is_confirmed_by_each_worker(house: House) -> None:
    """None at first, then one of two, then both; what they said before the stop does not count."""
    deployment, cds = await deployed(house), house.as_("cds")
    for worker in ("a-1", "a-2"):
        await says(cds, worker, deployment, stage="silent")
    running = await cds_confirmation(house)
    assert (running["runs"], running["confirmed"], running["of"]) == (True, 2, 2)
    await house.as_("Ida Safety").suspend("small")
    assert (await cds_confirmation(house))["confirmed"] == 0
    await says(cds, "a-1", deployment, stage="suspended")
    half = await cds_confirmation(house)
    assert (half["runs"], half["confirmed"], half["of"], half["complete"]) == (False, 1, 2, False)
    await says(cds, "a-2", deployment, stage="suspended")
    assert (await cds_confirmation(house))["complete"]


async def test_a_silent_worker_counts_until_its_lease_is_over(house: House) -> None:
    """With the moment at which it surely says nothing more; after that nobody waits for it."""
    await deployed(house)
    await house.as_("cds").manifests(worker="a-1", after=0, wait=0)
    await house.as_("Ida Safety").suspend("small")
    (waited,) = (await cds_confirmation(house))["workers"]
    assert waited["confirmed_at"] is None
    assert waited["may_speak_until"] == "2026-11-22T18:02:07.000000Z"
    house.clock.now += timedelta(hours=4, seconds=1)
    assert (await cds_confirmation(house))["of"] == 0


async def test_a_worker_that_said_goodbye_is_not_waited_for(house: House) -> None:
    """Nor does what it confirmed stand for anybody else."""
    deployment, cds = await deployed(house), house.as_("cds")
    await says(cds, "a-1", deployment, stage="silent")
    await cds.goodbye("a-1")
    assert (await cds_confirmation(house))["workers"] == []
    await cds.manifests(worker="a-1")
    assert (await cds_confirmation(house))["confirmed"] == 0


async def test_what_is_not_there_is_not_confirmed(house: House) -> None:
    """A misspelt name must not look like a stop that everyone heard; only a service may say goodbye."""
    with pytest.raises(NotFound):
        await house.as_("Kim Auditor").confirmation("smal")
    with pytest.raises(NotPermitted):
        await house.as_("Ida Safety").goodbye("a-1")


async def cds_confirmation(house: House) -> dict[str, Any]:
    """As a person reads it."""
    return await house.as_("Kim Auditor").confirmation("small")
