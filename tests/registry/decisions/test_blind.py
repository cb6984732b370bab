"""Before one's own vote the API tells who has voted on a step, and nothing from which the direction could be read."""

from __future__ import annotations

from typing import Any

import pytest

from services.plumbing.registry_client import Proposed
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio
WORD = "a word of Ann's"


async def ann_says(house: House, choice: str) -> Proposed:
    """A release in silence on whose pilot Ann has voted."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.make_ready(proposed)
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    await house.as_("Ann Clinical").vote(
        proposed.proposal, transition="pilot", role="clinical-reviewer", vote=choice, release=proposed.release,  # type: ignore[arg-type]
        evidence=[*(one["evidence"] for one in known["evidence"]), known["trial"]["digest"]], reason=WORD,
        conditions=[{"text": WORD}] if choice == "approve-with-conditions" else [],
    )  # fmt: skip
    return proposed


async def seen(house: House, who: str, proposed: Proposed) -> dict[str, Any]:
    """The proposal as one person gets it, but for what differs between two houses anyway."""
    known = await house.as_(who).proposal(proposed.proposal)
    return {"votes": known["votes"], "steps": known["steps"], "conditions": known["conditions"]}


@pytest.mark.parametrize("choice", ["approve", "approve-with-conditions", "reject", "not-enough-evidence"])
async def test_a_voter_cannot_tell_one_direction_from_another(house: House, choice: str) -> None:
    """Whatever Ann said, Ben reads the same: that she has voted, that nobody else has, and no word of hers."""
    told = await seen(house, "Ben Data", await ann_says(house, choice))
    step = next(one for one in told["steps"] if one["to"] == "pilot")
    assert step["voted"] == ["clinical-reviewer"]
    assert step["missing_roles"] == ["data-science-reviewer", "equity-reviewer", "privacy-security"]
    assert step["failed_checks"] == []
    assert [(one["person"], one["vote"]) for one in told["votes"] if one["transition"] == "pilot"] == [
        ("Ann Clinical", None)
    ]
    assert told["conditions"] == []
    assert WORD not in str(told)
    assert not any(step[name] for name in ("agreed", "rejected_by", "unconvinced", "dissent", "not_counted"))


@pytest.mark.parametrize("who", ["Ann Clinical", "Kim Auditor", "Jon Developer"])
async def test_who_has_voted_or_never_votes_is_told(house: House, who: str) -> None:
    """Ann herself, the auditor, and the author see the no and its reason."""
    told = await seen(house, who, await ann_says(house, "reject"))
    step = next(one for one in told["steps"] if one["to"] == "pilot")
    assert [one["person"] for one in step["rejected_by"]] == ["Ann Clinical"]
    assert "clinical-reviewer" in step["missing_roles"]
    assert WORD in str(told["votes"])


async def test_votes_of_steps_that_were_taken_are_told(house: House) -> None:
    """What was decided is open to everyone who may read."""
    told = await seen(house, "Ben Data", await ann_says(house, "reject"))
    assert {one["vote"] for one in told["votes"] if one["transition"] == "silent"} == {"approve"}
