"""No sequence of votes, people, evidence, time and stops lets a release speak without its full quorum and an open gate.

The machine casts real ballots by the real rules; the book beside it knows the rules in other words. After every act
both must agree on where the release stands: neither too much, nor too little, ever moves.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.guidance.counting import Case, Decision, decide
from services.guidance.lifecycle import ROLES, RUNNING, Check, Choice, Person, State, Vote, may_stop, person_key
from services.guidance.policies import POLICIES
from services.registry.decisions.ballots import Ballot, must_be_said, must_count, vote_of
from services.timeline.errors import KnowdoError
from tests.registry.decisions.lifecycle_oracle import FLOOR, MAY_STOP, NO_VOICE, Book, Fact, Human, Word

RELEASE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
POLICY = POLICIES["standard"]
CAST: dict[str, tuple[str, ...]] = {
    "ann": ("clinical-reviewer",),
    "amy": ("clinical-reviewer", "equity-reviewer"),
    "ben": ("data-science-reviewer", "data-steward"),
    "bea": ("data-science-reviewer", "statistician"),
    "dora": ("privacy-security", "patient-representative"),
    "cleo": ("equity-reviewer",),
    "dan": ("privacy-security",),
    "eve": ("data-steward", "operations"),
    "fay": ("operations",),
    "gil": ("patient-representative",),
    "hal": ("statistician",),
    "ida": ("safety-officer",),
    "jon": ("model-developer", "clinical-reviewer"),
    "lea": ("administrator", "privacy-security"),
    "bot": ("clinical-reviewer", "operations"),
}
TARGETS: tuple[State, ...] = ("development", "silent", "pilot", "general", "retired", "suspended")
CHOICES: tuple[Choice, ...] = ("approve", "approve-with-conditions", "reject", "not-enough-evidence", "withdraw")
CHECKS = {"calibration": ({"data-science-reviewer", "statistician"}, False), "groups": ({"equity-reviewer"}, True)}
PEOPLE = st.sampled_from(sorted(CAST))
steps_taken = 0


class Committee(RuleBasedStateMachine):
    """One release, fifteen identities, a gate whose facts change, and a clock."""

    @initialize(high=st.booleans())
    def begin(self, high: bool) -> None:
        """A release that `jon` made."""
        self.now = datetime(2026, 11, 22, tzinfo=UTC)
        self.votes: list[Vote] = []
        self.book = Book(high=high, authors={"jon"})
        self.book.people = {name: Human(roles=set(roles), service=name == "bot") for name, roles in CAST.items()}
        self.book.facts = {name: Fact(verdict="meets", by=by, plan=plan) for name, (by, plan) in CHECKS.items()}
        self.spoke_by: list[str] = []
        self.by_plan = False
        self.conflicts: set[str] = set()

    @rule(
        who=PEOPLE,
        role=st.sampled_from(ROLES),
        said=st.sampled_from(CHOICES),
        to=st.sampled_from(TARGETS),
        reads=st.sampled_from(["all", "all", "none", "some"]),
        accepts=st.sets(st.sampled_from(sorted(CHECKS))),
        plans=st.booleans(),
        conflict=st.sampled_from([False] * 9 + [True]),
        release=st.sampled_from([RELEASE, RELEASE, RELEASE, OTHER]),
        own=st.booleans(),
    )
    def someone_votes(self, who: str, role: str, own: bool, **ballot: Any) -> None:
        """In a role of theirs or in another, with whatever they read."""
        mine = sorted(self.book.people[who].roles)
        self._vote(who, mine[len(self.votes) % len(mine)] if own and mine else role, **ballot)

    @rule(
        ahead=st.sampled_from([0, 0, 0, 1]),
        but=st.sampled_from(["nobody", "nobody", *sorted(CAST)]),
        plans=st.booleans(),
    )
    def a_quorum_votes(self, ahead: int, but: str, plans: bool) -> None:
        """Everyone whom the next step needs, each in one role, but perhaps one."""
        to = self._next(ahead)
        used: set[str] = set()
        for role in sorted(self.book.needed(to)):
            free = [name for name in sorted(CAST) if self.book.has_voice(name, role) and name not in used | {but}]
            if free:
                used.add(free[0])
                self._vote(
                    free[0], role, said="approve", to=to, reads="all", accepts=set(CHECKS), plans=plans, conflict=False,
                    release=RELEASE,
                )  # fmt: skip

    @rule(kind=st.sampled_from(["training", "silent", "trial"]), by=st.sampled_from(["bot", "bot", "jon", "ben"]))
    def evidence_comes(self, kind: str, by: str) -> None:
        """Whoever ran it joins the authors; a service does not."""
        self.book.evidence[f"sha256:{kind}{len(self.book.evidence)}"] = kind
        if by != "bot":
            self.book.authors.add(by)

    @rule()
    def all_evidence_is_there(self) -> None:
        """As after a good month."""
        for kind in ("training", "silent", "trial"):
            self.book.evidence.setdefault(f"sha256:{kind}", kind)

    @rule()
    def a_trial_is_filed(self) -> None:
        """Votes that have not read it are void."""
        self.book.trial = f"sha256:plan{len(self.book.trial)}"

    @rule(
        name=st.sampled_from(sorted(CHECKS)),
        verdict=st.sampled_from(["meets", "meets", "cannot tell", "does not meet"]),
    )
    def a_fact_changes(self, name: str, verdict: str) -> None:
        """A check of the gate says something else."""
        self.book.facts[name].verdict = verdict

    @rule(within=st.booleans())
    def the_update_is_weighed(self, within: bool) -> None:
        """Against the change plan of what the full quorum agreed to before."""
        self.book.within_plan = within

    @rule(days=st.sampled_from([1, 30, 200]))
    def time_passes(self, days: int) -> None:
        """Approvals hold for 180 days."""
        self.now += timedelta(days=days)

    @rule(who=PEOPLE, role=st.sampled_from(ROLES), active=st.booleans(), given_it=st.booleans())
    def people_change(self, who: str, role: str, active: bool, given_it: bool) -> None:
        """A role is given or taken, somebody leaves or comes back."""
        human = self.book.people[who]
        human.active = active
        (human.roles.add if given_it else human.roles.discard)(role)

    @rule()
    def everyone_is_as_at_first(self) -> None:
        """So that sequences go on."""
        self.book.people = {name: Human(roles=set(roles), service=name == "bot") for name, roles in CAST.items()}

    @rule(who=PEOPLE)
    def someone_stops(self, who: str) -> None:
        """One person in a safety role, alone and at once."""
        human = self.book.people[who]
        allowed = may_stop(self._people()[who])
        assert allowed == (human.active and not human.service and bool(human.roles & MAY_STOP))
        if allowed and self.book.state in RUNNING:
            self.book.stopped_at, self.book.state = self.book.state, "suspended"
            self.book.round += 1

    @invariant()
    def whoever_speaks_was_let(self) -> None:
        """In pilot or general only by the full quorum of the last step there."""
        if self.book.state in ("pilot", "general"):
            fewer = self.by_plan and len(self.spoke_by) >= 2 and "clinical-reviewer" in self.spoke_by
            assert set(self.spoke_by) >= FLOOR[self.book.state] or fewer

    def _next(self, ahead: int) -> State:
        ladder: tuple[State, ...] = ("registered", "development", "silent", "pilot", "general")
        if self.book.state == "suspended":
            return RUNNING[len(self.votes) % 3]
        if self.book.state not in ladder:
            return "pilot"
        return ladder[min(ladder.index(self.book.state) + 1 + ahead, 4)]  # type: ignore[arg-type]

    def _people(self) -> dict[str, Person]:
        return {
            person_key(name): Person(
                name=name, roles=frozenset(one.roles), is_service=one.service, is_active=one.active
            )
            for name, one in self.book.people.items()
        }

    def _case(self) -> Case:
        book: Any = self.book
        return Case(
            release=RELEASE, state=book.state, authors=frozenset(book.authors), evidence=dict(book.evidence),
            stopped_at=book.stopped_at or None, round=book.round, trial=book.trial, conflicts=frozenset(self.conflicts),
        )  # fmt: skip

    def _decision(self, to: State) -> Decision:
        checks: list[Any] = [
            Check(name=name, asked="", found="", verdict=one.verdict, accepted_by=frozenset(one.by), asks_plan=one.plan)  # type: ignore[arg-type]
            for name, one in self.book.facts.items()
        ]
        here = [vote for vote in self.votes if vote.transition == to]
        further = POLICY.further_roles("high" if self.book.high else "low", to)
        return decide(
            case=self._case(),
            to=to,
            votes=here,
            people=self._people(),
            now=self.now,
            checks=checks,
            further_roles=further,
            reduced=POLICY.reduced if self.book.within_plan else None,
        )

    def _vote(
        self, who: str, role: str, *, said: Choice, to: State, reads: str, accepts: set[str], plans: bool, conflict: bool,
        release: str,
    ) -> None:  # fmt: skip
        global steps_taken
        steps_taken += 1
        known = [*self.book.evidence, *([self.book.trial] if self.book.trial else [])]
        read = {"all": known, "none": [], "some": known[:2]}[reads]
        ballot = Ballot(
            transition=to, role=role, vote=said, release=release, evidence=frozenset(read), reason="because",
            accepts=frozenset(accepts), plans=dict.fromkeys(accepts, "later") if plans else {},
            conflict="kin" if conflict else "",
        )  # fmt: skip
        by = self._people()[who]
        vote = vote_of(ballot, by=by, round_=self.book.round, policy=POLICY, now=self.now)
        try:
            must_be_said(ballot)
            must_count(
                self._case(), vote, by, [one for one in self.votes if one.round == self.book.round], now=self.now
            )
        except KnowdoError:
            event("refused")
            return
        assert not by.is_service
        assert not by.roles & NO_VOICE
        self.votes.append(vote)
        if conflict:
            self.conflicts.add(who)
        self.book.words.append(
            Word(
                who=who, role=role, said=said, to=to, round=self.book.round, at=self.now,
                ends=self.now + timedelta(days=180), read=set(read), accepts=set(accepts),
                plans=set(accepts) if plans else set(), conflict=conflict,
            )
        )  # fmt: skip
        decision = self._decision(to)
        assert decision.passes == self.book.allows(to, self.now), (decision, self.book)
        if decision.passes:
            event(f"reached {to}")
            self.spoke_by = [one.role for one in decision.counted]
            self.by_plan = bool(decision.one_of)
            assert not self.by_plan or (self.book.within_plan and to in ("pilot", "general"))
            assert len({one.person for one in decision.counted}) == len(decision.counted)
            self.book.state = to
            self.book.round += 1


def test_no_sequence_speaks_without_its_quorum() -> None:
    """Some hundred sequences of thirty acts, each held against the book after every vote."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Committee,
        settings=settings(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
def test_no_sequence_speaks_without_its_quorum_in_100_000_votes() -> None:
    """The same, with at least 100,000 ballots."""
    global steps_taken
    steps_taken = 0
    while steps_taken < 100_000:
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Committee,
            settings=settings(
                max_examples=500, stateful_step_count=60, deadline=None, database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    print(f"{steps_taken:,} ballots")  # noqa: T201 - the figure of the night
