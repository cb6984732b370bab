"""The second step of signing in: a code of the app, or a written one. It works without JavaScript."""

from __future__ import annotations

import hmac
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.guidance.errors import NotAuthenticated, TooMany
from services.registry.desk import DeskDep
from services.registry.people import half_sign_ins, sessions, signing_in
from services.registry.people.cookies import cookie_name, drop_cookie, half_name
from services.registry.people.limits import address_of
from services.registry.people.pages import browser_in, one_of, signed_in
from services.registry.people.rendered import render
from services.registry.people.visitor import CSRF, check_origin, read_form, root_of, safe_next

router: Final = APIRouter(include_in_schema=False)
LONGEST_CODE: Final = 100


@router.get("/sign-in/code")
async def code_page(request: Request, desk: DeskDep) -> Response:
    """Where the code is typed; without a right password before it, the sign-in page."""
    identifier = request.cookies.get(half_name(request), "")
    now = desk.now()
    if await desk.read(lambda connection: half_sign_ins.find(connection, identifier, now=now)) is None:
        return RedirectResponse(f"{root_of(request)}/sign-in", 303)
    return _page(request, desk, identifier)


@router.post("/sign-in/code")
async def send_code(request: Request, desk: DeskDep) -> Response:
    """A session for the right code; wrong ones are counted as wrong passwords are."""
    check_origin(request)
    fields = await read_form(request)
    identifier, now = request.cookies.get(half_name(request), ""), desk.now()
    half = await desk.read(lambda connection: half_sign_ins.find(connection, identifier, now=now))
    if half is None:
        return RedirectResponse(f"{root_of(request)}/sign-in", 303)
    given = one_of(fields, CSRF).encode("utf-8", "replace")
    if not hmac.compare_digest(given, sessions.csrf_of(identifier).encode()):
        return _page(
            request, desk, identifier, said="This form was not sent from this page. Please try again.", status=403
        )
    try:
        begun = await signing_in.finish(
            desk, half, identifier, code=one_of(fields, "code")[:LONGEST_CODE], address=address_of(request),
            browser=browser_in(request),
        )  # fmt: skip
    except TooMany as many:
        said = f"{many.message.capitalize()}. {many.remedy}."
        answer = _page(request, desk, identifier, said=said, status=429)
        answer.headers["Retry-After"] = str(many.seconds)
        return answer
    except NotAuthenticated:
        said = "The code is not right, or was used already. Wait for the next one."
        return _page(request, desk, identifier, said=said, status=401)
    request.scope["knowdo.who"] = begun.name
    if old := request.cookies.get(cookie_name(request)):
        await desk.note(lambda connection: sessions.end(connection, old))
    following = f"{root_of(request)}/password" if begun.must_change else safe_next(request, half.following)
    answer = signed_in(request, begun.identifier, following)
    drop_cookie(request, answer, half_name(request))
    return answer


def _page(request: Request, desk: DeskDep, identifier: str, *, said: str = "", status: int = 200) -> Response:
    return render("code.html.j2", request, desk, status=status, csrf=sessions.csrf_of(identifier), said=said)
