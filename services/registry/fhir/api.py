"""The registry's FHIR endpoints for reading. They translate; they decide nothing. Every one but `/metadata` asks who is there."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotFound
from services.guidance.lifecycle import Person
from services.plumbing.web import json_response, unchanged
from services.registry.api import DeskDep, Reader
from services.registry.desk import Desk
from services.registry.fhir import shelf
from services.registry.fhir.capability import capability_statement
from services.registry.fhir.definitions import operation_definition
from services.registry.fhir.held import Place
from services.registry.fhir.names import FHIR_JSON, Resource
from services.registry.fhir.searching import PARAMETERS, read_search, searchset
from services.registry.tables import instant_text

router: Final = APIRouter(prefix="/fhir")
_FOREVER: Final = {"Cache-Control": "private, max-age=31536000, immutable"}


def place_of(desk: Desk, reader: Person | None = None) -> Place:
    """Where this registry stands, and who reads."""
    return Place(issuer=desk.issuer, demo=desk.policy.name == "demo", reader=reader)


def fhir_json(resource: Resource, status: int = 200) -> Response:
    """A resource as it leaves, with its version as ETag and Last-Modified where it has one."""
    headers = {"Content-Type": FHIR_JSON, "Cache-Control": "private, no-cache"}
    if etag := _etag(resource):
        headers["ETag"] = f"W/{etag}"
    return json_response(resource, status, headers)


@router.get("/metadata")
async def metadata(desk: DeskDep) -> Response:
    """What can be asked here; open to all."""
    place = place_of(desk)
    return fhir_json(capability_statement(base=place.base, version=version("knowdo"), date=instant_text(desk.now())))


@router.get("/OperationDefinition/{code}")
async def operation(code: str, desk: DeskDep) -> Response:
    """What one operation takes and answers; open to all, as the statement that names it."""
    base, date = place_of(desk).base, instant_text(desk.now())
    return fhir_json(operation_definition(code, base=base, date=date, version=version("knowdo")))


@router.get("/Binary/{number}")
async def read_binary(number: str, request: Request, desk: DeskDep, _reader: Reader) -> Response:
    """The bytes that an attachment names, as they are (R4: unless FHIR is asked for, a Binary is its content)."""
    content_type, data = await desk.read(lambda connection: shelf.binary(connection, number))
    if FHIR_JSON in request.headers.get("accept", ""):
        return fhir_json({"resourceType": "Binary", "id": number, "contentType": content_type, "data": data})
    return Response(data, media_type=content_type, headers=_FOREVER)


@router.get("/{kind}")
async def search(kind: str, request: Request, desk: DeskDep, reader: Reader) -> Response:
    """A page of one type, newest first."""
    _known(kind)
    asked = read_search(kind, request.query_params.multi_items())
    place = place_of(desk, reader)

    def ask(connection: Connection) -> Resource:
        page, more = shelf.search(connection, kind, asked, place)
        return searchset(place.base, kind, asked, page, more=more)

    return fhir_json(await desk.read(ask))


@router.get("/{kind}/{number}")
async def read(kind: str, number: str, request: Request, desk: DeskDep, reader: Reader) -> Response:
    """One resource by its id; 304 if the caller has this version."""
    _known(kind)
    place = place_of(desk, reader)
    resource = await desk.read(lambda connection: shelf.find(connection, kind, number, place))
    if unchanged(request, _etag(resource)):
        return Response(status_code=304, headers={"ETag": f"W/{_etag(resource)}"})
    return fhir_json(resource)


def _etag(resource: Resource) -> str:
    number = resource.get("meta", {}).get("versionId", "")
    return f'"{number}"' if number else ""


def _known(kind: str) -> None:
    if kind not in PARAMETERS:
        raise NotFound(f"no such type here; there are {', '.join(PARAMETERS)}", place="/fhir")
