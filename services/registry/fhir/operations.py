"""The FHIR operations: `$approve`, `$release`, `$package`, `$import`. They translate; the use cases decide."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.plumbing.web import read_body
from services.registry.api import DeskDep, Proposer, Reader, Voter
from services.registry.fhir import approving, packaging, shelf
from services.registry.fhir.api import fhir_json, place_of
from services.registry.fhir.arriving.archive import MAX_PACKAGE, bundled, resources_of
from services.registry.fhir.arriving.importing import import_release
from services.registry.fhir.arriving.recognise import Arrived, recognised
from services.registry.fhir.definitions import IMPORT
from services.registry.fhir.held import hold
from services.registry.fhir.names import FHIR_JSON, Resource
from services.registry.fhir.parameters import one_text, parameters_in, read_parameters, resource_in
from services.registry.fhir.views.plan import plan_definition
from services.timeline.errors import BadInput

router: Final = APIRouter(prefix="/fhir")
MAX_IMPORT: Final = MAX_PACKAGE * 4 // 3 + 1_000_000  # in base64


@router.post("/PlanDefinition/{number}/$approve")
async def approve(number: str, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """One vote; answers the rule as it now stands, and every vote on it."""
    given = parameters_in(await read_body(request), approving.APPROVE)
    place = place_of(desk, voter)

    def act(connection: Connection) -> Resource:
        standing = approving.approve(
            connection, number, given, by=voter, place=place, policy=desk.policy, now=desk.now()
        )
        return packaging.assessed(hold(connection, standing.proposal, place))

    return fhir_json(await desk.write(act))


@router.post("/PlanDefinition/{number}/$release")
async def release(number: str, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """The manifest, once the release may speak; 409 with everything that is missing until then."""
    given = parameters_in(await read_body(request), approving.RELEASE)
    place = place_of(desk, voter)
    proposal, lacking = await desk.write(
        lambda connection: approving.release(
            connection, number, given, by=voter, place=place, policy=desk.policy, now=desk.now()
        )
    )
    if lacking is not None:
        raise lacking
    await desk.signed()  # so that the answer carries the signature of what was just decided
    return fhir_json(await desk.read(lambda connection: packaging.released(hold(connection, proposal, place))))


@router.get("/PlanDefinition/{number}/$package")
async def package(number: str, desk: DeskDep, reader: Reader) -> Response:
    """Everything of a release in one Bundle."""
    place = place_of(desk, reader)

    def ask(connection: Connection) -> bytes:
        held = hold(connection, shelf.plan_behind(connection, number), place)
        return msgspec.json.encode(packaging.packaged(connection, held, desk.key))

    return Response(await desk.read(ask), media_type=FHIR_JSON, headers={"Cache-Control": "private, no-cache"})


@router.post("/$import")
async def import_(
    request: Request, desk: DeskDep, proposer: Proposer, author: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """A Bundle, a .tgz, or Parameters that hold one, as a proposal; answers 201 with its PlanDefinition."""
    raw = await read_body(request, limit=MAX_IMPORT)
    arrived, data, given = await run_in_threadpool(_arrived, raw)
    place = place_of(desk, proposer)

    def act(connection: Connection) -> Resource:
        proposal = import_release(
            connection,
            arrived,
            data,
            author=one_text(given, "author", author) or arrived.issuer[:100],
            note=one_text(given, "note"),
            by=proposer,
            now=desk.now(),
        )
        return plan_definition(hold(connection, proposal, place))

    return fhir_json(await desk.write(act), 201)


def _arrived(raw: bytes) -> tuple[Arrived, bytes, dict[str, list[Any]]]:
    """What came, its bytes, and what was said beside it."""
    given: dict[str, list[Any]] = {}
    if raw.startswith(b"\x1f\x8b") or (resource := resource_in(raw))["resourceType"] != "Parameters":
        return recognised(resources_of(raw), None), raw, given
    given = read_parameters(resource, IMPORT)
    keys = _keys(one_text(given, "trustedKeys"))
    packages, bundles = given.get("package", []), given.get("bundle", [])
    if len(packages) + len(bundles) != 1:
        raise BadInput("one package is imported at a time", place="Parameters", remedy="Give `package` or `bundle`")
    if bundles:
        return recognised(list(bundled(bundles[0])), keys), msgspec.json.encode(bundles[0]), given
    data = _decoded(packages[0])
    return recognised(resources_of(data), keys), data, given


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as fault:
        raise BadInput("not base64", place="package", remedy="Send the file's bytes in base64") from fault


def _keys(text: str) -> Mapping[str, Any] | None:
    if not text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise BadInput("not JSON", place="trustedKeys", remedy="Give a JWK set, as `GET /keys` answers it") from fault
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise BadInput("no JWK set", place="trustedKeys", remedy="Give a JWK set, as `GET /keys` answers it")
    return found
