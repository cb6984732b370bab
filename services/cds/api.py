"""The CDS Hooks endpoints. They translate; they decide nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.cds.callers.client_auth import Caller, ClientAuth
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.durable import Durable
from services.cds.decisions.feedback import read_feedback
from services.cds.desk import Desk, wall_clock
from services.cds.discovery import Discovery
from services.cds.schemas import read_hook_request
from services.cds.stopwatch import Stopwatch
from services.plumbing.logs import get_logger
from services.plumbing.plain_routes import PlainRoute
from services.plumbing.web import json_response, read_json, trace_parts, unchanged
from services.timeline.errors import BadInput

_log = get_logger("cds")
router = APIRouter()
calls = APIRouter(route_class=PlainRoute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the endpoints stand on; `app` puts it on `app.state.cds` at start-up."""

    desk: Desk
    discovery: Discovery
    auth: ClientAuth
    durable: Durable
    log: DecisionLog


@router.api_route("/cds-services", methods=["GET", "HEAD"])
async def discover(request: Request) -> Response:
    """What can be called here. Open, as clients expect (it holds no patient data), unless a token is shown or asked for."""
    service = _service(request)
    shown = request.headers.getlist("authorization")
    if service.auth.asks_at_discovery(shown):
        await _once(service, await service.auth.check(shown, _path(request)))
    written, etag = service.discovery.written()
    # May be kept, and must be asked for again each time: a guidance that was stopped is not listed any more.
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(written, headers=headers, media_type="application/json")


@calls.post("/cds-services/{service_id}")
async def call(service_id: str, request: Request) -> Response:
    """Answer one hook with the cards of one approved guidance."""
    service, watch = _service(request), Stopwatch()
    caller = await service.auth.check(request.headers.getlist("authorization"), _path(request))
    seen = service.durable.token_of_call(caller.token) if caller.token is not None else None
    try:
        may_lack = service.desk.profiles.named(caller.profile).may_lack
        hook_request = read_hook_request(await read_json(request), caller, may_lack=may_lack)
        watch.lap("read")
        answer = await service.desk.answer(service_id, hook_request, watch)
    finally:
        trace_parts(request, watch.parts)
        # Whatever would be said: a token that another worker has seen gets 401, and nothing that tells of us.
        if seen is not None:
            service.durable.begin()
            if not await seen:
                raise service.auth.replayed(caller)
    return json_response(answer)


@router.post("/cds-services/{service_id}/feedback")
async def feedback(service_id: str, request: Request) -> Response:
    """Keep what clinicians did with cards; for a service that is gone, too."""
    service = _service(request)
    caller = await service.auth.check(request.headers.getlist("authorization"), _path(request))
    await _once(service, caller)
    profile = service.desk.profiles.named(caller.profile)
    said = read_feedback(await read_json(request), service=service_id[:64], now=wall_clock(), profile=profile)
    service.desk.heard(service_id, await service.durable.feedback(said.kept))
    if said.odd:
        _log.info("feedback leaves the specification", issuer=caller.iss, profile=profile.name, odd=dict(said.odd))
    if said.faults:
        raise BadInput(
            "; ".join(said.faults[:5]), place="$.feedback", remedy=f"{len(said.kept)} other entries were kept"
        )
    return json_response({})


def _service(request: Request) -> Service:
    service: Service = request.app.state.cds
    return service


def _path(request: Request) -> str:
    """The path as this app has it: what the public address is put before."""
    root: str = request.scope.get("root_path", "")
    path: str = request.scope["path"]
    return path.removeprefix(root)


async def _once(service: Service, caller: Caller) -> None:
    """Remember the caller's token for all workers, or refuse it: one of them has seen it."""
    if caller.token is not None and not await service.durable.token(caller.token):
        raise service.auth.replayed(caller)
