"""Every variable that a template of a guidance may name, with its value for one call: a card itself computes only those it names."""

from __future__ import annotations

from typing import Any

from services.guidance.definition import Guidance
from services.guidance.words.card_facts import CardFacts, reasons_of
from services.guidance.words.card_variables import Variables, names_of


def variables_of(guidance: Guidance, facts: CardFacts) -> dict[str, Any]:
    """Every name of `names_of`, with its value."""
    reasons = reasons_of(guidance, facts.values, facts.contributions)
    return Variables(guidance, names_of(guidance)).of(facts, reasons)
