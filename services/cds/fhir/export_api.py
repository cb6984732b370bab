"""`/fhir/$export`: the endpoints of FHIR Bulk Data Access 2.0, for the learner. They translate; `bulk_export` does the work."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from services.cds.fhir.api import fhir_json, role_of, room_of
from services.cds.fhir.bulk_export import OVERLAP, TYPES
from services.cds.fhir.export_jobs import Asked, Job
from services.cds.fhir.room import FhirRoom
from services.cds.fhir.searching import read_moment
from services.guidance.errors import NotFound, Unavailable
from services.plumbing.web import decode, json_response, read_body
from services.timeline.errors import BadInput
from services.timeline.instants import instant_text

router = APIRouter(prefix="/fhir")
_FORMATS: Final = {"", "application/fhir+ndjson", "application/ndjson", "ndjson"}
_KNOWN: Final = ("_since", "_type", "_outputFormat")


class _Parameter(msgspec.Struct, frozen=True):
    name: str
    valueString: str = ""  # noqa: N815 (as on the wire)
    valueInstant: str = ""  # noqa: N815


class _Parameters(msgspec.Struct, frozen=True):
    parameter: list[_Parameter] = []


_PARAMETERS: Final = msgspec.json.Decoder(_Parameters)


@router.get("/$export")
async def kick_off(request: Request) -> Response:
    """Ask for an export; the answer says where to look for it."""
    return await _kick_off(request, request.query_params.multi_items())


@router.post("/$export")
async def kick_off_by_post(request: Request) -> Response:
    """The same with a Parameters resource as the body."""
    role_of(request, "learner")
    found = decode(_PARAMETERS, await read_body(request, limit=65_536))
    return await _kick_off(request, [(one.name, one.valueString or one.valueInstant) for one in found.parameter])


@router.get("/$export-status/{export}")
async def status(export: str, request: Request) -> Response:
    """202 while it is made, 200 with the manifest when it is there."""
    room, job = await _job(request, export)
    now = time.time_ns() // 1000
    if job.status == "failed" or job.dead(now):
        reason = job.fault or "its worker was stopped"
        raise Unavailable(f"the export failed: {reason}", place="/fhir/$export", remedy="Ask for it again")
    if job.status != "done":
        return Response(status_code=202, headers={"X-Progress": job.progress[:100], "Retry-After": "2"})
    output = [
        {"type": one.type, "url": f"{room.base}/$export-file/{job.export}/{one.name}", "count": one.count}
        for one in job.files
    ]
    manifest: dict[str, Any] = {
        # Ask for the next one with `_since` = this: what was being kept in these seconds comes twice rather than never.
        "transactionTime": instant_text(job.asked_at - OVERLAP),
        "request": job.asked.request,
        "requiresAccessToken": True,
        "output": output,
        "error": [],
    }
    return json_response(manifest, headers={"Expires": _http_date(job.expires_at)})


@router.delete("/$export-status/{export}")
async def remove(export: str, request: Request) -> Response:
    """Stop it, or delete its files."""
    room, job = await _job(request, export)
    await room.exports.remove(job.export)
    return Response(status_code=202)


@router.get("/$export-file/{export}/{name}")
async def file(export: str, name: str, request: Request) -> Response:
    """One file of a finished export."""
    room, job = await _job(request, export)
    path = room.exports.file_of(job, name)
    if path is None:
        raise NotFound("no such file here", place="/fhir/$export", remedy="It lies on the machine that made it")
    return FileResponse(path, media_type="application/fhir+ndjson")


async def _kick_off(request: Request, given: list[tuple[str, str]]) -> Response:
    room, role = room_of(request), role_of(request, "learner")
    export = await room.exports.ask(_asked(room, given), role=role)
    answer = fhir_json(
        {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "information", "code": "informational", "diagnostics": "the export is being made"}],
        }
    )
    answer.status_code = 202
    answer.headers["Content-Location"] = f"{room.base}/$export-status/{export}"
    return answer


def _asked(room: FhirRoom, given: list[tuple[str, str]]) -> Asked:
    if strange := sorted({name for name, _ in given} - set(_KNOWN)):
        raise BadInput(f"{', '.join(strange)}: not known here", place="$export", remedy=f"Known: {', '.join(_KNOWN)}")
    asked = dict(given)
    if asked.get("_outputFormat", "") not in _FORMATS:
        raise BadInput("_outputFormat: only NDJSON is made", place="$export", remedy="application/fhir+ndjson")
    types = [one for name, value in given if name == "_type" for one in value.split(",") if one] or list(TYPES)
    if strange := sorted(set(types) - set(TYPES)):
        raise BadInput(f"_type: no {', '.join(strange)} here", place="$export", remedy=f"There are {', '.join(TYPES)}")
    since = read_moment(asked["_since"], name="_since") if asked.get("_since") else 0
    query = "&".join(f"{name}={value}" for name, value in given)
    return Asked(
        types=list(dict.fromkeys(types)),
        since=max(since, 0),
        request=f"{room.base}/$export" + (f"?{query}" if query else ""),
    )


async def _job(request: Request, export: str) -> tuple[FhirRoom, Job]:
    room = room_of(request)
    role_of(request, "learner")
    now = time.time_ns() // 1000
    job = await asyncio.to_thread(room.exports.jobs.find, export.replace("\x00", ""), now=now)
    if job is None:
        raise NotFound("no such export, or it has expired", place="/fhir/$export", remedy="Ask for it again")
    return room, job


def _http_date(at: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at / 1e6))
