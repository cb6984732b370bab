"""What waits for whom: each kind of task reaches those who may act on it, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from services.plumbing.registry_messages import Proposed
from services.registry.settings import RegistrySettings
from services.registry.waiting.tasks import RULES
from tests.registry import samples
from tests.registry.conftest import VOTERS, Clock, House, running
from tests.registry.people.browsing import hidden, signed_in

pytestmark = pytest.mark.anyio


async def tasks(house: House, name: str, *kinds: str) -> list[dict[str, Any]]:
    """What waits for a person, of these kinds."""
    answer = await house.http.get("/tasks", headers={"Authorization": f"Bearer {house.tokens[name]}"})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["tasks"]
    return [one for one in found if one["kind"] in kinds]


async def those_with(house: House, *kinds: str) -> set[str]:
    """Everybody for whom a task of these kinds waits."""
    return {name for name in samples.TEAM if await tasks(house, name, *kinds)}


async def asked_by_ann(house: House, proposed: Proposed, *, blocking: bool = False) -> int:
    """Ann asks on a proposal; the number of the question."""
    answer = await house.as_("Ann Clinical").ask(
        proposed.proposal, "Who reads it at night?", role="clinical-reviewer", blocking=blocking
    )
    return int(answer["question"]["number"])


async def test_the_api_tells_what_the_overview_tells(house: House) -> None:
    """The same sentences and rules at `/tasks` as on the page; a service is refused, and who must sign in is told so."""
    proposed = await house.propose()
    await house.agree(proposed, "development")
    await house.as_("cds").manifests()
    (vote,) = await tasks(house, "Ann Clinical", "vote")
    assert vote["link"].endswith(f"/console/review/{proposed.proposal}/silent")
    headers = {"Authorization": f"Bearer {house.tokens['Ann Clinical']}"}
    page = (await house.http.get("/", headers=headers)).text
    assert vote["said"] in page
    answer = (await house.http.get("/tasks", headers=headers)).json()
    assert answer["rules"] == list(RULES)
    assert all(one["said"] in page for one in answer["tasks"])
    assert (await house.http.get("/tasks")).status_code == 401
    assert (
        await house.http.get("/tasks", headers={"Authorization": f"Bearer {house.tokens['cds']}"})
    ).status_code == 403


async def test_a_question_waits_for_the_makers_and_its_reply_for_those_who_may_close_it(house: House) -> None:
    """It goes back and forth with the last word; a person who neither made it nor may close it is never asked."""
    proposed = await house.propose()
    await house.agree(proposed, "development")
    number = await asked_by_ann(house, proposed, blocking=True)
    assert await those_with(house, "question") == {"Jon Developer"}
    (asked,) = await tasks(house, "Jon Developer", "question")
    assert asked["said"].startswith("A question is open on Small 1.0.0, which holds it up")
    assert asked["link"].endswith(f"/console/review/{proposed.proposal}/silent#question-{number}")
    await house.as_("Jon Developer").reply(proposed.proposal, number, "The ward on call")
    assert await those_with(house, "question") == {"Ann Clinical"}
    await house.as_("Ann Clinical").reply(proposed.proposal, number, "And on Sundays?")
    assert await those_with(house, "question") == {"Jon Developer"}
    await house.as_("Ann Clinical").close_question(proposed.proposal, number, how="settled")
    assert await those_with(house, "question") == set()


async def test_a_condition_waits_for_its_makers_and_for_who_closes_it_and_no_voter_learns_of_it_before(
    house: House,
) -> None:
    """Who may still vote on the step is not told that somebody agreed with a condition, by no list and no page."""
    proposed = await house.propose()
    await house.agree(proposed, "development")
    await house.as_("cds").manifests()
    page = f"/console/review/{proposed.proposal}/silent"
    ann = await signed_in(house, "Ann Clinical")
    check = await ann.send(page, vote="approve-with-conditions", reason="read", conditions="a leaflet on the ward")
    assert (await ann.http.post(page, data={**hidden(check), "sure": "yes"})).status_code == 303
    assert await those_with(house, "condition") == {"Ann Clinical", "Jon Developer"}
    (owed,) = await tasks(house, "Jon Developer", "condition")
    assert "you made the release, so it waits for you" in owed["said"]
    (to_confirm,) = await tasks(house, "Ann Clinical", "condition")
    assert to_confirm["said"] == (
        "A condition is open on Small 1.0.0, which holds it up: say whether it is met (clinical-reviewer)."
    )
    assert "#condition-" in to_confirm["link"]
    # Those who may still vote are asked to, as if there were none.
    assert await tasks(house, "Ben Data", "vote")
    assert not await tasks(house, "Ben Data", "check", "condition")
    assert "leaflet" not in owed["said"] + to_confirm["said"]
    # Where the link leads, the one who owes it reads it.
    jon = await signed_in(house, "Jon Developer")
    assert "a leaflet on the ward" in (await jon.open(page)).text
    ben = await signed_in(house, "Ben Data")
    shown = (await ben.open(page)).text
    assert "a leaflet on the ward" not in shown
    assert "condition" not in shown[shown.index("What does the evidence say?") : shown.index("Who must agree?")]


async def test_a_release_that_may_speak_waits_for_operations_until_they_have_decided(
    tmp_path: Any, clock: Clock
) -> None:
    """Under the rule that operations deploy, a vote to pilot is a task of theirs; a decision ends it, also for less."""
    settings = RegistrySettings(var=tmp_path, policy="standard", deploys="by decision")
    async with running(settings, clock) as house:
        proposed = await house.propose()
        await house.climb(proposed, "silent")
        assert await those_with(house, "deploy") == set()
        clock.pass_time(hours=1)
        await house.agree(proposed, "pilot")
        operations = {name for name, roles in samples.TEAM.items() if "operations" in roles}
        assert await those_with(house, "deploy") == operations
        (task,) = await tasks(house, "Fay Operations", "deploy")
        assert task["said"] == (
            "Small 1.0.0 may speak as pilot by its vote and runs as silent: operations decide where and to whom, "
            "before the vote lapses on 2027-02-20."
        )
        place = f"/console/deploy/small/place/{proposed.release}"
        assert task["link"].endswith(place)
        clock.pass_time(hours=1)
        await house.as_("Fay Operations").deploy("small", release=proposed.release, stage="silent", sites=["ward-7"])
        assert await those_with(house, "deploy") == set()


async def test_where_a_vote_deploys_at_once_nothing_waits_for_operations(house: House) -> None:
    """The release speaks already."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    assert await those_with(house, "deploy") == set()


async def test_a_reason_waits_for_who_stopped_and_after_a_day_for_all_who_may_stop(house: House) -> None:
    """With the moment by which it is due, and a link to the form."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.as_("Ida Safety").suspend("small")
    assert await those_with(house, "reason") == {"Ida Safety"}
    (task,) = await tasks(house, "Ida Safety", "reason")
    assert task["said"] == "Small: its stop by Ida Safety owes a reason until 23 Nov 14:02 UTC."
    assert task["link"].endswith("/console/deploy/small#owed")
    house.clock.pass_time(hours=25)
    late = await those_with(house, "reason")
    assert {"Ida Safety", "Ann Clinical", "Fay Operations"} <= late
    assert "Kim Auditor" not in late


async def test_an_overdue_review_waits_for_the_roles_that_let_it_run(house: House) -> None:
    """A day too late it is a task of the clinical and the data science reviewers of a silent release."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    assert await those_with(house, "review") == set()
    house.clock.pass_time(days=800)
    assert await those_with(house, "review") == {"Ann Clinical", "Ben Data"}


async def test_silence_is_a_task_for_who_may_stop_and_for_nobody_else(house: House) -> None:
    """No service has asked; an auditor sees the strip, and is not asked to do what they may not."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    found = await those_with(house, "check")
    assert {"Ann Clinical", "Ida Safety", VOTERS["operations"]} <= found
    assert "Kim Auditor" not in found
    assert "Hal Statistics" not in found


async def test_votes_on_a_step_that_cannot_be_taken_are_told_to_makers_and_voters_alike(house: House) -> None:
    """Any vote, so that the task does not tell whether somebody agreed; only those who can do something about it."""
    proposed = await house.propose(evidence=())
    await house.agree(proposed, "development")
    await house.as_("cds").manifests()
    gate = "and its gate has a check that is not met"
    assert not [one for one in await tasks(house, "Jon Developer", "check") if gate in one["said"]]
    await house.as_("Ann Clinical").vote(
        proposed.proposal, transition="silent", role="clinical-reviewer", vote="reject", release=proposed.release,
        evidence=[], reason="nothing to read", accepts=(),
    )  # fmt: skip
    told = {name for name in samples.TEAM if any(gate in one["said"] for one in await tasks(house, name, "check"))}
    assert {"Jon Developer", "Ann Clinical", "Ben Data"} <= told
    assert not {"Kim Auditor", "Gil Patient", "Ida Safety", "Lea Administrator"} & told


async def test_nobody_is_sent_where_they_may_not_read(house: House) -> None:
    """Every link of every task of everybody opens for them."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await asked_by_ann(house, proposed)
    await house.as_("Ida Safety").suspend("small")
    house.clock.pass_time(days=2)
    for name, roles in samples.TEAM.items():
        for task in await tasks(house, name, "check", "reason", "deploy", "vote", "question", "condition", "review"):
            path = task["link"].removeprefix(house.app.state.desk.issuer.rstrip("/"))
            headers = {"Authorization": f"Bearer {house.tokens[name]}", "Accept": "text/html"}
            answer = await house.http.get(path, headers=headers)
            assert answer.status_code == 200, (name, roles, path)
