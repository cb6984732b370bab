"""What people say besides yes and no: conditions, questions, conflicts, doubts with a plan; and that their words end."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.release import pack
from services.plumbing.registry_messages import Proposed
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.decisions.test_votes import state, vote

pytestmark = pytest.mark.anyio

WALK = "a leaflet on the ward"


async def waiting(house: House, *, but: str = "Ann Clinical") -> Proposed:
    """A release for whose pilot everybody agreed but one."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    assert await house.agree(proposed, "pilot", but=(but,)) == "silent"
    return proposed


async def ann(house: House, proposed: Proposed, **change: Any) -> dict[str, Any]:
    """Ann votes on the pilot."""
    return await vote(house, proposed, "Ann Clinical", "pilot", "clinical-reviewer", **change)


def condition(**change: Any) -> dict[str, Any]:
    """A vote with one condition."""
    return {"vote": "approve-with-conditions", "conditions": [{"text": WALK, **change}]}


async def test_a_blocking_condition_holds_the_step_until_it_is_closed(house: House) -> None:
    """The quorum is complete and it waits; closed by the role that was named, the step is taken at once."""
    proposed = await waiting(house)
    answer = await ann(house, proposed, **condition(closes="operations"))
    assert (answer["state"], answer["decision"]["missing_roles"]) == ("silent", [])
    assert answer["decision"]["failed_checks"] == ["conditions"]
    for who in ("Dan Privacy", "Jon Developer", "Kim Auditor"):
        with pytest.raises(NotPermitted):
            await house.as_(who).close_condition(proposed.proposal, 1, how="seen")
    with pytest.raises(BadInput, match="how it was met"):
        await house.as_("Fay Operations").close_condition(proposed.proposal, 1, how=" ")
    closed = await house.as_("Fay Operations").close_condition(proposed.proposal, 1, how="seen on the ward")
    assert closed["state"] == "pilot"
    with pytest.raises(Refused, match="it is closed"):
        await house.as_("Fay Operations").close_condition(proposed.proposal, 1, how="again")
    with pytest.raises(NotFound):
        await house.as_("Fay Operations").close_condition(proposed.proposal, 99, how="again")


async def test_a_condition_for_later_holds_the_next_step(house: House) -> None:
    """The pilot begins; general use must wait for it."""
    proposed = await waiting(house)
    assert (await ann(house, proposed, **condition(blocking=False)))["state"] == "pilot"
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert "conditions" in next(one for one in known["steps"] if one["to"] == "general")["failed_checks"]
    assert "conditions" not in next(one for one in known["steps"] if one["to"] == "retired")["failed_checks"]


async def test_a_condition_lapses_with_the_vote_that_set_it(house: House) -> None:
    """Whoever set it may think better of it; then it is neither open nor closed."""
    proposed = await waiting(house)
    await ann(house, proposed, **condition())
    assert (await ann(house, proposed))["state"] == "pilot"
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert [one["state"] for one in known["conditions"]] == ["lapsed"]


async def test_conditions_belong_to_conditional_votes(house: House) -> None:
    """Neither without the other, and only roles that vote may close one."""
    proposed = await waiting(house)
    for change in (
        {"vote": "approve-with-conditions"},
        {"conditions": [{"text": WALK}]},
        condition(closes="administrator"),
        condition(text=" "),
    ):
        with pytest.raises(BadInput, match="conditions"):
            await ann(house, proposed, **change)


async def test_not_enough_evidence_holds_the_step_and_is_no_rejection(house: House) -> None:
    """Another person in that role cannot outvote it; it is told apart from a no."""
    proposed = await waiting(house)
    answer = await ann(house, proposed, vote="not-enough-evidence", reason="one winter only")
    assert [one["person"] for one in answer["decision"]["unconvinced"]] == ["Ann Clinical"]
    assert answer["decision"]["rejected_by"] == []
    assert (await ann(house, proposed))["state"] == "pilot"


async def test_a_conflict_of_interest_is_kept_and_not_counted(house: House) -> None:
    """Whatever is voted with it or after it; the declaration is in the memory."""
    proposed = await waiting(house)
    answer = await ann(house, proposed, conflict="my spouse wrote the score")
    assert (answer["state"], answer["decision"]["missing_roles"]) == ("silent", ["clinical-reviewer"])
    assert "conflict" in answer["decision"]["not_counted"][0]["why"]
    with pytest.raises(Refused, match="conflict of interest"):
        await ann(house, proposed)
    told = (await house.as_("Kim Auditor").ledger())["entries"][-1]
    assert told["detail"]["conflict"] == "my spouse wrote the score"
    assert await state(house, proposed) == "silent"


async def test_an_earlier_word_does_not_count_once_a_conflict_is_declared(house: House) -> None:
    """Nor does a rejection: who has an interest holds nothing up."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.make_ready(proposed)
    await ann(house, proposed, vote="reject", reason="no")
    answer = await ann(house, proposed, vote="reject", reason="no", conflict="I sell another")
    assert answer["decision"]["rejected_by"] == []
    assert len(answer["decision"]["not_counted"]) == 2


async def test_approvals_expire(house: House) -> None:
    """After the days of the policy an approval does not count and says so; a vote cast then needs the others anew."""
    proposed = await waiting(house)
    house.clock.pass_time(days=181)
    answer = await ann(house, proposed)
    assert answer["state"] == "silent"
    assert set(answer["decision"]["missing_roles"]) == {"data-science-reviewer", "equity-reviewer", "privacy-security"}
    assert "expired on 2027-05-21; vote again" in answer["decision"]["not_counted"][0]["why"]
    assert await house.agree(proposed, "pilot") == "pilot"


async def test_a_proposal_of_which_nothing_comes_lapses(house: House) -> None:
    """Nobody votes on it any more, until it is proposed again; what runs does not lapse."""
    proposed = await house.propose()
    house.clock.pass_time(days=366)
    with pytest.raises(Refused, match="lapsed on 2027-11-22"):
        await vote(house, proposed, "Eve Steward", "development", "data-steward")
    await house.propose()
    assert await house.climb(proposed, "silent") == "silent"
    house.clock.pass_time(days=366)
    assert await house.agree(proposed, "pilot") == "pilot"
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert known["review_by"] == "2029-11-23"


async def test_a_doubt_about_groups_needs_a_plan(house: House) -> None:
    """The equity reviewer alone may accept it, and only by saying how it will be found out."""
    bundle = samples.release()
    unsure = samples.groups(bundle.digest, samples.group("race", "asian", small=True))
    training = samples.training_pack(bundle.digest, files={"evidence.json": unsure})
    proposed = await house.propose(bundle, evidence=(training, samples.silent_pack(bundle.digest)))
    await house.climb(proposed, "silent")
    assert await house.agree(proposed, "pilot", but=("Cleo Equity",)) == "silent"
    accept: dict[str, Any] = {"accepts": ["groups/race"], "reason": "few, but watched"}
    with pytest.raises(BadInput, match="a plan to find out"):
        await vote(house, proposed, "Cleo Equity", "pilot", "equity-reviewer", **accept)
    with pytest.raises(BadInput, match="belongs to a check that is accepted"):
        await vote(house, proposed, "Cleo Equity", "pilot", "equity-reviewer", plans={"groups/sex": "x"})
    assert await state(house, proposed) == "silent"
    plans = {"groups/race": "weighed again after 400 stays, by Cleo"}
    answer = await vote(house, proposed, "Cleo Equity", "pilot", "equity-reviewer", **accept, plans=plans)
    assert answer["state"] == "pilot"


async def test_a_blocking_question_holds_every_step_until_it_is_closed(house: House) -> None:
    """The author replies, who asked or their role closes, and the step that waited is taken."""
    proposed = await waiting(house)
    made = await house.as_("Hal Statistics").ask(
        proposed.proposal, "Who reads it at night?", role="statistician", blocking=True
    )
    number = made["question"]["number"]
    answer = await ann(house, proposed)
    assert (answer["state"], answer["decision"]["failed_checks"]) == ("silent", ["questions"])
    said = await house.as_("Jon Developer").reply(proposed.proposal, number, "The registrar.")
    assert [one["person"] for one in said["question"]["replies"]] == ["Jon Developer"]
    for who in ("Jon Developer", "Dan Privacy", "learner"):
        with pytest.raises(NotPermitted):
            await house.as_(who).close_question(proposed.proposal, number, how="answered")
    closed = await house.as_("Hal Statistics").close_question(proposed.proposal, number, how="The rota says who.")
    assert closed["state"] == "pilot"
    with pytest.raises(Refused, match="closed"):
        await house.as_("Jon Developer").reply(proposed.proposal, number, "late")


async def test_who_asks_holds_the_role_and_votes(house: House) -> None:
    """A developer, a service or a borrowed role asks nothing; another proposal's question is not found."""
    proposed = await house.propose()
    with pytest.raises(NotPermitted):
        await house.as_("Ann Clinical").ask(proposed.proposal, "Why?", role="operations")
    with pytest.raises(NotPermitted):
        await house.as_("Jon Developer").ask(proposed.proposal, "Why?", role="clinical-reviewer")
    made = await house.as_("Ann Clinical").ask(proposed.proposal, "Why?", role="clinical-reviewer")
    with pytest.raises(NotPermitted, match="service"):
        await house.as_("learner").reply(proposed.proposal, made["question"]["number"], "Because.")
    other = await house.propose(samples.release(shift=0.5), evidence=())
    with pytest.raises(NotFound):
        await house.as_("Ann Clinical").close_question(other.proposal, made["question"]["number"], how="x")


async def test_a_rollback_names_what_has_spoken_before(house: House) -> None:
    """Not itself, not a stranger, not one that never spoke; who declares it does not vote."""
    first = await house.propose()
    await house.climb(first, "pilot")
    second = await house.propose(samples.release(shift=0.1), evidence=())
    third = await house.propose(samples.release(shift=0.2), evidence=())
    jon = house.as_("Jon Developer")
    for digest in (second.release, third.release, samples.RELEASE):
        with pytest.raises(Refused):
            await jon.declare_rollback(second.proposal, digest, reason="as before")
    made = await jon.declare_rollback(second.proposal, first.release, reason="as before")
    assert (made["rollback"]["fallback"], made["rollback"]["trouble"]) == (first.release, "")
    with pytest.raises(NotPermitted, match="may not propose"):
        await house.as_("Ann Clinical").declare_rollback(second.proposal, "none", reason="x")
    await house.agree(first, "retired")
    known = await house.as_("Kim Auditor").proposal(second.proposal)
    assert "retired" in known["rollback"]["trouble"]


async def test_a_policy_asks_for_more_roles_by_risk_tier(house: House) -> None:
    """High risk: operations agrees before there are alerts; the floor is there as well."""
    text = samples.release().files["guidance.yaml"].decode().replace("policy:\n", "policy:\n  risk_tier: high\n")
    bundle = samples.release()
    bundle = type(bundle)(guidance="small", version="1.0.0", files={**bundle.files, "guidance.yaml": text.encode()})
    training = samples.training_pack(bundle.digest)
    proposed = await house.as_("learner").propose(
        pack(bundle), [pack(training), pack(samples.silent_pack(bundle.digest))], author="Jon Developer"
    )
    await house.climb(proposed, "silent")
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert "operations" in known["steps"][0]["needed_roles"]
    assert await house.agree(proposed, "pilot", but=("Fay Operations",)) == "silent"
    assert (await vote(house, proposed, "Fay Operations", "pilot", "operations"))["state"] == "pilot"
