"""`GET /audit`: the record of accesses, for auditors and for those who answer for privacy and security."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from services.guidance.lifecycle import Person
from services.plumbing.web import json_response
from services.registry.api import allowed
from services.registry.desk import DeskDep
from services.registry.people import accesses

router: Final = APIRouter()
Auditor = Annotated[Person, Depends(allowed("audit"))]


@router.get("/audit")
async def audit(
    desk: DeskDep,
    _auditor: Auditor,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    who: Annotated[str, Query(max_length=200)] = "",
    since: datetime | None = None,
) -> Response:
    """Accesses after a number, of one person or service, since a moment; `next` is the number to go on from."""
    moment = since if since is None or since.tzinfo else since.replace(tzinfo=UTC)
    found = await desk.read(
        lambda connection: accesses.find(connection, after=after, limit=limit, who=who, since=moment)
    )
    return json_response({"accesses": found, "next": found[-1]["number"] if found else after})
