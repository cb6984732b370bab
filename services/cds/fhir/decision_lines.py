"""`/decisions/export`: the log as it is, one JSON line a decision with its feedback, oldest first; what the learner reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.cds.callers.readers import Role
from services.cds.decisions.access import Access, note
from services.cds.fhir.api import role_of, room_of
from services.cds.fhir.room import FhirRoom
from services.cds.fhir.searching import read_moment
from services.timeline.instants import instant_text

router = APIRouter()
_TIMES: Final = ("at", "index_at", "received_at")


@router.get("/decisions/export")
async def export(request: Request, guidance: str = "", since: str = "") -> Response:
    """Decisions with their feedback as NDJSON, oldest first; for the learner, with its token."""
    room, role = room_of(request), role_of(request, "learner")
    moment = read_moment(since, name="since") if since else 0
    lines = _lines(room, role, guidance=guidance, since=moment)
    return StreamingResponse(iterate_in_threadpool(lines), media_type="application/x-ndjson")


def _lines(room: FhirRoom, role: Role, *, guidance: str, since: int) -> Iterator[bytes]:
    """Each decision a line, with times that people can read; a page is recorded before it leaves."""
    for page in room.log.export(guidance=guidance, since=since):
        access = Access(at=time.time_ns() // 1000, role=role, action="export", what="decisions", found=len(page))
        note(room.log.engine, room.pseudonyms, access)
        for row in page:
            for part in (row, *row["feedback"]):
                part |= {name: instant_text(part[name]) for name in _TIMES if name in part}
        yield b"".join(msgspec.json.encode(row) + b"\n" for row in page)
