"""`POST /token`: an assertion signed with a service's key for a bearer token of five minutes (RFC 6749 4.4, RFC 7523)."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotAuthenticated
from services.plumbing.client_assertions import client_named
from services.plumbing.logs import get_logger
from services.plumbing.web import json_response
from services.registry.desk import DeskDep
from services.registry.people import service_keys
from services.registry.people.api_tokens import ACCESS_SECONDS
from services.registry.people.limits import address_of
from services.registry.people.visitor import read_form
from services.timeline.errors import BadInput

router: Final = APIRouter()
BEARER_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FIELDS: Final = frozenset({"grant_type", "client_assertion_type", "client_assertion", "scope"})
_HEADERS: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_log = get_logger("registry")


@router.post("/token")
async def token(request: Request, desk: DeskDep) -> Response:
    """A short token for a service that proves its key; errors in the words of OAuth, without the reason."""
    await request.app.state.limits.take("token", address_of(request))
    fields = await read_form(request)
    if not set(fields) <= _FIELDS or any(len(values) != 1 for values in fields.values()):
        return _error("invalid_request")
    if fields.get("grant_type") != ["client_credentials"]:
        return _error("unsupported_grant_type")
    if fields.get("client_assertion_type") != [BEARER_ASSERTION]:
        return _error("invalid_client", 401)
    assertion = fields.get("client_assertion", [""])[0]
    scopes = fields.get("scope", [""])[0].split()
    audiences: frozenset[str] = request.app.state.audiences
    try:
        made = await desk.note(
            lambda connection: service_keys.exchange(connection, assertion, scopes, audiences=audiences, now=desk.now())
        )
    except NotAuthenticated as refused:
        _log.info("refused", error="NotAuthenticated", message=refused.message, reason=refused.reason)
        return _error("invalid_client", 401)
    except BadInput:
        return _error("invalid_scope")
    request.scope["knowdo.who"] = client_named(assertion)
    granted = {
        "access_token": made.token,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "scope": " ".join(made.scopes),
    }
    return json_response(granted, headers=_HEADERS)


def _error(code: str, status: int = 400) -> Response:
    return json_response({"error": code}, status, _HEADERS)
