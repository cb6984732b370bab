"""Whether what is to be promoted was looked at again when it was due."""

from __future__ import annotations

from collections.abc import Iterator

from services.guidance.lifecycle import SPEAKING, Check
from services.registry.decisions.gate_facts import GateFacts


def review_gate(facts: GateFacts) -> Iterator[Check]:
    """Says nothing while no review is overdue beyond the policy's grace; going on in its own stage is the way out."""
    due, around = facts.around.review_overdue, facts.around
    if not due or facts.to not in SPEAKING or facts.to == around.state:
        return
    tier = facts.guidance.policy.risk_tier
    yield Check(
        name="review-overdue",
        asked=f"Its review is at most {facts.policy.grace_days[tier]} days overdue, as its risk is {tier}",
        found=f"it was due by {due}; first vote that it goes on in {around.state}",
        verdict="does not meet",
    )
