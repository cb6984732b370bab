"""What a release must say of itself before anybody works on it: what it is for, whose it is, how it may do harm."""

from __future__ import annotations

from collections.abc import Iterator

from services.guidance.definition import Guidance
from services.guidance.lifecycle import Check
from services.guidance.release import canonical_json, digest_of
from services.registry.decisions.checked import met
from services.registry.decisions.gate_facts import GateFacts


def registration_gate(facts: GateFacts) -> Iterator[Check]:
    """Asked before development."""
    if facts.to != "development":
        return
    about = facts.guidance.about
    said = {
        "who made it": about.developer,
        "who paid for it": about.funding,
        "the question that it answers": about.question,
        "its intended use": about.intended_use,
        "who reads it": " ".join(about.intended_users),
        "what it is not for": " ".join(about.not_for),
        "the harm of a false alarm": about.harm_of_false_positive,
        "the harm of a miss": about.harm_of_false_negative,
        "for whom it may be worse": about.equity,
    }
    left = [name for name, text in said.items() if not text.strip()]
    yield Check(
        name="registered",
        asked="It says whose it is, what it is for and not for, and how it may do harm",
        found=f"not said: {', '.join(left)}"
        if left
        else f"all said; risk tier {facts.guidance.policy.risk_tier}, {_tool_class(facts.guidance)}",
        verdict=met(not left),
    )
    limits = digest_of(canonical_json(facts.guidance.evidence.model_dump(mode="json")))
    yield Check(
        name="analysis-plan",
        asked="The limits that the evidence is held against stand in the release",
        found=f"limits {limits[:19]}…",
        verdict="meets",
    )


def _tool_class(guidance: Guidance) -> str:
    learned = [one for one in guidance.all_predictions.values() if one.model.published is None]
    return "data-driven" if learned else "a published score"
