"""The FHIR endpoints, read only. They translate; every reading is recorded before it leaves."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.cds.callers.readers import Role
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.reading import Kept
from services.cds.fhir.capability import capability_statement
from services.cds.fhir.room import FhirRoom
from services.cds.fhir.searching import Search, read_search, searchset
from services.cds.fhir.views import VIEWS
from services.guidance.errors import NotFound
from services.plumbing.web import json_response

router = APIRouter(prefix="/fhir")
_TYPE: Final = {"Content-Type": "application/fhir+json"}


def fhir_json(content: dict[str, Any]) -> Response:
    """A resource as it leaves."""
    return json_response(content, headers=_TYPE)


def room_of(request: Request) -> FhirRoom:
    """What stands behind the endpoints."""
    room: FhirRoom = request.app.state.fhir
    return room


def role_of(request: Request, *wanted: Role) -> Role:
    """The caller's role, if it is one of the wanted."""
    return room_of(request).roles.check(request.headers.get("authorization", ""), *wanted)


@router.get("/metadata")
async def metadata(request: Request) -> Response:
    """What can be asked here. Open: it holds no patient data."""
    room = room_of(request)
    return fhir_json(capability_statement(base=room.base, version=room.version, date=room.started))


@router.get("/{kind}")
async def search(kind: str, request: Request) -> Response:
    """A page of decisions as one type, newest first."""
    room, role = room_of(request), role_of(request, "auditor")
    _known(kind)
    asked = read_search(request.query_params.multi_items())
    found = await asyncio.to_thread(_find, room.log, asked, computed=kind == "RiskAssessment")
    page = found[: asked.count]
    resources = [one for kept in page if (one := VIEWS[kind](kept.decision)) is not None]
    await room.note(role=role, action="search", what=kind, patient=asked.patient, found=len(resources))
    more = page[-1].decision.decision if len(found) > asked.count else ""
    return fhir_json(searchset(room.base, kind, asked, resources, last=more))


@router.get("/{kind}/{number}")
async def read(kind: str, number: str, request: Request) -> Response:
    """One decision as one type."""
    room, role = room_of(request), role_of(request, "auditor")
    _known(kind)
    kept = await asyncio.to_thread(room.log.reader.by_id, number.replace("\x00", ""))
    resource = VIEWS[kind](kept.decision) if kept is not None else None
    patient = kept.decision.patient if kept is not None and resource is not None else ""
    await room.note(role=role, action="read", what=kind, patient=patient, found=int(resource is not None))
    if resource is None:
        raise NotFound(f"no {kind} with this id", place=f"/fhir/{kind}")
    return fhir_json(resource)


def _find(log: DecisionLog, asked: Search, *, computed: bool) -> list[Kept]:
    """One more than the page holds: then there is a next one."""
    return log.reader.find(
        patient=asked.patient,
        guidance=asked.guidance,
        since=asked.since,
        until=asked.until,
        before=asked.before,
        computed=computed,
        limit=asked.count + 1,
    )


def _known(kind: str) -> None:
    if kind not in VIEWS:
        raise NotFound(f"no such type here; there are {', '.join(VIEWS)}", place="/fhir")
