"""Random people doing random things: nobody is counted who is not entitled, and no stage is reached without its people.

Most of what is drawn here is right but for one thing, for it is there that a rule could leak. The rules are written a
second time, in other words, as the oracle that a passing decision is held against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.guidance.counting import Case, Decision, decide
from services.guidance.lifecycle import (
    ENTRY,
    ROLES,
    RUNNING,
    STATES,
    TRANSITIONS,
    Person,
    Role,
    State,
    Vote,
    may_stop,
    person_key,
)
from tests.guidance.test_lifecycle import EVIDENCE, NOW, OTHER, RELEASE, people, silent_case

AUTHOR = "Ada Author"
BARRED = {"model-developer", "administrator", "auditor", "safety-officer"}
VOTING = sorted(set(ROLES) - BARRED)
DEFECTS = (
    "none", "none", "role missing", "two roles", "author", "author respelt", "service", "barred", "role not held",
    "inactive", "other release", "other step", "old round", "no evidence", "stranger", "rejection", "withdrawn",
)  # fmt: skip


def quorum(to: State, at_round: int, defect: str, victim: int, prefix: str) -> tuple[list[Person], list[Vote]]:
    """Everyone that a step needs, each voting for it; one of them with a defect."""
    roles = sorted(ENTRY[to].roles)
    known: list[Person] = []
    cast: list[Vote] = []
    for number, role in enumerate(roles):
        person: dict[str, Any] = {"name": f"{prefix}{number}", "roles": {role}}
        ballot: dict[str, Any] = {"evidence": frozenset(EVIDENCE)}
        if number == victim % len(roles):
            other = roles[(number + 1) % len(roles)]
            changes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
                "two roles": ({"name": f"{prefix}{(number + 1) % len(roles)}", "roles": {role, other}}, {}),
                "author": ({"name": AUTHOR}, {}),
                "author respelt": ({"name": AUTHOR}, {"person": f" {AUTHOR.upper()} "}),
                "service": ({"is_service": True}, {}),
                "barred": ({"roles": {role, sorted(BARRED)[victim % 4]}}, {}),
                "role not held": ({"roles": set(VOTING) - {role}}, {}),
                "inactive": ({"is_active": False}, {}),
                "other release": ({}, {"release": OTHER}),
                "other step": ({}, {"transition": "retired" if to != "retired" else "pilot"}),
                "old round": ({}, {"round": at_round - 1}),
                "no evidence": ({}, {"evidence": frozenset()}),
                "stranger": ({}, {"person": "nobody"}),
                "rejection": ({}, {"vote": "reject"}),
                "withdrawn": ({}, {"vote": "withdraw"}),
            }
            if defect == "role missing":
                continue
            for target, change in zip((person, ballot), changes.get(defect, ({}, {})), strict=True):
                target.update(change)
        known.append(Person(**{**person, "roles": frozenset(person["roles"])}))
        facts = {"person": person["name"], "role": role, "vote": "approve", "transition": to, "release": RELEASE}
        cast.append(Vote(**{**facts, "round": at_round, **ballot}))
        if defect == "withdrawn" and ballot.get("vote"):
            cast.insert(-1, Vote(**{**facts, "round": at_round, "evidence": frozenset(EVIDENCE)}))
    if defect == "two roles":
        # The one who holds both roles must be known by both, and the other of that name goes.
        known = list({one.name: one for one in sorted(known, key=lambda one: len(one.roles))}.values())
    return known, cast


def entitled(one: Vote, case: Case, to: State, known: Mapping[str, Person]) -> bool:
    """The rules of one vote, said again."""
    who = known.get(person_key(one.person))
    if who is None or who.is_service or not who.is_active or who.roles & BARRED or one.role not in who.roles:
        return False
    if " ".join(one.person.split()).lower() in {author.lower() for author in case.authors}:
        return False
    if (one.release, one.transition, one.round) != (case.release, to, case.round):
        return False
    needed = {"silent": {"training"}, "pilot": {"training", "silent"}, "general": {"training", "silent", "trial"}}
    return one.vote != "approve" or needed.get(to, set()) <= {EVIDENCE[digest] for digest in one.evidence}


def held_against_the_rules(
    decision: Decision, case: Case, to: State, votes: Sequence[Vote], known: Mapping[str, Person]
) -> None:
    """Whatever was counted was entitled; whatever passes had distinct people in every role and no rejection."""
    persons = [person_key(one.person) for one in decision.counted]
    assert len(set(persons)) == len(persons)
    assert all(one.vote == "approve" and entitled(one, case, to, known) for one in decision.counted)
    if not decision.passes:
        return
    assert (case.state, to) in TRANSITIONS or (case.state == to and to in RUNNING)
    assert {one.role for one in decision.counted} >= ENTRY[to].roles
    if case.state == "suspended" and to in RUNNING:
        assert RUNNING.index(to) <= RUNNING.index(case.stopped_at or "silent")
    last: dict[tuple[str, str], Vote] = {}
    for one in votes:
        if entitled(one, case, to, known):
            last[person_key(one.person), one.role] = one
    counted_as = {person_key(one.person): one.role for one in decision.counted}
    for (who, role), one in last.items():
        if one.vote == "reject" and role in ENTRY[to].roles:
            # Only a rejection in a second role of someone who is counted in another may stand aside.
            assert counted_as.get(who, role) != role


STEPS = st.sampled_from([step for step in sorted(TRANSITIONS) if step[1] != "suspended"])


@settings(max_examples=600, deadline=None)
@given(
    step=STEPS,
    teams=st.lists(st.tuples(st.sampled_from(DEFECTS), st.integers(0, 11)), min_size=1, max_size=3),
    stopped_at=st.sampled_from(RUNNING),
    order=st.randoms(use_true_random=False),
)
def test_whoever_is_counted_is_entitled(
    step: tuple[State, State], teams: list[tuple[str, int]], stopped_at: State, order: Any
) -> None:
    """Whatever teams vote in whatever order: what is counted is entitled, and what passes is complete."""
    case = silent_case(state=step[0], authors=frozenset({AUTHOR}), stopped_at=stopped_at, round=3)
    known: list[Person] = []
    votes: list[Vote] = []
    for number, (defect, victim) in enumerate(teams):
        # The same names again: a later team may change who somebody is.
        some, cast = quorum(step[1], 3, defect, victim, prefix=f"t{number % 2}p")
        known += some
        votes += cast
    order.shuffle(votes)
    by_name = people(*known)
    decision = decide(case=case, to=step[1], votes=votes, people=by_name, now=NOW)
    event(f"passes: {decision.passes}")
    held_against_the_rules(decision, case, step[1], votes, by_name)
    if {defect for defect, _ in teams} == {"none"} and decision.refusal is None:
        assert decision.passes


@settings(max_examples=600, deadline=None)
@given(step=STEPS, defect=st.sampled_from(sorted(set(DEFECTS) - {"none"})), victim=st.integers(0, 11))
def test_one_defect_is_enough(step: tuple[State, State], defect: str, victim: int) -> None:
    """A quorum of which one vote is not as it must be moves nothing; only evidence is not asked for by every step."""
    case = silent_case(state=step[0], authors=frozenset({AUTHOR}), stopped_at="general", round=3)
    known, votes = quorum(step[1], 3, defect, victim, prefix="p")
    decision = decide(case=case, to=step[1], votes=votes, people=people(*known), now=NOW)
    assert decision.passes is (defect == "no evidence" and not ENTRY[step[1]].evidence)


class Path(RuleBasedStateMachine):
    """One release on its way, pushed by teams that are right or nearly right, stopped, started again."""

    def __init__(self) -> None:
        super().__init__()
        self.state: State = "registered"
        self.stopped_at: State | None = None
        self.round = 0
        self.people: dict[str, Person] = {}
        self.votes: list[Vote] = []
        self.agreed: dict[State, dict[str, Role]] = {}

    @rule(
        defect=st.sampled_from(DEFECTS), victim=st.integers(0, 11), ahead=st.integers(0, 3), team=st.sampled_from("ab")
    )
    def a_team_votes(self, defect: str, victim: int, ahead: int, team: str) -> None:
        """For one of the steps that are open, or for one that is not."""
        open_steps = [
            to for source, to in sorted(TRANSITIONS) if source == self.state and to not in ("suspended", "retired")
        ]
        to = open_steps[victim % len(open_steps)] if open_steps and ahead else STATES[1:5][victim % 4]
        some, cast = quorum(to, self.round, defect, victim, prefix=team)
        self.people |= people(*some)
        for one in cast:
            self._vote(one)

    @rule(stopper=st.sampled_from(ROLES), is_service=st.booleans(), is_active=st.booleans())
    def someone_stops(self, stopper: Role, is_service: bool, is_active: bool) -> None:
        """One person, if they may."""
        who = Person(name="s", roles=frozenset({stopper}), is_service=is_service, is_active=is_active)
        if self.state in RUNNING and may_stop(who):
            assert is_active
            assert not is_service
            self.stopped_at, self.state = self.state, "suspended"
            self.round += 1

    @rule()
    def it_is_retired(self) -> None:
        """For good."""
        some, cast = quorum("retired", self.round, "none", 0, prefix="r")
        self.people |= people(*some)
        for one in cast:
            self._vote(one)

    def _vote(self, one: Vote) -> None:
        self.votes.append(one)
        before, to = self.state, one.transition
        case = silent_case(state=before, stopped_at=self.stopped_at, round=self.round, authors=frozenset({AUTHOR}))
        decision = decide(case=case, to=to, votes=self.votes, people=self.people, now=NOW)
        held_against_the_rules(decision, case, to, self.votes, self.people)
        if decision.passes:
            assert before != "retired"
            self.agreed[to] = {vote.person: vote.role for vote in decision.counted}  # type: ignore[misc]
            self.state = to
            self.round += 1
            event(f"reached {to}")

    @invariant()
    def no_stage_without_its_people(self) -> None:
        """To be in a stage, distinct people must have agreed in every role of it and of the stages below."""
        if self.state in ("registered", "suspended", "retired"):
            return
        ladder: tuple[State, ...] = ("development", "silent", "pilot", "general")
        for stage in ladder[: ladder.index(self.state) + 1]:
            counted = self.agreed[stage]
            assert set(counted.values()) >= ENTRY[stage].roles
            assert len(counted) >= len(ENTRY[stage].roles)
            assert person_key(AUTHOR) not in map(person_key, counted)


TestPath = Path.TestCase
TestPath.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
