"""Sessions that vote, stop and file at the same moment, on both databases: one step is taken once, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.guidance.errors import Refused
from services.plumbing.registry_messages import Proposed
from services.registry.settings import RegistrySettings
from tests.registry import samples
from tests.registry.conftest import VOTERS, Clock, House, running

pytestmark = pytest.mark.anyio
ROLES = ("clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security")


async def cast(house: House, proposed: Proposed, known: Mapping[str, Any], role: str) -> dict[str, Any]:
    """One person's approval of the pilot, on what was known then."""
    return await house.as_(VOTERS[role]).vote(
        proposed.proposal, transition="pilot", role=role, vote="approve", release=proposed.release, reason="read",
        evidence=[*(one["evidence"] for one in known["evidence"]), known["trial"]["digest"]],
    )  # fmt: skip


async def test_racing_sessions(database: str, tmp_path: Path) -> None:
    """A double vote counts once, two last votes take one step, a stop beside them wins, and a late vote is refused."""
    async with running(RegistrySettings(var=tmp_path, policy="standard", database_url=database), Clock()) as house:
        proposed = await house.propose()
        await house.climb(proposed, "silent")
        await house.make_ready(proposed)
        known = await house.as_("Kim Auditor").proposal(proposed.proposal)

        twice = await asyncio.gather(*(cast(house, proposed, known, ROLES[0]) for _ in range(4)))
        assert {answer["state"] for answer in twice} == {"silent"}
        now = await house.as_("Kim Auditor").proposal(proposed.proposal)
        assert len([one for one in now["votes"] if one["transition"] == "pilot"]) == 4
        assert now["steps"][0]["agreed"] == {ROLES[0]: "Ann Clinical"}

        rest = await asyncio.gather(*(cast(house, proposed, known, role) for role in ROLES[1:]))
        assert sorted(answer["state"] for answer in rest) == ["pilot", "silent", "silent"]
        with pytest.raises(Refused, match="it is in pilot already"):
            await cast(house, proposed, known, ROLES[0])

        await house.as_("Ida Safety").suspend("small")
        stopped = [house.as_("Fay Operations").suspend("small") for _ in range(2)]
        await asyncio.gather(*stopped, *(cast(house, proposed, known, role) for role in ROLES[:3]))
        entries = (await house.as_("Kim Auditor").ledger())["entries"]
        moves = [one["detail"]["to"] for one in entries if one["action"] in ("moved", "suspended")]
        assert moves == ["development", "silent", "pilot", "suspended"]

        # The last vote, and a new trial that nobody has read: whichever comes first, nobody speaks by a vote that is void.
        filed, last = await asyncio.gather(
            house.as_("Jon Developer").file_trial(proposed.proposal, {**samples.PLAN, "id": "second"}),
            cast(house, proposed, known, ROLES[3]),
            return_exceptions=True,
        )
        assert isinstance(filed, dict)
        after = await house.as_("Kim Auditor").proposal(proposed.proposal)
        spoke = isinstance(last, dict) and last["state"] == "pilot"
        assert after["state"] == ("pilot" if spoke else "suspended")
        if not spoke:
            assert isinstance(last, Refused)
            assert "does not name the trial" in str(last)


async def test_two_closings_take_one_step(database: str, tmp_path: Path) -> None:
    """A condition that two people close at once is closed once, and the step that waited for it is taken once."""
    async with running(RegistrySettings(var=tmp_path, policy="standard", database_url=database), Clock()) as house:
        proposed = await house.propose()
        await house.climb(proposed, "silent")
        await house.agree(proposed, "pilot", but=("Ann Clinical",))
        known = await house.as_("Kim Auditor").proposal(proposed.proposal)
        await house.as_("Ann Clinical").vote(
            proposed.proposal, transition="pilot", role="clinical-reviewer", vote="approve-with-conditions",
            release=proposed.release, reason="read", conditions=[{"text": "a leaflet", "closes": "operations"}],
            evidence=[*(one["evidence"] for one in known["evidence"]), known["trial"]["digest"]],
        )  # fmt: skip
        number = (await house.as_("Kim Auditor").proposal(proposed.proposal))["conditions"][0]["number"]
        answers = await asyncio.gather(
            *(house.as_(who).close_condition(proposed.proposal, number, how="seen") for who in ("Fay Operations", "Eve Steward")),
            return_exceptions=True,
        )  # fmt: skip
        assert sorted(type(one).__name__ for one in answers) == ["Refused", "dict"]
        entries = (await house.as_("Kim Auditor").ledger())["entries"]
        assert [one["detail"]["to"] for one in entries if one["action"] == "moved"].count("pilot") == 1
