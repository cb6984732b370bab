"""An update of what the whole committee has let into general use: whether it stays within the plan that they agreed to.

If every line holds, fewer must agree; else everyone, and the first lines that do not hold say why. The plan is bound by
digest: it stands in both releases, and in the entry of the step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from services.guidance.change_plan import ChangePlan
from services.guidance.definition import Guidance
from services.guidance.evidence import Kind
from services.guidance.lifecycle import UPDATES, Check, State
from services.guidance.release import EvidencePack, unpack
from services.guidance.within_plan import (
    EVIDENCE_FILE,
    PlanLine,
    comparison_line,
    file_line,
    plan_digest,
    text_lines,
    updates_line,
)
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.talk_gate import TALK
from services.registry.deployed import deployments
from services.registry.tables import instant_text, ledger

A_YEAR: Final = timedelta(days=365)
NOTHING_TO_UPDATE: Final = "no release of it was let into general use by the full quorum and may go on there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A release beside the one whose change plan may allow it."""

    parent: str
    """Digest of the release that the full quorum let into general use."""
    approved_at: str
    plan: str
    """Digest of its change plan."""
    lines: tuple[PlanLine, ...]

    @property
    def is_within(self) -> bool:
        """Whether every line holds."""
        return all(line.holds for line in self.lines)


def update_of(
    connection: Connection,
    proposal: Proposal,
    to: State,
    *,
    guidance: Guidance,
    packs: Mapping[Kind, EvidencePack],
    checks: Sequence[Check],
    now: datetime,
) -> Update | None:
    """What this step would update, held against its plan; None where no plan could allow it."""
    if (proposal.state, to) not in UPDATES:
        return None
    found = _parent(connection, proposal)
    if found is None:
        return None
    parent, approved_at = found
    old = proposals.definition_of(connection, parent.release)
    if old.change_plan is None:
        return None
    lines = _lines(connection, proposal, parent, old, old.change_plan, guidance, packs, checks, now)
    return Update(parent=parent.release, approved_at=approved_at, plan=plan_digest(old.change_plan), lines=tuple(lines))


def _lines(
    connection: Connection,
    proposal: Proposal,
    parent: Proposal,
    old: Guidance,
    plan: ChangePlan,
    new: Guidance,
    packs: Mapping[Kind, EvidencePack],
    checks: Sequence[Check],
    now: datetime,
) -> Iterator[PlanLine]:
    yield from text_lines(old, new)
    yield file_line(
        unpack(proposals.release_bytes(connection, parent.release), expected_digest=parent.release),
        unpack(proposals.release_bytes(connection, proposal.release), expected_digest=proposal.release),
        old,
    )
    yield updates_line(plan, _updates_before(connection, proposal, since=now - A_YEAR))
    training = packs.get("training")
    data = training.files.get(EVIDENCE_FILE) if training is not None else None
    yield comparison_line(plan, data, release=proposal.release, against=parent.release)
    # What people asked holds the step by itself; here it would tell those who are blind that a condition was set.
    doubts = [check.name for check in checks if check.verdict != "meets" and check.name not in TALK]
    yield PlanLine(
        name="limits",
        asked="Every rule of the gate is met, alert budget and limits among them, and no doubt has to be accepted",
        found=", ".join(doubts) or "all are met",
        holds=not doubts,
    )


def _parent(connection: Connection, proposal: Proposal) -> tuple[Proposal, str] | None:
    """The last that the full quorum let into general use, if it is there or only made way, and since when."""
    found = []
    for one in proposals.every(connection, guidance=proposal.guidance):
        if one.id == proposal.id or not _may_go_on(connection, one):
            continue
        last = next((step for step in _steps(connection, one) if step["detail"]["to"] == "general"), None)
        if last is not None and not _is_reduced(last):
            found.append((one, str(last["at"])))
    return max(found, key=lambda pair: pair[1], default=None)


def _may_go_on(connection: Connection, one: Proposal) -> bool:
    """In general use, or suspended only because another took its place; nobody stopped it."""
    if one.state == "general":
        return True
    place = deployments.of_proposal(connection, one.id)
    return (one.state, one.stopped_at) == ("suspended", "general") and place is not None and bool(place.replaced_by)


def _updates_before(connection: Connection, proposal: Proposal, *, since: datetime) -> int:
    """Other releases of the guidance that fewer people let speak, since then."""
    others = [one for one in proposals.every(connection, guidance=proposal.guidance) if one.id != proposal.id]
    return sum(
        any(_is_reduced(step) and step["at"] > instant_text(since) for step in _steps(connection, one))
        for one in others
    )


def _steps(connection: Connection, one: Proposal) -> list[dict[str, Any]]:
    """The steps of a release that were taken, the last one first."""
    asked = select(ledger.c.entry).where(ledger.c.subject == one.release).order_by(ledger.c.number.desc())
    told = (msgspec.json.decode(text) for text in connection.execute(asked).scalars())
    return [entry for entry in told if entry["action"] == "moved"]


def _is_reduced(step: Mapping[str, Any]) -> bool:
    # An entry of before says nothing of its quorum: it was the full one.
    return bool(step["detail"].get("quorum", {}).get("kind") == "reduced")
