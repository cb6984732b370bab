"""What there is to see: guidance with its releases, votes so far, leases and counts; the console and the API ask here."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from services.guidance.lifecycle import Person
from services.guidance.policies import Policy
from services.registry import schemas
from services.registry.decisions import blind, conditions, proposals, questions, reviews, rollbacks, trials, votes
from services.registry.decisions.lapses import lapses_at
from services.registry.decisions.proposals import Proposal
from services.registry.deployed import deployments, feed
from services.registry.deployed.deployments import Deployment
from services.registry.tables import instant_of, instant_text

MOST_WEIGHED: Final = 5


def proposal_in_full(
    connection: Connection, proposal_id: str, viewer: Person, policy: Policy, now: datetime
) -> dict[str, Any]:
    """One proposal with its evidence, votes, and each open step, as far as this person is told before they vote."""
    proposal = proposals.must_get(connection, proposal_id)
    trial = trials.filed_last(connection, proposal.id)
    rollback = rollbacks.declared(connection, proposal)
    kept = votes.kept_for(connection, proposal.id)
    asked = blind.conditions_told(viewer, proposal, kept, conditions.of_proposal(connection, proposal.id))
    return {
        **schemas.proposal_shown(proposal),
        "round": proposal.round,
        "policy": policy.name,
        "evidence": [schemas.evidence_shown(filed) for filed in proposals.filed_for(connection, proposal.release)],
        "trial": trial.shown if trial is not None else None,
        "conditions": [asdict(one) for one in asked],
        "questions": [asdict(one) for one in questions.of_proposal(connection, proposal.id)],
        "rollback": asdict(rollback) if rollback is not None else None,
        "votes": [blind.vote_told(viewer, proposal, kept, one) for one in kept],
        "steps": [
            blind.step_told(viewer, proposal, kept, votes.stand(connection, proposal, to, policy=policy, now=now))
            for to in votes.decisions_from(proposal.state)
        ],
        **_looked_at(connection, proposal, policy, now),
    }


def all_guidance(connection: Connection, viewer: Person, policy: Policy, now: datetime) -> list[dict[str, Any]]:
    """Every guidance by id, its releases newest first."""
    by_guidance: dict[str, list[Proposal]] = {}
    for proposal in proposals.every(connection):
        by_guidance.setdefault(proposal.guidance, []).append(proposal)
    return [
        _guidance(connection, guidance, known, viewer, policy, now) for guidance, known in sorted(by_guidance.items())
    ]


def _guidance(
    connection: Connection, guidance: str, known: list[Proposal], viewer: Person, policy: Policy, now: datetime
) -> dict[str, Any]:
    running = {one.proposal: one for one in deployments.of_guidance(connection, guidance)}
    counts = feed.totals(connection, guidance)
    releases = [
        {
            **schemas.proposal_shown(proposal),
            **_looked_at(connection, proposal, policy, now),
            "deployment": _deployment(running.get(proposal.id), now),
            # Only the newest are weighed: reading the evidence of every release ever made would grow with history.
            "next": _next_step(connection, proposal, viewer, policy, now) if number < MOST_WEIGHED else None,
            "counts": counts.get(proposal.release, {}),
        }
        for number, proposal in enumerate(known)
    ]
    return {"guidance": guidance, "releases": releases, "workers": feed.workers(connection, guidance)}


def _looked_at(connection: Connection, proposal: Proposal, policy: Policy, now: datetime) -> dict[str, Any]:
    """Whether an overdue review blocks it, and when an approval that nobody uses lapses."""
    known = deployments.of_proposal(connection, proposal.id)
    lapses = lapses_at(connection, proposal, known, policy)
    return {
        "review_blocks": reviews.blocks(connection, proposal, policy, now),
        "approval_lapses_at": None if lapses is None else instant_text(lapses),
    }


def _deployment(deployment: Deployment | None, now: datetime) -> dict[str, Any] | None:
    if deployment is None:
        return None
    left = None  # no manifest has been asked for yet
    if deployment.expires_at is not None:
        left = max(0, int((instant_of(deployment.expires_at) - now).total_seconds()))
    return {
        "deployment": deployment.id,
        "stage": deployment.stage,
        "policy": deployment.policy,
        "sites": list(deployment.sites),
        "hooks": list(deployment.hooks),
        "trial": deployment.trial.shown if deployment.trial is not None else None,
        "changed_at": deployment.changed_at,
        "changed_by": deployment.changed_by,
        "lease_seconds_left": left,
    }


def _next_step(
    connection: Connection, proposal: Proposal, viewer: Person, policy: Policy, now: datetime
) -> dict[str, Any] | None:
    """Who has voted on the next step, and who is missing; not how they voted, which the proposal itself tells."""
    steps = [to for to in votes.steps_from(proposal.state) if to != "retired"]
    if not steps:
        return None
    standing = votes.stand(connection, proposal, steps[0], policy=policy, now=now)
    kept = votes.kept_for(connection, proposal.id)
    decision = standing.decision
    against = (*decision.rejected_by, *decision.unconvinced, *decision.dissent)
    voted = {vote.role for vote in (*decision.counted, *against)}
    return {
        "to": steps[0],
        "voted": sorted(voted),
        # Who has rejected is missing too, but to say so would tell how they voted.
        "missing_roles": list(decision.unheard(voted)),
        "failed_checks": blind.step_told(viewer, proposal, kept, standing)["failed_checks"],
    }
