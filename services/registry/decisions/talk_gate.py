"""What people left open: conditions that were set, and questions that wait for an answer. Retirement waits for neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.lifecycle import Check
from services.registry.decisions.gate_facts import GateFacts

CONDITIONS: Final = "conditions"
TALK: Final = frozenset({CONDITIONS, "questions"})
"""Checks of what people left open, not of facts."""


def talk_gate(facts: GateFacts) -> Iterator[Check]:
    """Asked before every step that leads on."""
    if facts.to == "retired":
        return
    if conditions := facts.around.conditions:
        yield Check(
            name=CONDITIONS,
            asked="Every condition that must be met before this step is closed",
            found="; ".join(f"{one.number}: {one.person}, closed by a {one.closes}" for one in conditions),
            verdict="does not meet",
            numbers={"open": len(conditions)},
        )
    if questions := facts.around.questions:
        yield Check(
            name="questions",
            asked="Every blocking question is closed",
            found="; ".join(f"{one.number}: {one.person} ({one.role})" for one in questions),
            verdict="does not meet",
            numbers={"open": len(questions)},
        )
