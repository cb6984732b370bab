"""Two releases of one guidance on one page: words first, hashes second. The address holds which two."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotFound
from services.guidance.ready import open_release
from services.guidance.release import unpack
from services.registry.console import compare
from services.registry.console.compare import Side
from services.registry.console.guidance_page import known_releases
from services.registry.console.reader import Reader
from services.registry.console.shell import page_router, render
from services.registry.decisions import gates, proposals
from services.registry.decisions.proposals import Proposal
from services.registry.desk import DeskDep

router = page_router()
Digest = Annotated[str, Query(max_length=80)]


@router.get("/console/guidance/{guidance}/compare")
async def compare_page(
    guidance: str, request: Request, desk: DeskDep, visitor: Reader, new: Digest = "", old: Digest = ""
) -> Response:
    """What differs; without `new` and `old` the newest release against the one before it."""
    facts = await desk.read(lambda connection: _facts(connection, guidance, new, old))
    return await render("compare.html.j2", request, visitor, guidance=guidance, **facts)


def _facts(connection: Connection, guidance: str, new: str, old: str) -> dict[str, Any]:
    known = known_releases(connection, guidance)
    choices = [(one.release, f"{one.release[7:19]}, {one.state}, {one.added_at[:10]}") for one in known]
    ours = _chosen(known, new) if new else known[0]
    others = [one for one in known if one.id != ours.id]
    theirs = _chosen(known, old) if old else next(iter(others), None)
    if theirs is None or theirs.id == ours.id:
        return {"choices": choices, "new": None, "old": None, "same": theirs is not None}
    a, b = side_of(connection, ours), side_of(connection, theirs)
    return {
        "choices": choices,
        "new": a,
        "old": b,
        "measured": compare.measured(a, b),
        "changes": compare.changes(a, b),
        "drawing": compare.overlaid(a, b),
        "files": compare.files_changed(a, b),
        "diff": compare.text_diff(a, b),
    }


def _chosen(known: list[Proposal], digest: str) -> Proposal:
    for one in known:
        if one.release == digest:
            return one
    raise NotFound("no such release of this guidance", place=digest[:80], remedy="Choose one from the list")


def side_of(connection: Connection, proposal: Proposal) -> Side:
    """A release with what is known of it."""
    bundle = unpack(proposals.release_bytes(connection, proposal.release), expected_digest=proposal.release)
    packs = proposals.latest_packs(connection, proposal.release)
    return Side(
        name=f"{bundle.version} ({proposal.release[7:13]})",
        bundle=bundle,
        release=open_release(bundle),
        evaluation=gates.read_evaluation(packs["training"]) if "training" in packs else None,
    )
