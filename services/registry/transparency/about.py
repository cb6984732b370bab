"""All that is disclosed of one guidance, gathered from what the registry holds: for the gate, the API and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, select

from services.guidance.checking.transparency import read_transparency
from services.guidance.errors import NotFound
from services.guidance.evidence import Kind
from services.guidance.lifecycle import RUNNING, Check
from services.guidance.ready import read_definition
from services.guidance.release import EvidencePack, unpack
from services.guidance.transparency.disclosed import Filled, attributes_check, disclose
from services.guidance.transparency.disclosure import Transparency
from services.guidance.transparency.readings import Dated, Facts
from services.guidance.transparency.risk_register import Register, register_check, register_of
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.tables import releases
from services.registry.transparency import edits

Kinds = Mapping[Literal["predictive", "evidence-based"], tuple[Filled, ...]]
_MOST_TRUSTED: Final = (*reversed(RUNNING), "suspended", "development", "registered", "retired")
_DATES: Final = 20  # releases whose dates are told


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One release of a guidance, and everything that is said of it."""

    proposal: Proposal
    facts: Facts
    attributes: Kinds
    register: Register

    @property
    def checks(self) -> tuple[Check, ...]:
        """Whether the attributes and the register are complete."""
        return (attributes_check(self.facts, self.attributes), register_check(self.facts))

    @property
    def shown(self) -> dict[str, Any]:
        """As JSON."""
        guidance = self.facts.guidance
        return {
            "guidance": guidance.id,
            "title": guidance.title,
            "version": guidance.version,
            "release": self.facts.release,
            "state": self.proposal.state,
            "sourceAttributeComplete": self.checks[0].verdict == "meets",
            "found": self.checks[0].found,
            "attributes": {
                "(b)(11)(iv)(B)": [one.shown for one in self.attributes["predictive"]],
                "(b)(11)(iv)(A)": [one.shown for one in self.attributes["evidence-based"]],
            },
        }


def current(connection: Connection, guidance: str) -> Proposal:
    """The release of a guidance that a reader asks about: the furthest that runs, else the newest; NotFound if none."""
    known = proposals.every(connection, guidance=guidance)
    if not known:
        raise NotFound("no such guidance here", place=guidance[:80], remedy="See `GET /guidance` for what there is")
    return min(known, key=lambda one: _MOST_TRUSTED.index(one.state))  # the first is the newest of its state


def facts_of(connection: Connection, proposal: Proposal, packs: Mapping[Kind, EvidencePack] | None = None) -> Facts:
    """What is known of a release, its bytes verified again; `packs`, where the latest have been read already."""
    bundle = unpack(proposals.release_bytes(connection, proposal.release), expected_digest=proposal.release)
    rows = connection.execute(
        select(releases.c.version, releases.c.added_at)
        .where(releases.c.guidance == proposal.guidance, releases.c.added_at <= proposal.added_at)
        .order_by(releases.c.added_at.desc())
        .limit(_DATES)
    )
    return Facts(
        guidance=read_definition(bundle),
        release=proposal.release,
        disclosed=read_transparency(bundle.files) or Transparency(),
        packs=proposals.latest_packs(connection, proposal.release) if packs is None else packs,
        dates=tuple(Dated(version=row.version, day=row.added_at[:10]) for row in rows)[::-1],
    )


def about(connection: Connection, proposal: Proposal, *, now: datetime) -> About:
    """Everything that is disclosed of a release, computed now."""
    facts = facts_of(connection, proposal)
    kept = edits.in_force(connection, proposal.guidance)
    return About(
        proposal=proposal, facts=facts, attributes=disclose(facts, edits=kept, now=now), register=register_of(facts)
    )
