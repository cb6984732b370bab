"""A site's own policy is decided by operations, bounded, kept in the ledger, and signed with a digest of its own."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.manifest import policy_digest
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.deployed.test_deployments import manifests

pytestmark = pytest.mark.anyio
OPERATIONS = "Fay Operations"
QUIET = {"cooldown_hours": 48.0}


async def test_what_a_site_decides_is_in_the_signed_manifest(house: House) -> None:
    """With its digest, beside the release, which stays the same; a new release of the guidance begins with it."""
    old = await house.propose()
    await house.climb(old, "silent")
    (before,) = await manifests(house)
    found = await house.as_(OPERATIONS).set_overlay("small", "north", QUIET)
    (manifest,) = await manifests(house)
    assert manifest.policy.overlay == {"north": QUIET}
    assert manifest.policy.digest == policy_digest("standard", {"north": QUIET}) != before.policy.digest
    assert found["policy_digests"] == {old.release: manifest.policy.digest}
    told = (await house.as_("Kim Auditor").ledger())["entries"][-1]
    assert (told["action"], told["actor"], told["detail"]["before"]) == ("overlay set", OPERATIONS, {})
    await house.climb(await house.propose(samples.release(shift=0.1)), "silent")
    assert [one.policy.overlay for one in await manifests(house) if one.runs] == [{"north": QUIET}]
    await house.as_(OPERATIONS).set_overlay("small", "north", {})
    assert (await house.as_("Kim Auditor").overlay("small"))["overlay"] == {}


@pytest.mark.parametrize(
    ("who", "site", "part", "fault"),
    [
        ("Ann Clinical", "north", QUIET, NotPermitted),
        ("learner", "north", QUIET, NotPermitted),
        (OPERATIONS, "a site", QUIET, BadInput),
        (OPERATIONS, "north", {"cooldown_hours": -1}, BadInput),
        (OPERATIONS, "north", {"snooze": {"nobody-says": 4}}, BadInput),
        (OPERATIONS, "north", {"risk_tier": "low"}, Refused),
        (OPERATIONS, "north", {"without_risk": "speak"}, Refused),
        (OPERATIONS, "north", {"bands": [{"name": "high", "when": "risk >= 0.3", "card": "visit"}]}, Refused),
    ],
)
async def test_what_goes_too_far_is_refused_and_changes_nothing(
    house: House, who: str, site: str, part: dict[str, Any], fault: type[Exception]
) -> None:
    """Not by everyone, not what cannot be applied, not what needs a new release."""
    await house.climb(await house.propose(), "silent")
    (before,) = (await house.as_("cds").manifests()).manifests
    with pytest.raises(fault):
        await house.as_(who).set_overlay("small", site, part)
    assert (await house.as_("cds").manifests()).manifests == (before,)


async def test_there_is_no_overlay_of_what_is_not_deployed(house: House) -> None:
    """A misspelt name changes nothing."""
    with pytest.raises(NotFound):
        await house.as_(OPERATIONS).set_overlay("smal", "north", QUIET)
