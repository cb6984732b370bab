"""Signing in through the organisation: there, and back."""

from __future__ import annotations

import secrets
from typing import Final

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.guidance.errors import NotAuthenticated, Refused, TooMany, Unavailable
from services.guidance.lifecycle import Person
from services.plumbing.logs import get_logger
from services.plumbing.openid import OpenIdProvider
from services.registry.desk import DeskDep
from services.registry.people import organisation, sessions
from services.registry.people.cookies import drop_cookie, keep_cookie, organisation_name
from services.registry.people.limits import address_of
from services.registry.people.pages import browser_in, sign_in_answer, signed_in
from services.registry.people.visitor import safe_next
from services.timeline.errors import BadInput, KnowdoError

router: Final = APIRouter(include_in_schema=False)
BACK: Final = "/sign-in/organisation/back"
_log = get_logger("registry")


@router.get("/sign-in/organisation")
async def leave(request: Request, desk: DeskDep, next: str = "") -> Response:  # noqa: A002 - the query's name
    """Off to the organisation's provider."""
    following = safe_next(request, next)
    try:
        await request.app.state.limits.take("sign-in", address_of(request))
        begun = await _provider(request).begin(now=desk.now().timestamp())
    except (Unavailable, BadInput, TooMany) as fault:
        return await _refused(request, desk, fault, following)
    browser = request.cookies.get(organisation_name(request)) or secrets.token_urlsafe(32)
    await desk.note(
        lambda connection: organisation.begin(connection, begun, browser=browser, following=following, now=desk.now())
    )
    answer = RedirectResponse(
        begun.address, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    )
    keep_cookie(request, answer, organisation_name(request), browser, seconds=600)
    return answer


@router.get(BACK)
async def come_back(
    request: Request, desk: DeskDep, code: str = "", state: str = "", error: str = "", iss: str = ""
) -> Response:
    """Back from there: a new session for whom the provider names, if this browser went there and everything is right."""
    provider, following = _provider(request), safe_next(request, "")
    known: organisation.Organisation = request.app.state.organisation
    browser = request.cookies.get(organisation_name(request), "")
    now = desk.now()
    try:
        await request.app.state.limits.take("sign-in", address_of(request))
        begun = await desk.note(lambda connection: organisation.take(connection, state, browser=browser, now=now))
        following = safe_next(request, begun.following)
        if error or not code or iss not in {"", provider.issuer}:
            raise NotAuthenticated("the provider sent no code", reason="openid")
        claims = await provider.claims(code, verifier=begun.verifier, nonce=begun.nonce, now=now.timestamp())

        def begin(connection: Connection) -> tuple[Person, str]:
            person = organisation.who_signed_in(connection, known, claims, now=now)
            return person, sessions.begin(
                connection, person.name, how="organisation", now=now, browser=browser_in(request)
            )

        person, identifier = await desk.write(begin)
    except (NotAuthenticated, Refused, Unavailable, BadInput, TooMany) as fault:
        return await _refused(request, desk, fault, following)
    request.scope["knowdo.who"] = person.name
    answer = signed_in(request, identifier, following)
    drop_cookie(request, answer, organisation_name(request))
    return answer


async def _refused(request: Request, desk: DeskDep, fault: KnowdoError, following: str) -> Response:
    """The sign-in page, which says what a person can do about it; the reason of a forged token goes to the log alone."""
    said, status = f"{fault}.", 409
    if isinstance(fault, NotAuthenticated):
        said, status = "Signing in through your organisation did not work. Please try again.", 401
    elif isinstance(fault, Unavailable | BadInput):
        said, status = "Your organisation's sign-in cannot be reached at the moment.", 503
    elif isinstance(fault, TooMany):
        status = 429
    reason = fault.reason if isinstance(fault, NotAuthenticated) else ""
    _log.info("refused", error=type(fault).__name__, message=fault.message, place=fault.place, reason=reason)
    return await sign_in_answer(request, desk, following=following, said=said, status=status)


def _provider(request: Request) -> OpenIdProvider:
    provider: OpenIdProvider = request.app.state.provider
    return provider
