"""What is deployed, over HTTP: who has confirmed a change, and who has ended. It translates; it decides nothing."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.plumbing.web import decode, json_response, read_body
from services.registry.api import DeskDep, Reader, Reporter, Stopper
from services.registry.deployed import deployments, overlays, placing, reasons, schemas, workers

router: Final = APIRouter()


@router.get("/deployments/{guidance}/confirmation")
async def confirmation(guidance: str, desk: DeskDep, _reader: Reader) -> Response:
    """Which workers have confirmed the last change of a guidance, and who has not."""
    found = await desk.read(
        lambda connection: workers.confirmation(connection, guidance, now=desk.now(), longest=desk.longest_lease)
    )
    return json_response(schemas.confirmation_shown(found))


@router.get("/deployments")
async def list_deployments(desk: DeskDep, _reader: Reader) -> Response:
    """Where everything runs."""
    found = await desk.read(deployments.every)
    return json_response({"deployments": [schemas.deployment_shown(one) for one in found]})


@router.post("/deployments")
async def deploy(request: Request, desk: DeskDep, decider: Reader) -> Response:
    """Decide where a release speaks; `placing` says who may."""
    body = decode(schemas.DEPLOY, await read_body(request))
    placed = await desk.write(
        lambda connection: placing.deploy(
            connection, body.guidance, body.release, body.placement(), by=decider, policy=desk.policy, now=desk.now()
        )
    )
    return json_response(schemas.deployment_shown(placed), 201)


@router.get("/overlays/{guidance}")
async def overlay(guidance: str, desk: DeskDep, _reader: Reader) -> Response:
    """What holds at which site, beside what the guidance says."""
    found = await desk.read(lambda connection: overlays.show(connection, guidance))
    return json_response(schemas.overlay_shown(found))


@router.put("/overlays/{guidance}/{site:path}")
async def set_overlay(guidance: str, site: str, request: Request, desk: DeskDep, decider: Reader) -> Response:
    """Decide what holds at a site; `{}` takes it back."""
    part = decode(schemas.OVERLAY, await read_body(request))
    found = await desk.write(
        lambda connection: overlays.put(connection, guidance, site, part, by=decider, now=desk.now())
    )
    return json_response(schemas.overlay_shown(found))


@router.get("/reasons-due")
async def reasons_due(desk: DeskDep, _reader: Reader) -> Response:
    """Stops that owe their reason; it is due within 24 hours."""
    found = await desk.read(lambda connection: reasons.due(connection, desk.now()))
    return json_response({"due": [schemas.due_shown(one) for one in found]})


@router.post("/deployments/{guidance}/reason")
async def give_reason(guidance: str, request: Request, desk: DeskDep, stopper: Stopper) -> Response:
    """Say why a guidance was stopped, where a stop of it owes that."""
    body = decode(schemas.REASON, await read_body(request))
    given = await desk.write(
        lambda connection: reasons.give(connection, guidance, body.reason, by=stopper, now=desk.now())
    )
    return json_response({"guidance": guidance, "stops": given}, 201)


@router.post("/workers/gone")
async def gone(request: Request, desk: DeskDep, reporter: Reporter) -> Response:
    """A worker has ended and holds no lease."""
    body = decode(schemas.GONE, await read_body(request))
    await desk.note(lambda connection: workers.gone(connection, body.worker, by=reporter))
    return json_response({"gone": body.worker})
