"""Votes: cast by a person in a role, bound to a release, a step, and the evidence and trial read; kept, dissent too.

A vote that no rule would count is refused when it is cast, with the rule named. When the last role agrees and the
gate is open, the step is taken in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from services.guidance.counting import Decision, decide
from services.guidance.lifecycle import CONTINUES, ENTRY, RUNNING, SPEAKING, TRANSITIONS, UPDATES, Check, Person, State
from services.guidance.policies import Policy
from services.registry.decisions import conditions, kept_votes, lapses, proposals, trials
from services.registry.decisions.ballots import Ballot, must_be_said, must_count, must_have_plans, vote_of
from services.registry.decisions.cases import case_of
from services.registry.decisions.gates import check_gate
from services.registry.decisions.kept_votes import Kept, kept_for
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.surroundings import surroundings_of
from services.registry.decisions.talk_gate import CONDITIONS
from services.registry.decisions.updates import NOTHING_TO_UPDATE, Update, update_of
from services.registry.deployed import deployments
from services.registry.memory import ledger
from services.registry.people import persons

__all__ = [
    "CONTINUED",
    "Ballot",
    "Kept",
    "Standing",
    "cast",
    "decisions_from",
    "kept_for",
    "move",
    "settle",
    "stand",
    "steps_from",
]


CONTINUED: Final = "continued"
"""What the ledger calls the decision of a review that a release goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a proposal is on one step: its decision, and every check of the gate."""

    proposal: Proposal
    decision: Decision
    checks: tuple[Check, ...]
    update: Update | None = None
    """What it updates, held against the change plan; None where no plan could allow it."""

    @property
    def quorum(self) -> dict[str, Any]:
        """Which quorum the step takes and why, as the ledger and the API say it."""
        if self.update is None:
            return {"kind": "full", "why": NOTHING_TO_UPDATE if self._is_step_of_updates else ""}
        beyond = "; ".join(f"{line.name}: {line.found}" for line in self.update.lines if not line.holds)
        plan = f"the change plan that the full quorum agreed to with {self.update.parent[:19]}…"
        kind = "reduced" if self.decision.one_of else "full"
        why = f"outside {plan}: {beyond}" if beyond else f"within {plan}"
        if kind == "full" and not beyond:
            why += "; the policy knows no reduced quorum"
        return {"kind": kind, "why": why, "parent": self.update.parent, "plan": self.update.plan}

    @property
    def _is_step_of_updates(self) -> bool:
        return (self.proposal.state, self.decision.to) in UPDATES

    @property
    def checks_of_facts(self) -> tuple[Check, ...]:
        """Without that of conditions: it tells what others asked for with their votes."""
        return tuple(check for check in self.checks if check.name != CONDITIONS)


def cast(
    connection: Connection, proposal_id: str, ballot: Ballot, *, by: Person, policy: Policy, now: datetime
) -> Standing:
    """Keep a vote; take the step if it completes the quorum and the gate is open."""
    proposal = proposals.must_get(connection, proposal_id, for_change=True)
    proposal = lapses.take_back(connection, proposal, policy, now)
    case = case_of(connection, proposal, policy=policy, now=now)
    vote = vote_of(ballot, by=by, round_=case.round, policy=policy, now=now)
    earlier = [kept.vote for kept in kept_for(connection, proposal.id) if kept.vote.round == case.round]
    must_count(case, vote, by, earlier, now=now)
    must_be_said(ballot)
    asked = conditions.checked(ballot.conditions, vote=vote)
    kept_votes.keep(connection, proposal.id, vote, reason=ballot.reason, conditions=asked, now=now)
    # Whoever has a conflict of interest does not hold anything up either; their words are in the memory.
    conditions.keep(connection, proposal.id, vote, () if vote.conflict else asked, now=now)
    standing = stand(connection, proposal, ballot.transition, policy=policy, now=now)
    must_have_plans(ballot, standing.checks)
    if not standing.decision.passes:
        return standing
    moved = move(connection, standing, by=by, policy=policy, now=now)
    return replace(standing, proposal=moved)


def settle(connection: Connection, proposal_id: str, *, by: Person, policy: Policy, now: datetime) -> Proposal:
    """Take the step that is complete now that something in its way was closed; the proposal as it is afterwards."""
    proposal = proposals.must_get(connection, proposal_id, for_change=True)
    proposal = lapses.take_back(connection, proposal, policy, now)
    here = {kept.vote.transition for kept in kept_for(connection, proposal.id) if kept.vote.round == proposal.round}
    for to in decisions_from(proposal.state):
        if to in here:
            standing = stand(connection, proposal, to, policy=policy, now=now)
            if standing.decision.passes:
                return move(connection, standing, by=by, policy=policy, now=now)
    return proposal


def stand(connection: Connection, proposal: Proposal, to: State, *, policy: Policy, now: datetime) -> Standing:
    """Where a proposal stands on one step, with the people as they are now."""
    guidance = proposals.definition_of(connection, proposal.release)
    packs = proposals.latest_packs(connection, proposal.release) if ENTRY[to].evidence else {}
    checks = check_gate(
        to,
        guidance=guidance,
        release=proposal.release,
        packs=packs,
        policy=policy,
        around=surroundings_of(connection, proposal, to, packs=packs, policy=policy, now=now),
    )
    here = [kept.vote for kept in kept_for(connection, proposal.id) if kept.vote.round == proposal.round]
    update = update_of(connection, proposal, to, guidance=guidance, packs=packs, checks=checks, now=now)
    decision = decide(
        case=case_of(connection, proposal, policy=policy, now=now),
        to=to,
        votes=[vote for vote in here if vote.transition == to],
        people=persons.everyone(connection),
        now=now,
        checks=checks,
        further_roles=policy.further_roles(guidance.policy.risk_tier, to),
        reduced=policy.reduced if update is not None and update.is_within else None,
    )
    return Standing(proposal=proposal, decision=decision, checks=checks, update=update)


def steps_from(state: State) -> tuple[State, ...]:
    """The states that a vote may lead to from here, the next one first."""
    return tuple(to for (source, to), rule in TRANSITIONS.items() if source == state and not rule.any_one)


def decisions_from(state: State) -> tuple[State, ...]:
    """The same, and last the stage itself where a review may let it go on."""
    return (*steps_from(state), state) if state in CONTINUES else steps_from(state)


def move(connection: Connection, standing: Standing, *, by: Person, policy: Policy, now: datetime) -> Proposal:
    """Take a step that was decided: the state, the ledger and the deployment change together. Going on changes only the day."""
    proposal, to, decision = standing.proposal, standing.decision.to, standing.decision
    moved = proposals.change_state(connection, proposal, to, now=now)
    guidance = proposals.definition_of(connection, proposal.release)
    review_by = ""
    if to in RUNNING:
        review_by = f"{now + timedelta(days=policy.review_days[guidance.policy.risk_tier]):%Y-%m-%d}"
    moved = proposals.review_until(connection, moved, review_by)
    if to != proposal.state and to in ("silent", "pilot", "general", "retired"):
        deployments.enter_stage(connection, moved, to, guidance=guidance, policy=policy, by=by, now=now)
    trial = trials.in_force(connection, proposal.id) if to in SPEAKING else None
    left = [one.number for one in conditions.of_proposal(connection, proposal.id) if one.state == "open"]
    ledger.append(
        connection,
        actor="registry",
        role="registry",
        action="moved" if to != proposal.state else CONTINUED,
        subject=proposal.release,
        detail={
            "proposal": proposal.id,
            "guidance": proposal.guidance,
            "from": proposal.state,
            "to": to,
            "policy": policy.name,
            "quorum": standing.quorum,
            "agreed": {vote.role: vote.person for vote in decision.counted},
            "dissent": {vote.role: vote.person for vote in decision.dissent},
            "checks": [
                {"name": one.name, "verdict": one.verdict, "found": one.found, "evidence": one.evidence}
                for one in standing.checks
            ],
            **({"trial": trial.digest} if trial is not None else {}),
            **({"review_by": review_by} if review_by else {}),
            **({"open_conditions": left} if left else {}),
        },
        now=now,
    )
    return moved
