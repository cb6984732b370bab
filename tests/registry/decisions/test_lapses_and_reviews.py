"""Time alone lets nothing speak and silences nothing: unused approvals lapse, overdue reviews block, people decide.

The machine moves a real registry's clock, deploys, lets go on and looks; a few plain facts beside it know what must hold.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection

from services.guidance.counting import Decision
from services.guidance.errors import Refused
from services.guidance.lifecycle import STATES, Person, State
from services.guidance.policies import POLICIES, Policy, read_policy
from services.plumbing.database import create_tables, open_database, reading, writing
from services.plumbing.registry_messages import Proposed
from services.registry.decisions import lapses, proposals, reviews, votes
from services.registry.decisions.votes import Standing
from services.registry.deployed import deployments, placing
from services.registry.deployed.placing import Placement
from services.registry.settings import RegistrySettings
from services.registry.tables import TABLES
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.conftest import NOW, Clock, House, running

pytestmark = pytest.mark.anyio
FAY = Person(name="Fay Operations", roles=frozenset({"operations"}))

POLICY = replace(POLICIES["standard"], deploys="by decision", overdue_blocks=frozenset({"high", "moderate"}))
GRACE, UNUSED, REVIEW = POLICY.grace_days["moderate"], POLICY.unused_days, POLICY.review_days["moderate"]


def agreed(connection: Connection, proposal: str, to: State, policy: Policy, now: datetime) -> proposals.Proposal:
    """The step as a whole quorum takes it; who must agree is tested elsewhere."""
    decision = Decision(
        to=to, needed_roles=(), counted=(), missing_roles=(), rejected_by=(), unconvinced=(), dissent=(),
        not_counted=(), failed_checks=(), refusal=None,
    )  # fmt: skip
    known = lapses.take_back(connection, proposals.must_get(connection, proposal), policy, now)
    return votes.move(
        connection, Standing(proposal=known, decision=decision, checks=()), by=FAY, policy=policy, now=now
    )


class Time(RuleBasedStateMachine):
    """One release that may speak where operations decide, and a clock."""

    @initialize()
    def begin(self) -> None:
        """In silence."""
        self.folder = TemporaryDirectory()
        self.engine = open_database(f"sqlite:///{self.folder.name}/registry.sqlite")
        create_tables(self.engine, TABLES)
        self.now = NOW
        bundle = samples.release()
        with writing(self.engine) as connection:
            made = proposals.propose(
                connection, bundle=bundle, packs=[], author="Jon Developer", note="", now=NOW,
                by=Person(name="learner", roles=frozenset({"learner"}), is_service=True),
            )  # fmt: skip
            self.id, self.release = made.id, bundle.digest
            agreed(connection, self.id, "development", POLICY, self.now)
            agreed(connection, self.id, "silent", POLICY, self.now)
        self.state: State = "silent"
        self.stage: State = "silent"
        self.approved, self.used = self.now, True
        self.review = self.now + timedelta(days=REVIEW)

    def teardown(self) -> None:
        """The database goes."""
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.folder.cleanup()

    @rule(days=st.sampled_from([1, 29, 61, 89, 90, 91, 365]))
    def time_passes(self, days: int) -> None:
        """Nothing but time."""
        self.now += timedelta(days=days)

    @rule()
    def the_committee_takes_the_next_step(self) -> None:
        """From where it stands today."""
        self._forget_what_lapsed()
        if self.state != "general":
            self._decide(STATES[STATES.index(self.state) + 1])

    @rule()
    def the_committee_lets_it_go_on(self) -> None:
        """The review."""
        self._forget_what_lapsed()
        before = self._deployed()
        self._decide(self.state)
        assert self._deployed() == before, "a review touches nothing that runs"

    @rule(stage=st.sampled_from(["silent", "pilot", "general"]))
    def operations_deploy(self, stage: State) -> None:
        """Refused if the approval has lapsed or the review blocks; to silence it may always be taken."""
        higher = STATES.index(stage) > STATES.index(self.state)
        over = self._lapsed() and STATES.index(stage) > STATES.index(self.stage)
        refused = higher or (stage != "silent" and (over or self._blocked()))
        with writing(self.engine) as connection, pytest.raises(Refused) if refused else nullcontext():
            placing.deploy(
                connection, "small", self.release, Placement(stage=stage), by=FAY, policy=POLICY, now=self.now
            )
        event(f"deployed: {not refused}")
        if refused:
            return
        self.stage = stage
        self.used = self.used or stage == self.state

    @rule()
    def the_registry_looks(self) -> None:
        """As it does every few seconds."""
        with writing(self.engine) as connection:
            assert lapses.any_due(connection, POLICY, self.now) == self._lapsed()
            assert lapses.enter(connection, POLICY, self.now) == self._lapsed()
            assert not lapses.any_due(connection, POLICY, self.now)
            assert reviews.silence(connection, POLICY, self.now) == 0
        self._forget_what_lapsed()

    @invariant()
    def both_agree(self) -> None:
        """Where it stands, in which stage it runs, and what blocks it."""
        if not hasattr(self, "engine"):
            return
        with reading(self.engine) as connection:
            known = proposals.must_get(connection, self.id)
            assert (known.state, self._deployed()) == (self.state, self.stage)
            assert known.review_by == f"{self.review:%Y-%m-%d}"
            assert reviews.blocks(connection, known, POLICY, self.now) == self._blocked()

    def _decide(self, to: State) -> None:
        with writing(self.engine) as connection:
            agreed(connection, self.id, to, POLICY, self.now)
        self.state, self.approved, self.used = to, self.now, False
        self.review = self.now + timedelta(days=REVIEW)

    def _lapsed(self) -> bool:
        waits = STATES.index(self.stage) < STATES.index(self.state) and not self.used
        return waits and self.now - self.approved >= timedelta(days=UNUSED)

    def _blocked(self) -> bool:
        return self.now.date() > (self.review + timedelta(days=GRACE)).date()

    def _forget_what_lapsed(self) -> None:
        if self._lapsed():
            event("lapsed")
            self.state, self.approved, self.used = self.stage, self.now, True

    def _deployed(self) -> State:
        with reading(self.engine) as connection:
            known = deployments.of_proposal(connection, self.id)
            assert known is not None
            return known.stage


def test_no_sequence_of_days_and_decisions_leaves_the_rules() -> None:
    """Some dozens of sequences, each held against the facts after every act."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Time,
        settings=settings(
            max_examples=15, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


async def test_an_approval_that_nobody_used_is_refused_and_voted_again(tmp_path: Path, clock: Clock) -> None:
    """On day 89 it could be deployed; after day 90 it stands in silence again, the ledger says why, and its votes are spent."""
    async with running(RegistrySettings(var=tmp_path, policy="standard", deploys="by decision"), clock) as house:
        proposed = await house.propose()
        assert await house.climb(proposed, "pilot") == "pilot"
        known = await house.as_("Fay Operations").proposal(proposed.proposal)
        assert known["approval_lapses_at"].startswith("2027-02-20")
        assert "the vote lapses on 2027-02-20" in await overview(house, "Fay Operations")
        assert "lapses on" not in await overview(house, "Ann Clinical")
        clock.pass_time(days=90)
        with pytest.raises(Refused, match="lapsed on 2027-02-20: nobody used it for 90 days"):
            await house.as_("Fay Operations").deploy("small", proposed.release)
        with pytest.raises(Refused, match="no step from silent to general"):
            await say(house, proposed, "general")
        desk = house.app.state.desk
        with writing(desk.engine) as connection:
            assert lapses.enter(connection, desk.policy, clock()) == 1
        known = await house.as_("Kim Auditor").proposal(proposed.proposal)
        assert (known["state"], known["approval_lapses_at"]) == ("silent", None)
        last = (await house.as_("Kim Auditor").ledger())["entries"][-1]
        assert (last["action"], last["detail"]["from"], last["detail"]["to"]) == ("approval lapsed", "pilot", "silent")
        assert await house.agree(proposed, "pilot") == "pilot"
        assert (await house.as_("Fay Operations").deploy("small", proposed.release))["stage"] == "pilot"
        clock.pass_time(days=200)
        with writing(desk.engine) as connection:
            assert lapses.enter(connection, desk.policy, clock()) == 0, "what was used does not lapse"


async def test_an_overdue_review_blocks_by_tier_until_the_committee_lets_it_go_on(tmp_path: Path, clock: Clock) -> None:
    """High risk: neither deployed nor promoted after grace, and still speaking; the review is a vote, and opens both."""
    async with running(RegistrySettings(var=tmp_path, policy="standard"), clock) as house:
        desk = house.app.state.desk
        house.app.state.desk = replace(desk, policy=replace(desk.policy, overdue_blocks=frozenset({"moderate"})))
        proposed = await house.propose()
        await house.climb(proposed, "pilot")
        with pytest.raises(Refused, match="it is in pilot already"):
            await say(house, proposed, "pilot")  # a vote for the step that was just taken is none on a review
        due = (await house.as_("Kim Auditor").proposal(proposed.proposal))["review_by"]
        clock.pass_time(days=365 + 60)
        assert not (await house.as_("Kim Auditor").proposal(proposed.proposal))["review_blocks"]
        await house.as_("Fay Operations").deploy("small", proposed.release, sites=["north"])
        clock.pass_time(days=1)
        known = await house.as_("Kim Auditor").proposal(proposed.proposal)
        assert (known["state"], known["review_blocks"]) == ("pilot", True)
        (general,) = [one for one in known["steps"] if one["to"] == "general"]
        assert "review-overdue" in general["failed_checks"]
        with pytest.raises(Refused, match=f"its review was due by {due}, and the days of grace are over"):
            await house.as_("Fay Operations").deploy("small", proposed.release)
        await house.as_("Fay Operations").deploy("small", proposed.release, stage="silent")
        assert "neither deployed nor promoted" in await overview(house, "Ann Clinical")
        page = (
            await house.http.get(f"/console/review/{proposed.proposal}/pilot", headers=as_(house, "Ann Clinical"))
        ).text
        assert "go on in pilot?" in page
        assert await house.agree(proposed, "pilot") == "pilot"
        known = await house.as_("Kim Auditor").proposal(proposed.proposal)
        assert (known["review_by"], known["review_blocks"]) == (f"{clock() + timedelta(days=365):%Y-%m-%d}", False)
        last = (await house.as_("Kim Auditor").ledger())["entries"][-1]
        assert (last["action"], last["detail"]["to"], set(last["detail"]["agreed"])) == (
            "continued", "pilot", {"clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security"},
        )  # fmt: skip
        assert (await house.as_("Fay Operations").deployments())[0]["stage"] == "silent", "a review deploys nothing"
        await house.as_("Fay Operations").deploy("small", proposed.release)


@pytest.mark.parametrize(("tiers", "silenced"), [(frozenset(), 0), (frozenset({"moderate"}), 1)])
async def test_only_a_policy_that_says_so_silences_by_a_date(
    house: House, tiers: frozenset[Any], silenced: int
) -> None:
    """Not the day after its review, not within grace; and not at all by the policies that come with Knowdo."""
    await house.climb(await house.propose(), "pilot")
    policy = replace(house.app.state.desk.policy, overdue_silences=tiers)
    for days, expected in ((365 + 60, 0), (1, silenced)):
        house.clock.pass_time(days=days)
        with writing(house.app.state.desk.engine) as connection:
            assert reviews.silence(connection, policy, house.clock()) == expected
    state = (await house.as_("Kim Auditor").proposals())[0]["state"]
    assert state == ("suspended" if silenced else "pilot")
    if silenced:
        last = (await house.as_("Kim Auditor").ledger())["entries"][-1]
        assert "stops what nobody looks at" in last["detail"]["reason"]


def test_a_policy_of_ones_own_may_only_be_stricter_with_time() -> None:
    """Shorter grace, more tiers that block; what high risk is held to stays."""
    own = read_policy(
        b"{name: ours, said: x, grace_days: {high: 7}, unused_days: 30, overdue_blocks: [moderate], overdue_silences: [high]}",
        place="ours.yaml",
    )
    assert (own.grace_days["high"], own.grace_days["low"], own.unused_days) == (7, 90, 30)
    assert (own.overdue_blocks, own.overdue_silences) == ({"high", "moderate"}, {"high"})
    for loose in (b"grace_days: {high: 31}", b"unused_days: 91"):
        with pytest.raises(BadInput, match="more than the"):
            read_policy(b"name: ours\nsaid: x\n" + loose, place="ours.yaml")


async def overview(house: House, who: str) -> str:
    """The first page as somebody sees it."""
    return (await house.http.get("/", headers=as_(house, who))).text


def as_(house: House, who: str) -> dict[str, str]:
    """The header that says who asks."""
    return {"Authorization": f"Bearer {house.tokens[who]}"}


async def say(house: House, proposed: Proposed, to: State) -> None:
    """Ann agrees with a step."""
    await house.as_("Ann Clinical").vote(
        proposed.proposal, transition=to, role="clinical-reviewer", vote="approve", release=proposed.release,
        evidence=[], reason="read",
    )  # fmt: skip
