"""No path leads to a bedside but through distinct people in every role, on the same digest, who read the evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from services.guidance.counting import Case, Decision, decide
from services.guidance.evidence import Kind
from services.guidance.lifecycle import (
    ENTRY,
    MAY_STOP,
    NEVER_VOTE,
    ROLES,
    RUNNING,
    STATES,
    TRANSITIONS,
    Check,
    Choice,
    Person,
    State,
    Vote,
    may_stop,
    person_key,
)
from services.guidance.policies import POLICIES

NOW = datetime(2026, 11, 22, tzinfo=UTC)
RELEASE = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
EVIDENCE: Mapping[str, Kind] = {"sha256:t": "training", "sha256:s": "silent", "sha256:r": "trial"}


def person(name: str, *roles: str, **facts: Any) -> Person:
    """Someone in these roles."""
    return Person(name=name, roles=frozenset(roles), **facts)


def people(*known: Person) -> dict[str, Person]:
    """The people as `decide` takes them."""
    return {person_key(one.name): one for one in known}


PILOT_TEAM = (
    person("ann", "clinical-reviewer"),
    person("ben", "data-science-reviewer"),
    person("cleo", "equity-reviewer"),
    person("dan", "privacy-security"),
)


def silent_case(**change: Any) -> Case:
    """A release in the silent stage with all its evidence."""
    facts: dict[str, Any] = {
        "release": RELEASE,
        "state": "silent",
        "authors": frozenset({"author"}),
        "evidence": EVIDENCE,
    }
    return Case(**{**facts, **change})


def vote(who: str, role: str, choice: Choice = "approve", **change: Any) -> Vote:
    """A vote for the pilot by someone who read everything."""
    facts: dict[str, Any] = {
        "person": who,
        "role": role,
        "vote": choice,
        "transition": "pilot",
        "release": RELEASE,
        "round": 0,
        "evidence": frozenset(EVIDENCE),
    }
    return Vote(**{**facts, **change})


def full_house() -> list[Vote]:
    """A vote of each member of the team."""
    return [vote(one.name, next(iter(one.roles))) for one in PILOT_TEAM]


def decided(votes: list[Vote], *more: Person, case: Case | None = None, checks: tuple[Check, ...] = ()) -> Decision:
    """The decision on the pilot."""
    return decide(
        case=case or silent_case(), to="pilot", votes=votes, people=people(*PILOT_TEAM, *more), now=NOW, checks=checks
    )


def test_everyone_required_agrees() -> None:
    """Four distinct people in the four roles that a pilot needs: it passes."""
    decision = decided(full_house())
    assert decision.passes
    assert {one.role for one in decision.counted} == ENTRY["pilot"].roles


@pytest.mark.parametrize("absent", sorted(ENTRY["pilot"].roles))
def test_each_required_role_is_required(absent: str) -> None:
    """Without any one of them nothing moves, and the missing role is named."""
    decision = decided([one for one in full_house() if one.role != absent])
    assert not decision.passes
    assert decision.missing_roles == (absent,)


def test_one_person_in_two_roles_counts_once() -> None:
    """Whoever holds two roles fills one of them."""
    double = person("ann", "clinical-reviewer", "equity-reviewer")
    votes = [one for one in full_house() if one.person != "cleo"] + [vote("ann", "equity-reviewer")]
    decision = decided(votes, double)
    assert decision.missing_roles == ("equity-reviewer",)
    assert "one person counts for one role" in decision.not_counted[0][1]


def test_another_spelling_of_a_name_is_the_same_person() -> None:
    """Case, spaces and compatible letters do not make a second person, nor a second author."""
    double = person("Ａnn", "clinical-reviewer", "equity-reviewer")
    votes = [one for one in full_house() if one.person != "cleo"] + [vote(" ANN ", "equity-reviewer")]
    assert decided(votes, double).missing_roles == ("equity-reviewer",)
    assert not decided(full_house(), case=silent_case(authors=frozenset({"  ＡNN "}))).passes


def test_the_author_is_not_counted() -> None:
    """Who authored, configured or ran it does not vote on it, in whatever role."""
    decision = decided(full_house(), case=silent_case(authors=frozenset({"ben"})))
    assert decision.missing_roles == ("data-science-reviewer",)
    assert "authored" in decision.not_counted[0][1]


@pytest.mark.parametrize("role", sorted(NEVER_VOTE))
def test_roles_that_never_vote_bar_their_holders_from_every_role(role: str) -> None:
    """A developer, administrator, auditor or safety officer who also reviews is not counted."""
    decision = decided(full_house(), person("ann", "clinical-reviewer", role))
    assert decision.missing_roles == ("clinical-reviewer",)


def test_a_service_is_never_counted() -> None:
    """Not even one that was given a reviewer's role."""
    decision = decided(full_house(), person("ann", "clinical-reviewer", is_service=True))
    assert decision.missing_roles == ("clinical-reviewer",)


def test_a_role_that_was_taken_away_is_not_counted() -> None:
    """Votes are counted with the people as they are when the last one is cast."""
    assert not decided(full_house(), person("ann")).passes
    assert not decided(full_house(), person("ann", "clinical-reviewer", is_active=False)).passes


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"release": OTHER}, "another release"),
        ({"transition": "silent"}, "another step"),
        ({"round": -1}, "before the last change"),
        ({"evidence": frozenset()}, "no training and no silent evidence"),
        ({"evidence": frozenset({"sha256:t"})}, "no silent evidence"),
        ({"evidence": frozenset({"sha256:t", "sha256:unknown"})}, "no silent evidence"),
    ],
)
def test_a_vote_is_bound_to_what_was_read(change: dict[str, Any], why: str) -> None:
    """A vote for another digest, step or round, or without the evidence named, is not counted, and it says why."""
    votes = [*full_house()[1:], vote("ann", "clinical-reviewer", **change)]
    decision = decided(votes)
    assert decision.missing_roles == ("clinical-reviewer",)
    assert why in decision.not_counted[0][1]


def test_later_evidence_does_not_void_a_vote() -> None:
    """Another pack of the same kind, added after the vote, leaves the vote standing."""
    more = {**EVIDENCE, "sha256:s2": "silent"}
    assert decided(full_house(), case=silent_case(evidence=more)).passes


def test_a_rejection_by_a_required_role_blocks_until_withdrawn() -> None:
    """Another person in the same role cannot outvote it; only its author can take it back."""
    second = person("zoe", "clinical-reviewer")
    votes = [*full_house(), vote("zoe", "clinical-reviewer", "reject")]
    assert not decided(votes, second).passes
    assert decided(votes, second).rejected_by == (votes[-1],)
    assert decided([*votes, vote("zoe", "clinical-reviewer", "withdraw")], second).passes
    assert decided([*votes, vote("zoe", "clinical-reviewer")], second).passes


def test_dissent_of_another_role_is_kept_and_does_not_block() -> None:
    """A statistician's no stands in the record of the decision."""
    decision = decided([*full_house(), vote("hal", "statistician", "reject")], person("hal", "statistician"))
    assert decision.passes
    assert [one.person for one in decision.dissent] == ["hal"]


@pytest.mark.parametrize(
    ("verdict", "accepts", "passes"),
    [
        ("meets", frozenset(), True),
        ("cannot tell", frozenset(), False),
        ("cannot tell", frozenset({"alert-burden"}), True),
        ("cannot tell", frozenset({"calibration"}), False),
        ("does not meet", frozenset({"alert-burden"}), False),
    ],
)
def test_a_doubt_is_accepted_by_name_and_a_failure_by_nobody(verdict: Any, accepts: Any, passes: bool) -> None:
    """`cannot tell` needs a vote that accepts just that check; `does not meet` blocks whoever accepts it."""
    check = Check(
        name="alert-burden", asked="", found="", verdict=verdict, accepted_by=frozenset({"clinical-reviewer"})
    )
    votes = [*full_house()[1:], vote("ann", "clinical-reviewer", accepts=accepts)]
    assert decided(votes, checks=(check,)).passes is passes


def test_a_doubt_is_not_accepted_in_the_wrong_role() -> None:
    """Privacy cannot accept a doubt about the burden of alerts."""
    check = Check(
        name="alert-burden", asked="", found="", verdict="cannot tell", accepted_by=frozenset({"clinical-reviewer"})
    )
    votes = [*full_house()[:3], vote("dan", "privacy-security", accepts=frozenset({"alert-burden"}))]
    assert not decided(votes, checks=(check,)).passes


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("to", STATES)
def test_only_the_steps_of_the_table_exist(state: State, to: State) -> None:
    """Whatever is not in the table is refused with its reason, and nothing leads back into the first states."""
    decision = decide(case=silent_case(state=state), to=to, votes=[], people={}, now=NOW)
    assert (decision.refusal is None) == (
        ((state, to) in TRANSITIONS and to != "suspended" and not (state == "suspended" and to in ("pilot", "general")))
        or (state == to and to in RUNNING)
    )
    assert not decision.passes


def test_retired_never_returns() -> None:
    """There is no step out of it."""
    assert not [to for source, to in TRANSITIONS if source == "retired"]
    assert "never returns" in str(
        decide(case=silent_case(state="retired"), to="silent", votes=[], people={}, now=NOW).refusal
    )


@pytest.mark.parametrize("stage", RUNNING)
def test_a_restart_needs_the_quorum_of_the_stage_and_goes_no_higher(stage: State) -> None:
    """Suspended in a stage, it returns to that stage or below, by that stage's own quorum."""
    for to in RUNNING:
        decision = decide(case=silent_case(state="suspended", stopped_at=stage), to=to, votes=[], people={}, now=NOW)
        assert set(decision.missing_roles) == ENTRY[to].roles
        assert (decision.refusal is None) == (RUNNING.index(to) <= RUNNING.index(stage))


def test_one_person_in_a_safety_role_may_stop() -> None:
    """Each of them alone; an auditor, an administrator, a service or someone inactive may not."""
    assert {role for role in ROLES if may_stop(person("x", role))} == MAY_STOP
    assert "safety-officer" in MAY_STOP
    assert not may_stop(person("x", "safety-officer", is_service=True))
    assert not may_stop(person("x", "safety-officer", is_active=False))


def test_the_demo_policy_differs_only_in_sample_floors() -> None:
    """No role and no gate is left out by a policy: it holds numbers, and they are smaller."""
    standard, demo = POLICIES["standard"], POLICIES["demo"]
    assert standard.observed_expected == demo.observed_expected
    assert (standard.quorum, standard.approval_days) == (demo.quorum, demo.approval_days)
    for name in standard.floors.__slots__:
        assert 0 < getattr(demo.floors, name) < getattr(standard.floors, name)
    assert "DEMONSTRATION" in demo.said


def test_whoever_lets_it_speak_has_read_the_trial() -> None:
    """With a trial filed, an approval that does not name it is not counted; one that does is; silence asks for none."""
    case = silent_case(trial="sha256:" + "7" * 64)
    assert not decided(full_house(), case=case).passes
    read = [dataclasses.replace(vote, evidence=vote.evidence | {case.trial}) for vote in full_house()]
    assert decided(read, case=case).passes
    assert "does not name the trial" in decided(full_house(), case=case).not_counted[0][1]
