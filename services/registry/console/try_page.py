"""Try: what would a clinician see for this made-up patient? The CDS computes it; here it is drawn, and nothing is kept.

A request whose resources are not labelled as test data never leaves the registry.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import Query
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotFound, Unavailable
from services.guidance.made_up import refuse_untagged
from services.plumbing.cds_client import CdsClient
from services.plumbing.web import decode
from services.registry.console.card_view import LONGEST_SUMMARY, view_of
from services.registry.console.made_up_requests import made_up_requests
from services.registry.console.reader import Reader
from services.registry.console.refused import said_of
from services.registry.console.shell import page_router, render
from services.registry.desk import DeskDep
from services.registry.people.pages import one_of
from services.registry.people.visitor import Visitor, checked_form
from services.registry.tables import deployments
from services.timeline.errors import BadInput, KnowdoError

router = page_router()
RUNS: Final = ("silent", "pilot", "general")
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_NOT_SHOWN: Final = {
    "below-band": "the risk, or what else the policy asks, is below every band that has a card",
    "outside": "the guidance is not meant for this patient, or for this moment",
    "silent": "the release is in its silent stage: it is computed and nobody sees it",
    "suppressed": "a rule of the policy keeps it back",
    "suspended": "it is not approved here",
    "abstained": "too much is not known to say anything",
    "unknown": "required data is not known; in use, the EHR would get an error (412) and staff would see no card",
    "failed": "it could not be computed; in use, the EHR would get an error (503) and staff would see no card",
}


@router.get("/console/try")
async def try_page(
    request: Request, desk: DeskDep, visitor: Reader, example: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """The form, filled with one of the made-up requests if one was chosen."""
    chosen = made_up_requests().get(example)
    if example and chosen is None:
        raise NotFound("no made-up request of that name", place="example", remedy="Choose one on the page")
    text, guidance = (chosen.at(desk.now()), chosen.guidance) if chosen else ("", "")
    return await _page(request, desk, visitor, example=example, text=text, guidance=guidance)


@router.post("/console/try")
async def try_out(request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """The answer beneath the form, or what is wrong with what was sent."""
    fields = await checked_form(request, visitor)
    text, guidance = one_of(fields, "request"), one_of(fields, "guidance")
    tried: dict[str, Any] | None = None
    problem, status = "", 200
    try:
        tried = await _tried(request, text, guidance)
    except KnowdoError as fault:
        problem = said_of(fault)
        status = 400 if isinstance(fault, BadInput) else 404 if isinstance(fault, NotFound) else 503
    return await _page(
        request, desk, visitor, text=text, guidance=guidance, tried=tried, problem=problem, status=status
    )


async def _tried(request: Request, text: str, guidance: str) -> dict[str, Any]:
    cds: CdsClient | None = request.app.state.cds
    if cds is None:
        raise Unavailable("no CDS is named", place="Try", remedy="Set KNOWDO_REGISTRY_CDS_URL")
    if not guidance:
        raise BadInput("no guidance is chosen", place="guidance", remedy="Choose one")
    asked = decode(_OBJECT, text.encode(), place="request")
    refuse_untagged(asked)
    name, _, release = guidance.partition(" ")
    return await cds.try_out(name, asked, release=release)


async def _page(
    request: Request,
    desk: DeskDep,
    visitor: Visitor,
    *,
    text: str,
    guidance: str,
    example: str = "",
    tried: dict[str, Any] | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    running = await desk.read(_running)
    chosen = next((value for value, _ in running if value == guidance or value.partition(" ")[0] == guidance), "")
    cards = [view_of(card) for card in tried["answer"]["cards"]] if tried is not None else []
    return await render(
        "try.html.j2", request, visitor, status=status,
        examples=made_up_requests().values(), example=example, text=text, chosen=chosen, running=running,
        can_ask=request.app.state.cds is not None, problem=problem,
        tried=tried, cards=cards, longest=LONGEST_SUMMARY,
        why=_NOT_SHOWN.get(tried["status"], tried["status"]) if tried is not None else "",
        said=msgspec.json.format(msgspec.json.encode(tried["answer"]), indent=1).decode() if tried is not None else "",
    )  # fmt: skip


def _running(connection: Connection) -> list[tuple[str, str]]:
    """What a worker computes: `guidance digest`, and its name for people; what is further along first."""
    kept = deployments.c
    asked = select(kept.guidance, kept.stage, kept.release).where(kept.stage.in_(RUNS))
    found = sorted(connection.execute(asked), key=lambda row: (row.guidance, -RUNS.index(row.stage), row.release))
    return [(f"{row.guidance} {row.release}", f"{row.guidance} ({row.stage}, {row.release[7:19]})") for row in found]
