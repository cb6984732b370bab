"""Only what distinct, entitled people agreed to on the same bytes moves; every refusal names its rule."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.evidence import Estimate
from services.guidance.release import pack
from services.plumbing.registry_messages import Proposed
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio


async def vote(house: House, proposed: Proposed, who: str, to: str, role: str, **change: Any) -> dict[str, Any]:
    """One vote by someone who read everything, or with some of it changed."""
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    facts: dict[str, Any] = {
        "transition": to,
        "role": role,
        "vote": "approve",
        "release": proposed.release,
        "evidence": [
            *(one["evidence"] for one in known["evidence"]),
            *([known["trial"]["digest"]] if known["trial"] else []),
        ],
        "reason": "read",
    }
    return await house.as_(who).vote(proposed.proposal, **{**facts, **change})


async def state(house: House, proposed: Proposed) -> str:
    """Where the proposal stands."""
    return str((await house.as_("Kim Auditor").proposal(proposed.proposal))["state"])


async def test_a_release_climbs_by_its_quorums(house: House) -> None:
    """Development, silent, pilot: each by its own people, the step taken with the last vote."""
    proposed = await house.propose()
    assert proposed.state == "registered"
    assert [await house.agree(proposed, to) for to in ("development", "silent", "pilot")] == [
        "development",
        "silent",
        "pilot",
    ]


async def test_no_step_is_skipped(house: House) -> None:
    """A proposal cannot be voted into silence, pilot or general use before the steps below."""
    proposed = await house.propose()
    for to in ("silent", "pilot", "general", "registered"):
        with pytest.raises((Refused, BadInput)):
            await vote(house, proposed, "Ann Clinical", to, "clinical-reviewer")
    assert await state(house, proposed) == "registered"


async def test_the_quorum_must_be_complete(house: House) -> None:
    """With one of four missing nothing moves; with the fourth it does."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    assert await house.agree(proposed, "pilot", but=("Dan Privacy",)) == "silent"
    answer = await vote(house, proposed, "Dan Privacy", "pilot", "privacy-security")
    assert answer["state"] == "pilot"
    assert answer["decision"]["agreed"] == {
        "clinical-reviewer": "Ann Clinical",
        "data-science-reviewer": "Ben Data",
        "equity-reviewer": "Cleo Equity",
        "privacy-security": "Dan Privacy",
    }


async def test_one_person_in_two_roles_is_refused(house: House) -> None:
    """Eve is data steward and operations: she fills one of the two, and the step waits for someone else."""
    proposed = await house.propose()
    await vote(house, proposed, "Eve Steward", "development", "data-steward")
    with pytest.raises(Refused, match="one person counts for one role"):
        await vote(house, proposed, "Eve Steward", "development", "operations")
    assert await state(house, proposed) == "registered"
    assert (await vote(house, proposed, "Fay Operations", "development", "operations"))["state"] == "development"


async def test_the_author_is_refused(house: House) -> None:
    """The named author of the release votes in no role, though holding one."""
    bundle = samples.release()
    packs = [pack(samples.training_pack(bundle.digest))]
    proposed = await house.as_("learner").propose(pack(bundle), packs, author=" ann  CLINICAL ")
    await house.agree(proposed, "development")
    with pytest.raises(Refused, match="authored, configured or ran it"):
        await vote(house, proposed, "Ann Clinical", "silent", "clinical-reviewer")


async def test_who_proposed_it_and_who_ran_the_evidence_are_refused(house: House) -> None:
    """Starting a run is authorship too."""
    bundle = samples.release()
    proposed = await house.as_("Eve Steward").propose(pack(bundle), author="Jon Developer")
    with pytest.raises(Refused, match="authored"):
        await vote(house, proposed, "Eve Steward", "development", "data-steward")
    await house.as_("Ben Data").add_evidence(proposed.proposal, pack(samples.training_pack(bundle.digest)))
    with pytest.raises(Refused, match="authored"):
        await vote(house, proposed, "Ben Data", "development", "data-science-reviewer")


@pytest.mark.parametrize("who", ["learner", "cds", "Jon Developer", "Kim Auditor", "Lea Administrator", "Ida Safety"])
async def test_who_never_votes_is_refused(house: House, who: str) -> None:
    """Services, developers, auditors, administrators and the safety officer, in whatever role they also hold."""
    proposed = await house.propose()
    await house.agree(proposed, "development")
    with pytest.raises(NotPermitted, match="may not vote"):
        await vote(house, proposed, who, "silent", "clinical-reviewer")


async def test_a_role_that_one_does_not_hold_is_refused(house: House) -> None:
    """Ann is no equity reviewer; `boss` is no role."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    with pytest.raises(NotPermitted, match="does not hold the role"):
        await vote(house, proposed, "Ann Clinical", "pilot", "equity-reviewer")
    with pytest.raises(BadInput, match="no such role"):
        await vote(house, proposed, "Ann Clinical", "pilot", "boss")


async def test_a_vote_is_bound_to_the_bytes(house: House) -> None:
    """For another release's digest it is refused, and a release with one byte changed begins with no votes."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    other = samples.release(shift=0.001)
    with pytest.raises(Refused, match="another release"):
        await vote(house, proposed, "Ann Clinical", "pilot", "clinical-reviewer", release=other.digest)
    await house.agree(proposed, "pilot", but=("Dan Privacy",))
    changed = await house.propose(other)
    assert changed.release != proposed.release
    assert (await house.as_("Kim Auditor").proposal(changed.proposal))["votes"] == []
    assert changed.state == "registered"


async def test_a_vote_without_the_evidence_is_refused(house: House) -> None:
    """Whoever did not read the silent month does not vote on the pilot."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    training = samples.training_pack(proposed.release).digest
    for evidence in ([], [training], [training, "sha256:" + "0" * 64]):
        with pytest.raises(Refused, match="silent evidence"):
            await vote(house, proposed, "Ann Clinical", "pilot", "clinical-reviewer", evidence=evidence)


async def test_later_evidence_leaves_votes_standing(house: House) -> None:
    """A second silent month, added between two votes, voids neither."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.agree(proposed, "pilot", but=("Dan Privacy",))
    second = samples.silent_pack(proposed.release, decisions=4000)
    await house.as_("learner").add_evidence(proposed.proposal, pack(second))
    assert (await vote(house, proposed, "Dan Privacy", "pilot", "privacy-security"))["state"] == "pilot"


async def test_a_closed_gate_holds_against_a_full_quorum(house: House) -> None:
    """Four people cannot vote a leak into use: the step waits, and the check is named."""
    bundle = samples.release()
    leaking = samples.training_pack(bundle.digest, leaks=samples.leaks(found=("discharge code among the inputs",)))
    proposed = await house.propose(bundle, evidence=(leaking,))
    await house.agree(proposed, "development")
    assert await house.agree(proposed, "silent") == "development"
    answer = await vote(house, proposed, "Ann Clinical", "silent", "clinical-reviewer")
    assert answer["decision"]["failed_checks"] == ["leak-alarms"]
    assert answer["decision"]["missing_roles"] == []


async def test_a_doubt_is_accepted_by_name_with_a_reason(house: House) -> None:
    """An alert burden that cannot be told passes only when the clinical reviewer accepts just that, and says why."""
    bundle = samples.release()
    unsure = Estimate(value=0.2, ci=(0.15, 0.25))
    packs = (samples.training_pack(bundle.digest), samples.silent_pack(bundle.digest, alert_rate=unsure))
    proposed = await house.propose(bundle, evidence=packs)
    await house.climb(proposed, "silent")
    assert await house.agree(proposed, "pilot") == "silent"
    with pytest.raises(BadInput, match="need a reason"):
        await vote(house, proposed, "Ann Clinical", "pilot", "clinical-reviewer", accepts=["alert-burden"], reason=" ")
    answer = await vote(
        house, proposed, "Ann Clinical", "pilot", "clinical-reviewer", accepts=["alert-burden"], reason="one ward first"
    )
    assert answer["state"] == "pilot"


async def test_a_rejection_blocks_until_its_author_withdraws_it(house: House) -> None:
    """Everyone else's agreement does not outweigh it; it stays in the memory after it is withdrawn."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await vote(house, proposed, "Cleo Equity", "pilot", "equity-reviewer", vote="reject", reason="no language data")
    assert await house.agree(proposed, "pilot", but=("Cleo Equity",)) == "silent"
    with pytest.raises(BadInput, match="need a reason"):
        await vote(house, proposed, "Cleo Equity", "pilot", "equity-reviewer", vote="reject", reason="")
    await vote(house, proposed, "Cleo Equity", "pilot", "equity-reviewer", vote="withdraw")
    assert (await vote(house, proposed, "Cleo Equity", "pilot", "equity-reviewer"))["state"] == "pilot"
    told = [one for one in (await house.as_("Kim Auditor").ledger())["entries"] if one["action"] == "voted"]
    assert [one["detail"]["vote"] for one in told if one["actor"] == "Cleo Equity"] == ["reject", "withdraw", "approve"]
    assert told[-1]["subject"] == proposed.release


async def test_dissent_is_written_into_the_decision(house: House) -> None:
    """A statistician who says no does not block a pilot, and stands beside those who said yes."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await vote(house, proposed, "Hal Statistics", "pilot", "statistician", vote="reject", reason="wide interval")
    assert await house.agree(proposed, "pilot") == "pilot"
    moved = (await house.as_("Kim Auditor").ledger())["entries"][-1]
    assert (moved["action"], moved["detail"]["to"]) == ("moved", "pilot")
    assert moved["detail"]["dissent"] == {"statistician": "Hal Statistics"}
    assert {check["verdict"] for check in moved["detail"]["checks"]} == {"meets"}


async def test_votes_of_a_former_stage_are_spent(house: House) -> None:
    """After a stop the quorum starts from nothing, and goes no higher than where it was stopped."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    await house.as_("Ida Safety").suspend("small", reason="drill")
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    steps = {step["to"]: step for step in known["steps"]}
    assert known["state"] == "suspended"
    assert len(steps["pilot"]["missing_roles"]) == 4
    with pytest.raises(Refused, match="can return no higher"):
        await vote(house, proposed, "Ann Clinical", "general", "clinical-reviewer")
    assert await house.agree(proposed, "pilot") == "pilot"


async def test_a_stop_is_no_vote(house: House) -> None:
    """Voting on it would only delay it."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    with pytest.raises(Refused, match="one person and no vote"):
        await vote(house, proposed, "Ann Clinical", "suspended", "clinical-reviewer")


async def test_retired_never_returns(house: House) -> None:
    """Neither by a vote nor by proposing the same bytes again."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    assert await house.agree(proposed, "retired") == "retired"
    with pytest.raises(Refused, match="never returns"):
        await vote(house, proposed, "Ann Clinical", "pilot", "clinical-reviewer")
    with pytest.raises(Refused, match="never returns"):
        await house.propose()


async def test_a_vote_on_nothing_is_not_found(house: House) -> None:
    """And an impossible step or vote is the caller's fault."""
    client = house.as_("Ann Clinical")
    facts: dict[str, Any] = {"role": "clinical-reviewer", "release": samples.RELEASE, "evidence": []}
    with pytest.raises(NotFound):
        await client.vote("nothing", transition="pilot", vote="approve", **facts)
    with pytest.raises(BadInput):
        await client.vote("nothing", transition="heaven", vote="approve", **facts)
    with pytest.raises(BadInput):
        await client.vote("nothing", transition="pilot", vote="maybe", **facts)  # type: ignore[arg-type]
