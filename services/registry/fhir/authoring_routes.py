"""The FHIR operations of authoring: submit, `$draft`, `$clone`, `$revise`, `$review`, `$withdraw`, `$retire`, and what only reads.

They translate; the use cases decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.plumbing.web import read_body
from services.registry.api import DeskDep, Noter, Proposer, Reader, Voter
from services.registry.decisions.proposals import Proposal
from services.registry.fhir import authoring, copying, packaging, reviewing, shelf
from services.registry.fhir.api import fhir_json, place_of
from services.registry.fhir.differences import DIFF, artifact_diff
from services.registry.fhir.held import Place, hold
from services.registry.fhir.names import Resource
from services.registry.fhir.operations import MAX_IMPORT
from services.registry.fhir.parameters import parameters_in, query_parameters, resource_in
from services.registry.fhir.views.plan import plan_definition
from services.registry.fhir.views.requirements import data_requirements
from services.timeline.errors import BadInput

router: Final = APIRouter(prefix="/fhir")


@router.post("/PlanDefinition")
async def submit(request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """CRMI's submit: a draft with its Libraries, ValueSets and ActivityDefinitions contained; answers 201."""
    resource = resource_in(await read_body(request, limit=MAX_IMPORT))
    arrived, data = await run_in_threadpool(authoring.arrived_of, resource)
    place = place_of(desk, proposer)

    def act(connection: Connection) -> Resource:
        made = authoring.submit(connection, arrived, data, by=proposer, now=desk.now())
        return plan_definition(hold(connection, made, place))

    plan = await desk.write(act)
    answer = fhir_json(plan, 201)
    answer.headers["Location"] = f"{place.base}/PlanDefinition/{plan['id']}"
    return answer


@router.post("/PlanDefinition/{number}/$revise")
async def revise(number: str, request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """A changed draft as a new proposal."""
    given = parameters_in(await read_body(request, limit=MAX_IMPORT), authoring.REVISE)
    if len(given.get("resource", [])) != 1:
        raise BadInput("one PlanDefinition is needed", place="resource", remedy="Give it in the parameter `resource`")
    arrived, data = await run_in_threadpool(authoring.arrived_of, given["resource"][0])
    place = place_of(desk, proposer)

    def act(connection: Connection) -> Resource:
        made = authoring.revise(connection, number, arrived, data, by=proposer, place=place, now=desk.now())
        return _made(connection, made, place)

    return fhir_json(await desk.write(act), 201)


@router.post("/PlanDefinition/{number}/$draft")
async def draft(number: str, request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """A copy under another version."""
    given = parameters_in(await read_body(request), copying.DRAFT)
    place = place_of(desk, proposer)
    made = await desk.write(
        lambda connection: _made(
            connection,
            copying.draft(connection, number, given, by=proposer, place=place, now=desk.now()),
            place,
        )
    )
    return fhir_json(made, 201)


@router.post("/PlanDefinition/{number}/$clone")
async def clone(number: str, request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """A copy under another name."""
    given = parameters_in(await read_body(request), copying.CLONE)
    place = place_of(desk, proposer)
    made = await desk.write(
        lambda connection: _made(
            connection,
            copying.clone(connection, number, given, by=proposer, place=place, now=desk.now()),
            place,
        )
    )
    return fhir_json(made, 201)


@router.post("/PlanDefinition/{number}/$review")
async def review(number: str, request: Request, desk: DeskDep, commenter: Noter) -> Response:
    """Words about a release; answers the rule and everything that was said about it."""
    given = parameters_in(await read_body(request), reviewing.REVIEW)
    place = place_of(desk, commenter)

    def act(connection: Connection) -> Resource:
        proposal = reviewing.review(connection, number, given, by=commenter, place=place, now=desk.now())
        return packaging.assessed(hold(connection, proposal, place))

    return fhir_json(await desk.write(act))


@router.post("/PlanDefinition/{number}/$withdraw")
async def withdraw(number: str, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """One vote to retire a draft."""
    given = parameters_in(await read_body(request), authoring.RETIRE)
    place = place_of(desk, voter)

    def act(connection: Connection) -> Resource:
        standing = authoring.withdraw(
            connection, number, given, by=voter, place=place, policy=desk.policy, now=desk.now()
        )
        return packaging.assessed(hold(connection, standing.proposal, place))

    return fhir_json(await desk.write(act))


@router.post("/PlanDefinition/{number}/$retire")
async def retire(number: str, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """One vote to retire what was released."""
    given = parameters_in(await read_body(request), authoring.RETIRE)
    place = place_of(desk, voter)

    def act(connection: Connection) -> Resource:
        standing = authoring.retire(
            connection, number, given, by=voter, place=place, policy=desk.policy, now=desk.now()
        )
        return packaging.assessed(hold(connection, standing.proposal, place))

    return fhir_json(await desk.write(act))


@router.api_route("/PlanDefinition/{number}/$data-requirements", methods=["GET", "POST"])
async def requirements(number: str, request: Request, desk: DeskDep, reader: Reader) -> Response:
    """What each feature of a release needs."""
    _given(await read_body(request) if request.method == "POST" else b"", request, {})
    place = place_of(desk, reader)
    return fhir_json(
        await desk.read(
            lambda connection: data_requirements(hold(connection, shelf.plan_behind(connection, number), place))
        )
    )


@router.api_route("/$artifact-diff", methods=["GET", "POST"])
async def diff(request: Request, desk: DeskDep, reader: Reader) -> Response:
    """What differs between two releases."""
    given = _given(await read_body(request) if request.method == "POST" else b"", request, DIFF)
    place = place_of(desk, reader)
    return fhir_json(await desk.read(lambda connection: artifact_diff(connection, given, place)))


def _given(raw: bytes, request: Request, known: Mapping[str, tuple[str, ...]]) -> dict[str, list[Any]]:
    """The parameters of an operation that only reads: in the address, or in a body."""
    asked = query_parameters(request.query_params.multi_items(), known)
    told = parameters_in(raw, known)
    return {name: [*asked.get(name, []), *told.get(name, [])] for name in {*asked, *told}}


def _made(connection: Connection, made: Proposal, place: Place) -> Resource:
    """A new release as the answer of what made it: the rule, and where it comes from."""
    return packaging.begun(hold(connection, made, place))
