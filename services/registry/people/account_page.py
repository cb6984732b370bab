"""`Your account`: how a person signs in, where they are signed in, and what happened to either."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.guidance.errors import NotPermitted
from services.registry.console.shell import page_router, render
from services.registry.desk import DeskDep
from services.registry.people import accounts, api_tokens, own_sessions, second_factor, security_events, sessions
from services.registry.people.cookies import cookie_name
from services.registry.people.pages import one_of
from services.registry.people.visitor import (
    SignInNeeded,
    Visitor,
    VisitorDep,
    checked_form,
    root_of,
)
from services.timeline.errors import BadInput

router: Final = page_router()
PAGE: Final = "/account"


@router.get(PAGE)
async def account_page(request: Request, desk: DeskDep, visitor: VisitorDep) -> Response:
    """All of it on one page."""
    _must_have_one(request, visitor)
    now, name = desk.now(), visitor.person.name
    this = _session_of(request, visitor)

    def read(connection: Connection) -> dict[str, Any]:
        return {
            "account": accounts.find(connection, name),
            "sessions": sessions.of(connection, name, now=now, this=this),
            "factor": second_factor.of(connection, name),
            "tokens": api_tokens.of(connection, name, now=now),
            "events": security_events.of(connection, name),
        }

    return await render(
        "account.html.j2", request, visitor, rule=request.app.state.second_factor, **await desk.read(read)
    )


@router.post(f"{PAGE}/sessions")
async def end_sessions(request: Request, desk: DeskDep, visitor: VisitorDep) -> Response:
    """End one session of one's own, or all others; ending the one that asks leads to the sign-in page."""
    _must_have_one(request, visitor)
    fields = await checked_form(request, visitor)
    if set(fields) != {"end"}:
        raise BadInput("unknown fields", place="form", remedy="Send it from the page")
    handle, this, now = one_of(fields, "end"), _session_of(request, visitor), desk.now()

    def end(connection: Connection) -> None:
        if handle == "others":
            own_sessions.end_others(connection, visitor.person, this=this, now=now)
        else:
            own_sessions.end_one(connection, visitor.person, handle, now=now)

    await desk.write(end)
    return RedirectResponse(f"{root_of(request)}{PAGE}", 303, headers={"Cache-Control": "no-store"})


def _session_of(request: Request, visitor: Visitor) -> str:
    return request.cookies.get(cookie_name(request), "") if visitor.via == "session" else ""


def _must_have_one(request: Request, visitor: Visitor) -> None:
    if visitor.via == "demo":
        raise SignInNeeded(request)
    if visitor.person.is_service:
        raise NotPermitted("a service has no account", place="account", remedy="See `knowdo registry token list`")
