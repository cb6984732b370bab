"""`Your second factor`: adding it, new written codes, taking it away.

The secret that is not confirmed yet is kept nowhere: the form carries it, sealed, for one session and a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.guidance.errors import NotAuthenticated, NotPermitted, TooMany, Unavailable
from services.plumbing import one_time_codes
from services.registry.console.shell import page_router, render
from services.registry.desk import Desk, DeskDep
from services.registry.people import accounts, second_factor, sessions, signing_in, tries
from services.registry.people.code_pages import LONGEST_CODE
from services.registry.people.cookies import cookie_name, keep_cookie
from services.registry.people.limits import address_of
from services.registry.people.pages import LONGEST_TYPED, browser_in, one_of, session_visitor
from services.registry.people.second_factor import Rule
from services.registry.people.visitor import FirstNeeded, Visitor, checked_form, root_of
from services.registry.tables import instant_of, instant_text
from services.timeline.errors import BadInput

router: Final = page_router()
PAGE: Final = "/account/second-factor"
GOOD_FOR: Final = timedelta(minutes=15)
ISSUER: Final = "Knowdo registry"


@router.get(PAGE)
async def factor_page(request: Request, desk: DeskDep) -> Response:
    """What there is, and the form that fits."""
    seen = await _visitor(request, desk)
    return await _page(request, desk, seen)


@router.post(PAGE)
async def add_factor(request: Request, desk: DeskDep) -> Response:
    """Add it, for who knows the password and has the app; every other session ends, and the written codes are shown once."""
    seen = await _visitor(request, desk)
    fields = await _fields(request, seen, {"offer", "password", "code"})
    if _rule(request).mode == "off":
        raise NotPermitted("no second factor can be added", place="second factor", remedy="Ask an administrator")
    now, person, offer = desk.now(), seen.person, fields["offer"][:LONGEST_TYPED]
    secret = _offered(desk, seen, offer)
    if secret is None:
        return await _page(
            request, desk, seen, said="This page stood open too long. Here is another secret.", status=400
        )
    step = one_time_codes.step_of(secret, "".join(fields["code"].split()), at=now)

    async def add() -> Response:
        # Demo persons have no such page, so no demo password is asked for here.
        await signing_in.proven(
            desk, name=person.name, password=fields["password"][:LONGEST_TYPED], address=address_of(request), demo=False
        )
        if step is None:
            raise NotAuthenticated("the code does not fit", reason="code")

        def keep(connection: Connection) -> tuple[tuple[str, ...], str]:
            tries.succeeded(connection, name=person.name, address=address_of(request))
            codes = second_factor.add(connection, person, secret, step=step, now=now, sealer=desk.sealer)
            sessions.end_all(connection, person.name)
            browser = browser_in(request)
            return codes, sessions.begin(connection, person.name, how="password", now=now, browser=browser)

        codes, identifier = await desk.write(keep)
        again = replace(seen, csrf=sessions.csrf_of(identifier))
        answer = await _page(request, desk, again, codes=codes)
        keep_cookie(request, answer, cookie_name(request), identifier)
        return answer

    return await _or_said(request, desk, seen, add, "The password or the code is not right.", offer=offer)


@router.post(f"{PAGE}/codes")
async def renew_codes(request: Request, desk: DeskDep) -> Response:
    """Ten new written codes, for who shows a code; the former ones are worth nothing."""
    seen = await _visitor(request, desk)
    fields = await _fields(request, seen, {"code"})

    async def renew() -> Response:
        await signing_in.coded(desk, seen.person.name, code=fields["code"], address=address_of(request))
        now = desk.now()
        codes = await desk.write(lambda connection: second_factor.renew_codes(connection, seen.person, now=now))
        return await _page(request, desk, seen, codes=codes)

    return await _or_said(request, desk, seen, renew, "The code is not right, or was used already.")


@router.post(f"{PAGE}/remove")
async def remove_factor(request: Request, desk: DeskDep) -> Response:
    """Take it away, for who shows a code; another can be added then, and must be where one is required."""
    seen = await _visitor(request, desk)
    fields = await _fields(request, seen, {"code"})

    async def remove() -> Response:
        await signing_in.coded(desk, seen.person.name, code=fields["code"], address=address_of(request))
        now, name = desk.now(), seen.person.name
        await desk.write(lambda connection: second_factor.remove(connection, seen.person, by=name, now=now))
        return RedirectResponse(f"{root_of(request)}/account", 303, headers={"Cache-Control": "no-store"})

    return await _or_said(request, desk, seen, remove, "The code is not right, or was used already.")


async def _visitor(request: Request, desk: Desk) -> Visitor:
    """Who has a session by a password of their own; FirstNeeded if the password must be changed before."""
    seen, must = await session_visitor(request)
    if must == "password":
        raise FirstNeeded(request, must)
    account = await desk.read(lambda connection: accounts.find(connection, seen.person.name))
    if account is None or account.is_demo:
        said = "everybody knows the password of a demo person" if account else "you sign in through your organisation"
        raise NotPermitted(f"{said}; a second factor belongs to a password of one's own", place="second factor")
    return seen


async def _fields(request: Request, seen: Visitor, names: set[str]) -> Mapping[str, str]:
    fields = await checked_form(request, seen)
    if set(fields) != names:
        raise BadInput("unknown or missing fields", place="form", remedy="Send it from the page")
    return {name: one_of(fields, name)[: LONGEST_CODE if name == "code" else LONGEST_TYPED] for name in names}


async def _or_said(
    request: Request, desk: Desk, seen: Visitor, act: Callable[[], Awaitable[Response]], wrong: str, *, offer: str = ""
) -> Response:
    """What `act` answers, or the page with what was not right."""
    try:
        answer = await act()
    except TooMany as many:
        answer = await _page(request, desk, seen, offer=offer, said=f"{many}.", status=429)
        answer.headers["Retry-After"] = str(many.seconds)
    except NotAuthenticated:
        answer = await _page(request, desk, seen, offer=offer, said=wrong, status=401)
    return answer


async def _page(
    request: Request, desk: Desk, seen: Visitor, *, offer: str = "", said: str = "", status: int = 200,
    codes: tuple[str, ...] = (),
) -> Response:  # fmt: skip
    name, rule = seen.person.name, _rule(request)
    factor = await desk.read(lambda connection: second_factor.of(connection, name))
    secret = "" if factor is not None or rule.mode == "off" else _offered(desk, seen, offer) or ""
    if not secret and factor is None and rule.mode != "off":
        secret = one_time_codes.new_secret()
        plain = f"{secret} {instant_text(desk.now() + GOOD_FOR)}"
        offer = desk.sealer.seal(plain, about=_about(seen))
    return await render(
        "factor.html.j2", request, seen, status=status, factor=factor, said=said, codes=codes, offer=offer,
        is_off=rule.mode == "off", is_due=rule.is_due(seen.person),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        address=one_time_codes.address(secret, account=name, issuer=ISSUER) if secret else "",
    )  # fmt: skip


def _offered(desk: Desk, seen: Visitor, offer: str) -> str | None:
    """The secret that this session's page carried; None if it is over, or is not this session's."""
    if not offer:
        return None
    try:
        secret, _, until = desk.sealer.open(offer, about=_about(seen)).partition(" ")
    except Unavailable:
        return None
    return secret if desk.now() < instant_of(until) else None


def _about(seen: Visitor) -> str:
    return f"offered second factor\n{seen.csrf}"


def _rule(request: Request) -> Rule:
    rule: Rule = request.app.state.second_factor
    return rule
