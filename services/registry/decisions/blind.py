"""Blind voting: whoever may still vote on a step is told who has voted on it, and not how.

Hidden is everything from which a direction could be read: words, conditions, accepted doubts, and a role that is
missing although somebody has voted in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.guidance.lifecycle import Person, State, person_key
from services.registry import schemas
from services.registry.decisions.conditions import Condition
from services.registry.decisions.kept_votes import Kept
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.votes import Standing
from services.registry.people.persons import acts_of


def is_blind(viewer: Person, proposal: Proposal, kept: Sequence[Kept], to: State) -> bool:
    """Whether this person may still vote on a step, and so must not be told; who has voted on it, and authors, are."""
    me = person_key(viewer.name)
    if "vote" not in acts_of(viewer) or me in {person_key(author) for author in proposal.authors}:
        return False
    return not any(
        one.vote.round == proposal.round and one.vote.transition == to and person_key(one.vote.person) == me
        for one in kept
    )


def vote_told(viewer: Person, proposal: Proposal, every: Sequence[Kept], kept: Kept) -> dict[str, Any]:
    """One vote; of an open step on which the viewer may still vote, only who and when."""
    vote = kept.vote
    if vote.round < proposal.round or not is_blind(viewer, proposal, every, vote.transition):
        return schemas.kept_shown(kept)
    return {
        "person": vote.person,
        "role": vote.role,
        "vote": None,
        "transition": vote.transition,
        "release": vote.release,
        "round": vote.round,
        "at": kept.at,
    }


def step_told(viewer: Person, proposal: Proposal, kept: Sequence[Kept], standing: Standing) -> dict[str, Any]:
    """How far a step is; to whom may still vote on it, only in which roles somebody has voted, and what the gate found."""
    shown = schemas.standing_shown(standing)
    to = standing.decision.to
    if not is_blind(viewer, proposal, kept, to):
        return shown
    voted = {one.vote.role for one in kept if one.vote.round == proposal.round and one.vote.transition == to}
    # `conditions` is a check of what others asked for with their votes; those of earlier steps are listed by themselves.
    checks = [check for check in standing.checks if check.name != "conditions"]
    hidden: dict[str, Any] = {"agreed": {}, "rejected_by": [], "unconvinced": [], "dissent": [], "not_counted": []}
    return {
        **shown,
        **hidden,
        "passes": False,
        "voted": sorted(voted),
        "missing_roles": [role for role in standing.decision.needed_roles if role not in voted],
        "checks": [schemas.check_shown(check) for check in checks],
        # Each that does not meet, also where somebody has accepted it: that is their word.
        "failed_checks": [check.name for check in checks if check.verdict != "meets"],
    }


def conditions_told(
    viewer: Person, proposal: Proposal, kept: Sequence[Kept], every: Sequence[Condition]
) -> list[Condition]:
    """Conditions, but for those that others set on a step on which the viewer may still vote."""
    return [
        one
        for one in every
        if one.round < proposal.round or not is_blind(viewer, proposal, kept, _step(one.transition))
    ]


def _step(text: str) -> State:
    return text  # type: ignore[return-value]  # kept as it was voted on
