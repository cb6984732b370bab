"""Votes: cast by a person in a role, bound to a release, a step, and the evidence and trial read; kept, dissent too.

A vote that no rule would count is refused when it is cast, with the rule named. When the last role agrees and the
gate is open, the step is taken in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from services.guidance.errors import NotPermitted, Refused
from services.guidance.lifecycle import (
    ENTRY,
    NEVER_VOTE,
    ROLES,
    SPEAKING,
    TRANSITIONS,
    Case,
    Check,
    Choice,
    Decision,
    Person,
    State,
    Vote,
    decide,
    person_key,
    why_no_step,
    why_not,
)
from services.guidance.policies import Policy
from services.registry.decisions import proposals, trials
from services.registry.decisions.gates import check_gate
from services.registry.decisions.proposals import Proposal
from services.registry.deployed import deployments
from services.registry.memory import ledger
from services.registry.people import persons
from services.registry.tables import instant_text
from services.registry.tables import votes as table
from services.registry.transparency.gate import transparency_checks
from services.timeline.errors import BadInput

LONGEST_REASON = 4000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One vote as kept, with its reason, its time and its entry in the ledger."""

    vote: Vote
    reason: str
    at: str
    ledger_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a proposal is on one step: its decision, and every check of the gate."""

    proposal: Proposal
    decision: Decision
    checks: tuple[Check, ...]


def cast(
    connection: Connection, proposal_id: str, ballot: Ballot, *, by: Person, policy: Policy, now: datetime
) -> Standing:
    """Keep a vote; take the step if it completes the quorum and the gate is open."""
    proposal = proposals.must_get(connection, proposal_id, for_change=True)
    case = proposals.case_of(connection, proposal)
    vote = Vote(
        person=by.name,
        role=ballot.role,
        vote=ballot.vote,
        transition=ballot.transition,
        release=ballot.release,
        round=case.round,
        evidence=ballot.evidence,
        accepts=ballot.accepts,
    )
    _must_count(case, vote, by, _current(connection, proposal))
    _must_give_reason(ballot)
    _keep(connection, proposal, vote, ballot.reason, now)
    standing = stand(connection, proposal, ballot.transition, policy=policy)
    if not standing.decision.passes:
        return standing
    moved = move(connection, standing, by=by, policy=policy, now=now)
    return Standing(proposal=moved, decision=standing.decision, checks=standing.checks)


def stand(connection: Connection, proposal: Proposal, to: State, *, policy: Policy) -> Standing:
    """Where a proposal stands on one step, with the people as they are now."""
    packs = proposals.latest_packs(connection, proposal.release)
    checks: tuple[Check, ...] = ()
    if ENTRY[to].evidence:
        guidance = proposals.definition_of(connection, proposal.release)
        checks = check_gate(to, guidance=guidance, release=proposal.release, packs=packs, policy=policy)
        checks = (*checks, *transparency_checks(connection, proposal, to, packs))
    decision = decide(
        case=proposals.case_of(connection, proposal),
        to=to,
        votes=[kept.vote for kept in _current(connection, proposal) if kept.vote.transition == to],
        people=persons.everyone(connection),
        checks=checks,
    )
    return Standing(proposal=proposal, decision=decision, checks=checks)


def steps_from(state: State) -> tuple[State, ...]:
    """The states that a vote may lead to from here, the next one first."""
    return tuple(to for (source, to), rule in TRANSITIONS.items() if source == state and not rule.any_one)


def move(connection: Connection, standing: Standing, *, by: Person, policy: Policy, now: datetime) -> Proposal:
    """Take a step that was decided: the state, the ledger and the deployment change together."""
    proposal, to = standing.proposal, standing.decision.to
    moved = proposals.change_state(connection, proposal, to, now=now)
    if to in ("silent", "pilot", "general", "retired"):
        deployments.enter_stage(
            connection,
            moved,
            to,
            guidance=proposals.definition_of(connection, proposal.release),
            policy=policy,
            by=by,
            now=now,
        )
    trial = trials.in_force(connection, proposal.id) if to in SPEAKING else None
    ledger.append(
        connection,
        actor="registry",
        role="registry",
        action="moved",
        subject=proposal.release,
        detail={
            "proposal": proposal.id,
            "guidance": proposal.guidance,
            "from": proposal.state,
            "to": to,
            "policy": policy.name,
            "agreed": {vote.role: vote.person for vote in standing.decision.counted},
            "dissent": {vote.role: vote.person for vote in standing.decision.dissent},
            "checks": [
                {"name": one.name, "verdict": one.verdict, "found": one.found, "evidence": one.evidence}
                for one in standing.checks
            ],
            **({"trial": trial.digest} if trial is not None else {}),
        },
        now=now,
    )
    return moved


def kept_for(connection: Connection, proposal_id: str) -> list[Kept]:
    """Every vote on a proposal, in the order in which they were cast."""
    rows = connection.execute(select(table).where(table.c.proposal == proposal_id).order_by(table.c.number))
    return [
        Kept(
            vote=Vote(
                person=row.person,
                role=row.role,
                vote=row.vote,
                transition=row.transition,
                release=row.release,
                round=row.round,
                evidence=frozenset(row.evidence),
                accepts=frozenset(row.accepts),
            ),
            reason=row.reason,
            at=row.at,
            ledger_number=row.ledger_number,
        )
        for row in rows
    ]


def _current(connection: Connection, proposal: Proposal) -> list[Kept]:
    return [kept for kept in kept_for(connection, proposal.id) if kept.vote.round == proposal.round]


def _must_count(case: Case, vote: Vote, by: Person, earlier: Sequence[Kept]) -> None:
    """Refuse now what `decide` would not count later, by the same rules."""
    if vote.role not in ROLES:
        raise BadInput(f"no such role: {vote.role[:40]}", place="role", remedy=f"Choose from {', '.join(ROLES)}")
    if ENTRY[vote.transition].any_one:
        raise Refused(
            "it takes one person and no vote", place=vote.transition, remedy="Use `knowdo registry stop GUIDANCE`"
        )
    if reason := why_no_step(case, vote.transition):
        raise Refused(reason, place=vote.transition, remedy="See the proposal for the steps that are open")
    if reason := why_not(case, vote.transition, vote, by):
        kind = NotPermitted if by.is_service or by.roles & NEVER_VOTE.keys() or vote.role not in by.roles else Refused
        raise kind(
            reason, place="vote", remedy="Read the release and its evidence as they are now, and vote in your role"
        )
    who = person_key(vote.person)
    mine = [kept.vote for kept in earlier if person_key(kept.vote.person) == who]
    stands = [one for one in mine if one.transition == vote.transition]
    if stands and stands[-1].vote != "withdraw" and stands[-1].role != vote.role:
        raise Refused(
            f"one person counts for one role, and {vote.person} has voted as {stands[-1].role}",
            place="vote",
            remedy="Withdraw that vote first, or leave this role to someone else",
        )


def _must_give_reason(ballot: Ballot) -> None:
    if len(ballot.reason) > LONGEST_REASON:
        raise BadInput(f"longer than {LONGEST_REASON} characters", place="reason", remedy="Shorten it")
    if not ballot.reason.strip() and (ballot.vote == "reject" or ballot.accepts):
        raise BadInput(
            "dissent, and accepting a doubt, need a reason: it is what the memory is for",
            place="reason",
            remedy="Write one sentence, without patient data",
        )


def _keep(connection: Connection, proposal: Proposal, vote: Vote, reason: str, now: datetime) -> None:
    head = ledger.append(
        connection,
        actor=vote.person,
        role=vote.role,
        action="voted",
        subject=vote.release,
        detail={
            "proposal": proposal.id,
            "transition": vote.transition,
            "vote": vote.vote,
            "evidence": sorted(vote.evidence),
            "accepts": sorted(vote.accepts),
            "reason": reason,
        },
        now=now,
    )
    connection.execute(
        insert(table).values(
            proposal=proposal.id,
            person=vote.person,
            role=vote.role,
            vote=vote.vote,
            transition=vote.transition,
            release=vote.release,
            evidence=sorted(vote.evidence),
            accepts=sorted(vote.accepts),
            reason=reason,
            round=vote.round,
            at=instant_text(now),
            ledger_number=head.number,
        )
    )
