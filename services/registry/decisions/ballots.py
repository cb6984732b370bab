"""What is asked of a vote when it is cast: a role, a reason, and that some rule would count it.

Refused is what could never count, with the rule named. A declared conflict of interest is no fault: it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from services.guidance.counting import Case, why_no_step, why_not
from services.guidance.errors import NotPermitted, Refused
from services.guidance.lifecycle import (
    APPROVALS,
    ENTRY,
    NEVER_VOTE,
    ROLES,
    Check,
    Choice,
    Person,
    State,
    Vote,
    person_key,
)
from services.guidance.policies import Policy
from services.registry.decisions.conditions import NewCondition
from services.timeline.errors import BadInput

LONGEST_REASON: Final = 4000
LONGEST_CONFLICT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What one person says."""

    transition: State
    role: str
    vote: Choice
    release: str
    evidence: frozenset[str]
    reason: str
    accepts: frozenset[str] = frozenset()
    plans: Mapping[str, str] = field(default_factory=dict)
    """How it will be found out, by name of an accepted check."""
    conditions: tuple[NewCondition, ...] = ()
    conflict: str = ""
    """The conflict of interest, in the voter's own words; empty: none is declared."""


def vote_of(ballot: Ballot, *, by: Person, round_: int, policy: Policy, now: datetime) -> Vote:
    """The vote as the rules see it; an approval is given a day on which it expires."""
    return Vote(
        person=by.name,
        role=ballot.role,
        vote=ballot.vote,
        transition=ballot.transition,
        release=ballot.release,
        round=round_,
        evidence=ballot.evidence,
        accepts=ballot.accepts,
        plans=ballot.plans,
        conflict=ballot.conflict.strip(),
        expires=now + timedelta(days=policy.approval_days) if ballot.vote in APPROVALS else None,
    )


def must_count(case: Case, vote: Vote, by: Person, earlier: Sequence[Vote], *, now: datetime) -> None:
    """Refuse now what `decide` would not count later, by the same rules. `earlier`: the votes of this round."""
    if vote.role not in ROLES:
        raise BadInput(f"no such role: {vote.role[:40]}", place="role", remedy=f"Choose from {', '.join(ROLES)}")
    if ENTRY[vote.transition].any_one:
        raise Refused(
            "it takes one person and no vote", place=vote.transition, remedy="Use `knowdo registry stop GUIDANCE`"
        )
    if reason := why_no_step(case, vote.transition):
        raise Refused(reason, place=vote.transition, remedy="See the proposal for the steps that are open")
    declares = bool(vote.conflict)
    asked = replace(case, conflicts=frozenset()) if declares else case
    if reason := why_not(asked, vote.transition, replace(vote, conflict=""), by):
        kind = NotPermitted if by.is_service or by.roles & NEVER_VOTE.keys() or vote.role not in by.roles else Refused
        raise kind(
            reason, place="vote", remedy="Read the release and its evidence as they are now, and vote in your role"
        )
    who = person_key(vote.person)
    mine = [one for one in earlier if person_key(one.person) == who and one.transition == vote.transition]
    last = mine[-1] if mine else None
    if last is None or last.vote == "withdraw" or (last.expires is not None and last.expires <= now):
        return
    if last.role != vote.role:
        raise Refused(
            f"one person counts for one role, and {vote.person} has voted as {last.role}",
            place="vote",
            remedy="Withdraw that vote first, or leave this role to someone else",
        )


def must_be_said(ballot: Ballot) -> None:
    """Every word but a withdrawal needs its reason: it is what the memory is for."""
    if len(ballot.reason) > LONGEST_REASON:
        raise BadInput(f"longer than {LONGEST_REASON} characters", place="reason", remedy="Shorten it")
    if len(ballot.conflict) > LONGEST_CONFLICT:
        raise BadInput(f"longer than {LONGEST_CONFLICT} characters", place="conflict", remedy="Shorten it")
    if not ballot.reason.strip() and ballot.vote != "withdraw":
        raise BadInput(
            "consent and dissent alike need a reason: it is what the memory is for",
            place="reason",
            remedy="Write one sentence, without patient data",
        )
    if long := [name for name, plan in ballot.plans.items() if len(plan) > LONGEST_REASON]:
        raise BadInput(f"longer than {LONGEST_REASON} characters", place=f"plans: {long[0][:80]}", remedy="Shorten it")
    if strange := sorted(ballot.plans.keys() - ballot.accepts):
        raise BadInput(
            "a plan belongs to a check that is accepted", place=f"plans: {strange[0][:80]}", remedy="Accept it, too"
        )


def must_have_plans(ballot: Ballot, checks: Sequence[Check]) -> None:
    """Who accepts that nobody can tell for whom it is worse says how it will be found out."""
    for check in checks:
        mine = check.name in ballot.accepts and ballot.role in check.accepted_by
        if check.asks_plan and mine and not ballot.plans.get(check.name, "").strip():
            raise BadInput(
                "accepting it needs a plan to find out",
                place=f"plans: {check.name}",
                remedy="Say who will look at what, and by when",
            )
