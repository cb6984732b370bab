"""What a reader must be told before a release moves: its risks before it computes, all of its attributes before it is general."""

from __future__ import annotations

from collections.abc import Iterator

from services.guidance.lifecycle import RUNNING, Check
from services.guidance.transparency.disclosed import attributes_check
from services.guidance.transparency.risk_register import register_check
from services.registry.decisions.gate_facts import GateFacts


def transparency_gate(facts: GateFacts) -> Iterator[Check]:
    """The risk register from silent on; that the source attributes are complete, before general."""
    told = facts.around.told
    if told is None or facts.to not in RUNNING:
        return
    yield register_check(told.facts)
    if facts.to == "general":
        yield attributes_check(told.facts, told.attributes)
