"""Try: what would a clinician see for this made-up patient? The CDS computes it; here it is drawn, and nothing is kept.

A request whose resources are not labelled as test data never leaves the registry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotFound, Unavailable
from services.guidance.lifecycle import RUNNING
from services.guidance.made_up import refuse_untagged
from services.plumbing.cds_client import CdsClient
from services.plumbing.web import decode
from services.registry.console.card_view import LONGEST_SUMMARY
from services.registry.console.made_up_requests import made_up_requests
from services.registry.console.reader import Reader
from services.registry.console.refused import Faults, said_of
from services.registry.console.shell import page_router, render
from services.registry.console.try_sides import Side, differing, inputs_beside, prefetch_beside, sides_of
from services.registry.deployed import leases
from services.registry.desk import DeskDep
from services.registry.people.pages import one_of
from services.registry.people.visitor import Visitor, checked_form
from services.timeline.errors import BadInput, KnowdoError

router = page_router()
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


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
    """The answer beneath the form, of two releases beside each other; or what is wrong with what was sent."""
    fields = await checked_form(request, visitor)
    text, guidance, beside = one_of(fields, "request"), one_of(fields, "guidance"), one_of(fields, "beside")
    sides: list[Side] = []
    faults: list[tuple[str, str]] = []
    status = 200
    try:
        sides = await _tried(request, text, [guidance, *([beside] if beside else [])])
    except KnowdoError as fault:
        faults = [(fault.place if fault.place in {"guidance", "beside"} else "request", said_of(fault))]
        status = 400 if isinstance(fault, BadInput) else 404 if isinstance(fault, NotFound) else 503
    return await _page(
        request, desk, visitor, text=text, guidance=guidance, beside=beside, sides=sides, faults=faults, status=status
    )


async def _tried(request: Request, text: str, asked_of: Sequence[str]) -> list[Side]:
    """The same call to one release or two, at once."""
    cds: CdsClient | None = request.app.state.cds
    if cds is None:
        raise Unavailable("no CDS is named", place="Try", remedy="Set KNOWDO_REGISTRY_CDS_URL")
    if not asked_of[0]:
        raise BadInput("no guidance is chosen", place="guidance", remedy="Choose one")
    named = [one.partition(" ") for one in asked_of]
    if len(set(asked_of)) < len(asked_of):
        raise BadInput("that is the same release twice", place="beside", remedy="Choose another, or nothing")
    if len({guidance for guidance, _, _ in named}) > 1:
        raise BadInput(
            "these are two guidance", place="beside", remedy="Choose two releases of one: they answer the same call"
        )
    asked = decode(_OBJECT, text.encode(), place="request")
    refuse_untagged(asked)
    answers = await asyncio.gather(*(cds.try_out(name, asked, release=release) for name, _, release in named))
    return sides_of([(f"{one['stage']}, {one['release'][7:19]}", one) for one in answers])


async def _page(
    request: Request,
    desk: DeskDep,
    visitor: Visitor,
    *,
    text: str,
    guidance: str,
    beside: str = "",
    example: str = "",
    sides: Sequence[Side] = (),
    faults: Faults = (),
    status: int = 200,
) -> Response:
    running = await desk.read(lambda connection: _running(connection, desk.now()))
    chosen = next((value for value, _ in running if value == guidance or value.partition(" ")[0] == guidance), "")
    inputs = inputs_beside(*sides) if len(sides) == 2 else []
    return await render(
        "try.html.j2", request, visitor, status=status,
        examples=made_up_requests().values(), example=example, text=text, chosen=chosen, beside=beside,
        running=running, can_ask=request.app.state.cds is not None, faults=faults, wrong=dict(faults),
        sides=sides, inputs=inputs, differing=differing(inputs), longest=LONGEST_SUMMARY,
        prefetch=prefetch_beside(*sides) if len(sides) == 2 else [],
    )  # fmt: skip


def _running(connection: Connection, now: datetime) -> list[tuple[str, str]]:
    """What a worker computes: `guidance digest`, and its name for people; what is further along first."""
    running = [one for one in leases.current(connection, now=now) if one.stage in RUNNING]
    found = sorted(running, key=lambda one: (one.guidance, -RUNNING.index(one.stage), one.release))
    return [(f"{one.guidance} {one.release}", f"{one.guidance} ({one.stage}, {one.release[7:19]})") for one in found]
