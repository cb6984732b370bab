"""A release from elsewhere is tested here: training and silent evidence of another organisation opens no gate of this one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.lifecycle import ENTRY, Check
from services.registry.decisions import origins
from services.registry.decisions.checked import check, met
from services.registry.decisions.gate_facts import GateFacts

_ASKED: Final = "Found on this organisation's own records, not on those where the release comes from"


def tested_here_gate(facts: GateFacts) -> Iterator[Check]:
    """One check for each report that the step needs, if the release was imported; none for a release made here."""
    origin = facts.around.origin
    if origin is None:
        return
    for kind in ENTRY[facts.to].evidence:
        if kind in origins.REPORTS and kind in facts.packs:
            is_theirs = origins.is_foreign(facts.packs[kind], facts.around.foreign)
            yield check(
                f"{kind}-tested-here",
                _ASKED,
                f"the report that came from {origin.issuer}"
                if is_theirs
                else "another report than any that came with it",
                met(not is_theirs),
                facts.packs[kind],
            )
