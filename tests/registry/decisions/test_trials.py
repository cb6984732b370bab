"""A trial is filed, read by everyone who votes, signed with the stage, and never in force without that vote."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.errors import NotPermitted, Refused
from services.guidance.manifest import Manifest, check_manifest
from services.plumbing.keys import verify
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput
from tests.registry.conftest import Clock, House, running

pytestmark = pytest.mark.anyio

PLAN: dict[str, Any] = {
    "id": "tea-1",
    "unit": "patient",
    "arms": [{"name": "show", "weight": 9, "shows": True}, {"name": "withheld", "weight": 1, "shows": False}],
}


async def manifest_of(house: House) -> Manifest:
    """The one manifest, as a CDS verifies it."""
    client = house.as_("cds")
    (signed,) = (await client.manifests()).manifests
    return check_manifest(verify(signed, await client.public_keys()), house.clock.now, 0)


async def test_a_trial_is_signed_with_the_stage_that_was_voted_for(database: str, tmp_path: Any, clock: Clock) -> None:
    """Filed in the silent stage, in force in the pilot: key and arms are in the manifest, the digest in the ledger."""
    settings = RegistrySettings(var=tmp_path, policy="standard", database_url=database)
    async with running(settings, clock) as house:
        proposed = await house.propose()
        await house.climb(proposed, "silent")
        filed = (await house.as_("Jon Developer").file_trial(proposed.proposal, PLAN))["trial"]
        assert (await manifest_of(house)).in_trial is None
        await house.agree(proposed, "pilot")
        trial = (await manifest_of(house)).in_trial
        assert trial is not None
        assert (trial.id, trial.unit, trial.digest) == ("tea-1", "patient", filed["digest"])
        assert [(arm.name, trial.probability_of(arm), arm.shows) for arm in trial.arms] == [
            ("show", 0.9, True), ("withheld", 0.1, False),
        ]  # fmt: skip
        told = [(one["action"], one["detail"]) for one in (await house.as_("Kim Auditor").ledger())["entries"]]
        assert dict(told)["trial filed"]["trial"] == filed
        assert next(d for a, d in told if a == "moved" and d["to"] == "pilot")["trial"] == filed["digest"]
        assert trial.seed not in str(told)
        (shown,) = await house.as_("Kim Auditor").guidance()
        assert shown["releases"][0]["deployment"]["trial"] == filed
        page = (await house.http.get(f"/releases/{proposed.release}/page")).text
        assert "10.0% of patients see none, for comparison (withheld)" in page
        assert trial.seed not in page


async def test_a_vote_that_has_not_read_the_trial_does_not_count(house: House) -> None:
    """Neither one cast before it was filed, nor one that does not name it; a rejection needs no reading."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.agree(proposed, "pilot", but=("Dan Privacy",))
    await house.as_("Jon Developer").file_trial(proposed.proposal, PLAN)
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    step = next(one for one in known["steps"] if one["to"] == "pilot")
    assert len(step["missing_roles"]) == 4
    assert all("does not name the trial" in one["why"] for one in step["not_counted"])
    ballot: dict[str, Any] = {
        "transition": "pilot", "role": "privacy-security", "release": proposed.release, "reason": "no",
        "evidence": [one["evidence"] for one in known["evidence"]],
    }  # fmt: skip
    with pytest.raises(Refused, match="does not name the trial"):
        await house.as_("Dan Privacy").vote(proposed.proposal, vote="approve", **ballot)
    assert (await house.as_("Dan Privacy").vote(proposed.proposal, vote="reject", **ballot))["state"] == "silent"
    assert await house.agree(proposed, "pilot") == "pilot"


async def test_a_trial_filed_later_withholds_nothing_until_the_next_vote(house: House) -> None:
    """In the pilot the arms stay as voted for; after a stop, the vote to return takes the new ones, with a new key."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.as_("Jon Developer").file_trial(proposed.proposal, PLAN)
    await house.agree(proposed, "pilot")
    first = (await manifest_of(house)).in_trial
    await house.as_("Jon Developer").file_trial(proposed.proposal, PLAN)
    assert (await manifest_of(house)).in_trial == first
    await house.as_("Ida Safety").suspend("small")
    await house.agree(proposed, "pilot")
    second = (await manifest_of(house)).in_trial
    assert first is not None
    assert second is not None
    assert second.arms == first.arms
    assert second.seed != first.seed


async def test_the_silent_stage_has_no_arms(house: House) -> None:
    """Back in silence nothing is shown to anybody, and the manifest names no trial."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.as_("Jon Developer").file_trial(proposed.proposal, PLAN)
    await house.agree(proposed, "pilot")
    await house.as_("Ida Safety").suspend("small")
    await house.agree(proposed, "silent")
    assert (await manifest_of(house)).in_trial is None


async def test_who_files_a_trial_does_not_vote_on_it(house: House) -> None:
    """Who configured it joins the authors; who may not propose may not file; a plan that is none is refused."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.as_("Ben Data").file_trial(proposed.proposal, PLAN)
    with pytest.raises(Refused, match="does not vote on it"):
        await house.agree(proposed, "pilot")
    with pytest.raises(NotPermitted):
        await house.as_("Gil Patient").file_trial(proposed.proposal, PLAN)
    with pytest.raises(BadInput, match="unit"):
        await house.as_("Jon Developer").file_trial(proposed.proposal, PLAN | {"unit": "ward"})
