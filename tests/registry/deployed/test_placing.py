"""Where a release speaks is decided after the vote, by operations, within what the vote allows; CDS is told of it, signed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.manifest import Manifest
from services.plumbing.registry_client import Proposed
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.conftest import Clock, House, running
from tests.registry.deployed.test_deployments import manifests

pytestmark = pytest.mark.anyio
OPERATIONS = "Fay Operations"


async def two_in_pilot(house: House) -> tuple[Proposed, Proposed]:
    """An older release that speaks everywhere, and a newer one that is silent and may speak."""
    old, new = await house.propose(), await house.propose(samples.release(shift=0.1))
    await house.climb(old, "pilot")
    await house.climb(new, "silent")
    return old, new


async def by_release(house: House) -> dict[str, Manifest]:
    """What CDS is told, by release."""
    return {str(one.release): one for one in await manifests(house)}


async def test_a_canary_runs_beside_the_release_that_speaks(house: House) -> None:
    """The manifest carries share, places, time and fallback; both are signed, and the ledger says who decided what."""
    old, new = await two_in_pilot(house)
    await house.agree(new, "pilot")  # it takes the place of the old one, which stays approved
    until = house.clock.now + timedelta(days=14)
    placed = await house.as_(OPERATIONS).deploy(
        "small", new.release, sites=["north"], share=5.0, ends_at=until.isoformat(), fallback=old.release
    )
    manifest = (await by_release(house))[new.release]
    assert manifest.where.sites == ("north",)
    assert manifest.share is not None
    assert (manifest.share.of_10000, manifest.ends_at, manifest.fallback) == (500, until, old.release)
    assert placed["decided_by"] == OPERATIONS
    told = (await house.as_("Kim Auditor").ledger())["entries"][-1]
    assert (told["action"], told["role"], told["detail"]["share"]) == ("deployed", "operations", 500)
    assert manifest.decided == told["number"]


async def test_a_place_for_everybody_replaces_and_a_stop_of_it_falls_back(house: House) -> None:
    """The one that was named speaks again at once, without a vote: it is approved, and nobody stopped it."""
    old, new = await two_in_pilot(house)
    await house.agree(new, "pilot")
    await house.as_(OPERATIONS).deploy("small", new.release, fallback=old.release)
    (told,) = await manifests(house)
    known = {one["release"]: one["deployment"] for one in await house.as_("Kim Auditor").deployments()}
    assert (told.release, told.replaces) == (new.release, (known[old.release],))
    assert (await house.as_("Ida Safety").suspend("small", release=new.release))["stopped"] == [new.release]
    stages = {release: one.stage for release, one in (await by_release(house)).items()}
    assert stages == {old.release: "pilot", new.release: "suspended"}
    entries = (await house.as_("Kim Auditor").ledger())["entries"][-2:]
    assert [one["action"] for one in entries] == ["suspended", "fell back"]


async def test_a_stop_of_all_leaves_nothing_to_fall_back_to(house: House) -> None:
    """What was replaced is stopped with it, is told to the workers, and comes back by quorum only."""
    old, new = await two_in_pilot(house)
    await house.agree(new, "pilot")
    await house.as_(OPERATIONS).deploy("small", new.release, fallback=old.release)
    await house.as_("Ida Safety").suspend("small")
    assert {one.stage for one in await manifests(house)} == {"suspended"}
    assert len(await manifests(house)) == 2
    await house.agree(new, "pilot")
    with pytest.raises(Refused, match="only what is approved to speak"):
        await house.as_(OPERATIONS).deploy("small", new.release, fallback=old.release)


async def test_a_site_of_its_own_leaves_the_others_to_the_release_before(house: House) -> None:
    """Returned by its quorum, the older one runs beside it where operations put it."""
    old, new = await two_in_pilot(house)
    await house.as_(OPERATIONS).deploy("small", old.release, sites=["south"])
    told = await by_release(house)
    assert (told[old.release].where.sites, told[new.release].stage) == (("south",), "silent")
    await house.as_(OPERATIONS).deploy("small", new.release, sites=["north"])
    await house.agree(new, "pilot")  # the vote lets it speak; its place stays as it was decided
    placed = await house.as_(OPERATIONS).deploy("small", new.release, sites=["north"], stage="pilot")
    told = await by_release(house)
    assert {release: one.where.sites for release, one in told.items()} == {
        old.release: ("south",), new.release: ("north",)
    }  # fmt: skip
    assert placed["stage"] == told[new.release].stage == "pilot"


@pytest.mark.parametrize(
    ("who", "asked", "fault"),
    [
        ("Ann Clinical", {}, NotPermitted),
        ("learner", {}, NotPermitted),
        (OPERATIONS, {"stage": "general"}, Refused),
        (OPERATIONS, {"stage": "retired"}, BadInput),
        (OPERATIONS, {"share": 5.0, "stage": "silent"}, Refused),
        (OPERATIONS, {"hooks": ["order-sign"]}, BadInput),
        (OPERATIONS, {"sites": ["no\tsite"]}, BadInput),
        (OPERATIONS, {"sites": []}, BadInput),
        (OPERATIONS, {"ends_at": "2020-01-01T00:00:00Z"}, BadInput),
        (OPERATIONS, {"ends_at": "2027-01-01T00:00:00"}, BadInput),
        (OPERATIONS, {"fallback": "sha256:" + "0" * 64}, NotFound),
        (OPERATIONS, {"nobody": "knows this"}, BadInput),
    ],
)
async def test_not_everything_may_be_decided_by_everyone(
    house: House, who: str, asked: dict[str, Any], fault: type[Exception]
) -> None:
    """Neither by reviewers and services, nor more than the vote allows, nor what cannot be meant."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    before = (await house.as_("Kim Auditor").ledger())["head"]
    with pytest.raises(fault):
        await house.as_(who).deploy("small", proposed.release, **asked)
    assert (await house.as_("Kim Auditor").ledger())["head"] == before


async def test_what_no_vote_allows_is_not_deployed(house: House) -> None:
    """A release in development, and one that was stopped."""
    proposed = await house.propose()
    await house.climb(proposed, "development")
    with pytest.raises(Refused, match="in development"):
        await house.as_(OPERATIONS).deploy("small", proposed.release)
    await house.agree(proposed, "silent")
    await house.as_("Ida Safety").suspend("small")
    with pytest.raises(Refused, match="in suspended"):
        await house.as_(OPERATIONS).deploy("small", proposed.release)


async def test_where_a_decision_must_follow_the_vote_lets_speak_and_nothing_speaks_yet(
    tmp_path: Path, clock: Clock
) -> None:
    """The release stays silent until operations say where; from then on it speaks there."""
    settings = RegistrySettings(var=tmp_path, policy="standard", deploys="by decision")
    async with running(settings, clock) as house:
        proposed = await house.propose()
        assert await house.climb(proposed, "pilot") == "pilot"
        assert [one.stage for one in await manifests(house)] == ["silent"]
        await house.as_(OPERATIONS).deploy("small", proposed.release, sites=["north"])
        assert [(one.stage, one.where.sites) for one in await manifests(house)] == [("pilot", ("north",))]


async def test_a_stop_beats_a_deployment_that_races_it(house: House) -> None:
    """Whichever comes first, nothing speaks when both are done."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    await asyncio.gather(
        house.as_(OPERATIONS).deploy("small", proposed.release, sites=["north"]),
        house.as_("Ida Safety").suspend("small"),
        return_exceptions=True,
    )
    assert {one.stage for one in await manifests(house)} == {"suspended"}
