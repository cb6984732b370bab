"""The pages of signing in, signing out and choosing a password. They work without JavaScript."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.guidance.errors import NotAuthenticated, NotPermitted, TooMany
from services.registry.desk import DeskDep
from services.registry.people import accounts, sessions, signing_in
from services.registry.people.browsers import browser_of
from services.registry.people.cookies import before_name, cookie_name, drop_cookie, half_name, keep_cookie
from services.registry.people.limits import address_of
from services.registry.people.organisation import Organisation
from services.registry.people.password_rules import COMMON
from services.registry.people.rendered import render
from services.registry.people.visitor import (
    CSRF,
    Must,
    SignInNeeded,
    Visitor,
    check_origin,
    checked_form,
    read_form,
    root_of,
    safe_next,
    visitor_or_none,
)
from services.timeline.errors import BadInput

router: Final = APIRouter(include_in_schema=False)
BEFORE_SECONDS: Final = 3600  # how long a sign-in page may stand open
HALF_SECONDS: Final = 600
LONGEST_TYPED: Final = 1000


@router.get("/sign-in")
async def sign_in_page(request: Request, desk: DeskDep, next: str = "") -> Response:  # noqa: A002 - the query's name
    """Name and password; and the demo persons, in demo mode."""
    return await sign_in_answer(request, desk, following=safe_next(request, next))


@router.post("/sign-in")
async def sign_in(request: Request, desk: DeskDep) -> Response:
    """A new session for the right password; the same answer, after the same work, for everything else."""
    check_origin(request)
    fields = await read_form(request)
    following = safe_next(request, one_of(fields, "next"))
    planted = request.cookies.get(before_name(request), "")
    if not planted or not hmac.compare_digest(one_of(fields, CSRF), _before_token(planted)):
        said = "This page stood open too long, or your browser takes no cookies. Please try again."
        return await sign_in_answer(request, desk, following=following, said=said, status=403)
    name, password = one_of(fields, "name")[:LONGEST_TYPED], one_of(fields, "password")[:LONGEST_TYPED]
    address = address_of(request)
    try:
        await request.app.state.limits.take("sign-in", address)
        begun = await signing_in.sign_in(
            desk,
            name=name,
            password=password,
            following=following,
            address=address,
            browser=browser_in(request),
            demo=request.app.state.open_console,
        )
    except TooMany as many:
        said = f"{many.message.capitalize()}. {many.remedy}."
        answer = await sign_in_answer(request, desk, following=following, said=said, name=name, status=429)
        answer.headers["Retry-After"] = str(many.seconds)
        return answer
    except NotAuthenticated:
        said = "The name or the password is not right."
        return await sign_in_answer(request, desk, following=following, said=said, name=name, status=401)
    if begun.waits_for_code:
        answer = RedirectResponse(f"{root_of(request)}/sign-in/code", 303, headers={"Cache-Control": "no-store"})
        keep_cookie(request, answer, half_name(request), begun.identifier, seconds=HALF_SECONDS)
        drop_cookie(request, answer, before_name(request))
        return answer
    request.scope["knowdo.who"] = begun.name
    if old := request.cookies.get(cookie_name(request)):
        await desk.note(lambda connection: sessions.end(connection, old))
    return signed_in(request, begun.identifier, f"{root_of(request)}/password" if begun.must_change else following)


@router.post("/sign-out")
async def sign_out(request: Request, desk: DeskDep) -> Response:
    """End the session here and in the browser."""
    seen, _ = await session_visitor(request)
    await checked_form(request, seen)
    identifier = request.cookies.get(cookie_name(request), "")
    await desk.note(lambda connection: sessions.end(connection, identifier))
    answer = RedirectResponse(f"{root_of(request)}/sign-in", 303)
    drop_cookie(request, answer, cookie_name(request))
    return answer


@router.get("/password")
async def password_page(request: Request, desk: DeskDep) -> Response:
    """Where a person chooses a password."""
    seen, must = await session_visitor(request)
    return _password_page(request, desk, seen, must_change=must == "password")


@router.post("/password")
async def change_password(request: Request, desk: DeskDep) -> Response:
    """Another password; every other session of the person ends, and this one goes on under a new id."""
    seen, must = await session_visitor(request)
    fields = await checked_form(request, seen)
    if unknown := sorted(set(fields) - {"old", "new", "again"}):
        raise BadInput(f"unknown fields: {len(unknown)}", place="form", remedy="Send it from the page")
    old, new = one_of(fields, "old")[:LONGEST_TYPED], one_of(fields, "new")[:LONGEST_TYPED]
    address = address_of(request)
    said = ""
    if new != one_of(fields, "again")[:LONGEST_TYPED]:
        said = "The two new passwords differ."
    elif new == old:
        said = "The new password is the old one."
    else:
        try:
            identifier = await signing_in.change_password(
                desk, seen.person, old=old, new=new, address=address, browser=browser_in(request)
            )
            return signed_in(request, identifier, f"{root_of(request)}/")
        except (NotAuthenticated, TooMany) as refused:
            said = "The old password is not right." if isinstance(refused, NotAuthenticated) else f"{refused}."
        except BadInput as refused:
            said = f"{refused.message.capitalize()}. {refused.remedy}."
    return _password_page(request, desk, seen, must_change=must == "password", said=said, status=400)


def signed_in(request: Request, identifier: str, following: str) -> Response:
    """To the next page, with the session's cookie: not readable by scripts, not sent along from other sites."""
    answer = RedirectResponse(following, 303)
    answer.headers["Cache-Control"] = "no-store"
    keep_cookie(request, answer, cookie_name(request), identifier)
    drop_cookie(request, answer, before_name(request))
    return answer


def browser_in(request: Request) -> str:
    """The browser that asks, in a few words."""
    return browser_of(request.headers.get("user-agent", ""))


def one_of(fields: Mapping[str, list[str]], name: str) -> str:
    """The one value of a field; empty if it is not there, BadInput if it is there twice."""
    values = fields.get(name, [""])
    if len(values) != 1:
        raise BadInput("a field is there twice", place=name, remedy="Send the form from the page")
    return values[0]


async def session_visitor(request: Request) -> tuple[Visitor, Must | None]:
    """A person with a session, also one who must first change the password or add a second factor."""
    seen, must = await visitor_or_none(request)
    if seen is None or seen.via == "demo":
        raise SignInNeeded(request)
    if seen.via != "session":
        raise NotPermitted("a token has no session", place="session", remedy="Sign in with a browser")
    return seen, must


async def sign_in_answer(
    request: Request, desk: DeskDep, *, following: str, said: str = "", name: str = "", status: int = 200
) -> Response:
    """The sign-in page, with what went wrong."""
    demo: bool = request.app.state.open_console
    known: Organisation | None = request.app.state.organisation
    shown = await desk.read(accounts.demo_persons) if demo else []
    planted = request.cookies.get(before_name(request), "") or secrets.token_urlsafe(32)
    answer = render(
        "sign_in.html.j2", request, desk, status=status,
        following=following, said=said, name=name, csrf=_before_token(planted),
        organisation=known.name if known is not None else "",
        demo_persons=shown, demo_password=accounts.DEMO_PASSWORD if demo else "",
    )  # fmt: skip
    keep_cookie(request, answer, before_name(request), planted, seconds=BEFORE_SECONDS)
    return answer


def _password_page(
    request: Request, desk: DeskDep, seen: Visitor, *, must_change: bool, said: str = "", status: int = 200
) -> Response:
    return render(
        "password.html.j2", request, desk, status=status,
        person=seen.person, csrf=seen.csrf, common=" ".join(sorted(COMMON)), must_change=must_change, said=said,
    )  # fmt: skip


def _before_token(planted: str) -> str:
    return hmac.new(planted.encode("utf-8", "replace"), b"knowdo sign-in", sha256).hexdigest()
