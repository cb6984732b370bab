"""What a reader must be told before a release moves: its risks before it computes, all of its attributes before it is general."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from services.guidance.evidence import Kind
from services.guidance.lifecycle import Check, State
from services.guidance.release import EvidencePack
from services.guidance.transparency.disclosed import attributes_check, disclose
from services.guidance.transparency.risk_register import register_check
from services.registry.decisions.proposals import Proposal
from services.registry.transparency import edits
from services.registry.transparency.about import facts_of


def transparency_checks(
    connection: Connection, proposal: Proposal, to: State, packs: Mapping[Kind, EvidencePack], *, now: datetime
) -> tuple[Check, ...]:
    """The risk register from silent on; that the source attributes are complete, before general."""
    if to not in ("silent", "pilot", "general"):
        return ()
    facts = facts_of(connection, proposal, packs)
    found = [register_check(facts)]
    if to == "general":
        filled = disclose(facts, edits=edits.in_force(connection, proposal.guidance), now=now)
        found.append(attributes_check(facts, filled))
    return tuple(found)
