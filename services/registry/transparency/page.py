"""The page in plain words that every card leads to: what it is, its risks, and every source attribute with its origin.

Readable without an account where the organisation so sets. It says "source-attribute complete" or what is missing, and
claims no certification.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotFound
from services.guidance.policies import POLICIES, Policy
from services.guidance.transparency.disclosed import Filled, is_evidence_based
from services.registry.console.shell import page_router, render
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.deployed.deployments import of_guidance
from services.registry.desk import Desk, DeskDep
from services.registry.transparency.about import About, about, current
from services.registry.transparency.readers import PublicReader

router: Final = page_router()


@router.get("/releases/{digest}/plain")
async def plain_page(digest: str, request: Request, desk: DeskDep, visitor: PublicReader) -> Response:
    """One release in plain words."""

    def ask(connection: Connection) -> tuple[About, Policy]:
        proposal = proposals.by_release(connection, digest)
        if proposal is None:
            raise NotFound(
                "no such release here", place=digest[:80], remedy="Follow the link of a card, or ask the registry"
            )
        return _seen(connection, proposal, desk)

    found, policy = await desk.read(ask)
    return await render("plain.html.j2", request, visitor, policy=policy, **_facts(found))


@router.get("/guidance/{guidance}/plain")
async def plain_page_of_guidance(guidance: str, request: Request, desk: DeskDep, visitor: PublicReader) -> Response:
    """The release of a guidance that is furthest, in plain words."""
    found, policy = await desk.read(lambda connection: _seen(connection, current(connection, guidance), desk))
    return await render("plain.html.j2", request, visitor, policy=policy, **_facts(found))


def _seen(connection: Connection, proposal: Proposal, desk: Desk) -> tuple[About, Policy]:
    # What was agreed under the demo policy says so, whatever policy the registry runs under today.
    named = {one.policy for one in of_guidance(connection, proposal.guidance) if one.proposal == proposal.id}
    policy = POLICIES["demo"] if "demo" in named else desk.policy
    return about(connection, proposal, now=desk.now()), policy


def _facts(found: About) -> dict[str, Any]:
    kinds = [
        _kind("Source attributes of predictive decision support", "(b)(11)(iv)(B)", found.attributes["predictive"])
    ]
    if is_evidence_based(found.facts):
        said = "Source attributes of evidence-based decision support"
        kinds.append(_kind(said, "(b)(11)(iv)(A)", found.attributes["evidence-based"]))
    complete, whole = found.checks
    return {
        "about": found,
        "guidance": found.facts.guidance,
        "proposal": found.proposal,
        "kinds": kinds,
        "attributes_check": complete,
        "register_check": whole,
    }


def _kind(heading: str, paragraph: str, filled: Sequence[Filled]) -> dict[str, object]:
    """The attributes of one paragraph, group by group in the order of the rule."""
    groups = [(name, list(those)) for name, those in groupby(filled, key=lambda one: one.attribute.group)]
    return {"heading": heading, "paragraph": paragraph, "n": len(filled), "groups": groups}
