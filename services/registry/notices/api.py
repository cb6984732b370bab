"""Notices over HTTP and on a page: what one person chose, and what became of each. They translate; they decide nothing."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotPermitted
from services.guidance.lifecycle import Person
from services.plumbing.web import decode, json_response, read_body
from services.registry.api import DeskDep
from services.registry.console.reader import Reader
from services.registry.console.refused import said_of
from services.registry.console.shell import page_router, render
from services.registry.notices import choices, outbox
from services.registry.notices.choices import Choice, Ways
from services.registry.notices.kinds import KINDS, SAID
from services.registry.people.visitor import checked_form, shown_token
from services.timeline.errors import BadInput

router: Final = APIRouter()
pages: Final = page_router()


class ChoiceBody(msgspec.Struct, forbid_unknown_fields=True):
    """`PUT /me/notices`; both addresses empty: no notices."""

    email: Annotated[str, msgspec.Meta(max_length=254)] = ""
    webhook: Annotated[str, msgspec.Meta(max_length=500)] = ""
    kinds: Annotated[list[str], msgspec.Meta(max_length=20)] = []


_BODY: Final = msgspec.json.Decoder(ChoiceBody)


@router.get("/me/notices")
async def my_notices(request: Request, desk: DeskDep) -> Response:
    """What I chose, what there is to choose from, and my last notices with what became of each."""
    caller = await shown_token(request)
    caller.must("read")
    return json_response(await desk.read(lambda connection: _shown(connection, caller.person, ways_of(request))))


@router.put("/me/notices")
async def choose(request: Request, desk: DeskDep) -> Response:
    """Choose for myself; a new webhook's secret is answered this once."""
    caller = await shown_token(request)
    caller.must("read")
    if caller.is_scoped:
        raise NotPermitted(
            "a token with fewer scopes than its holder chooses nothing", place="scopes", remedy="Use the console"
        )
    body = decode(_BODY, await read_body(request))
    ways = ways_of(request)
    chosen = Choice(email=body.email, webhook=body.webhook, kinds=tuple(body.kinds))

    def act(connection: Connection) -> dict[str, Any]:
        secret = choices.choose(connection, caller.person, chosen, ways=ways, now=desk.now(), sealer=desk.sealer)
        return _shown(connection, caller.person, ways) | ({"secret": secret} if secret else {})

    return json_response(await desk.note(act))


@pages.get("/console/notices")
async def notices_page(request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """The form, and the last notices."""
    facts = await desk.read(lambda connection: _shown(connection, visitor.person, ways_of(request)))
    return await render("notices.html.j2", request, visitor, said="", secret="", words=SAID, faults=(), **facts)


@pages.post("/console/notices")
async def notices_chosen(request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Keep what was chosen, and show it."""
    fields = await checked_form(request, visitor)
    if set(fields) - {"email", "webhook", "kinds"} or any(len(fields.get(one, [])) > 1 for one in ("email", "webhook")):
        raise BadInput("unknown or doubled fields", place="form", remedy="Send it from the page")
    email, webhook = (fields.get(one, [""])[0] for one in ("email", "webhook"))
    ways = ways_of(request)
    chosen = Choice(email=email, webhook=webhook, kinds=tuple(fields.get("kinds", [])))
    secret, said, status = "", "Kept.", 200
    faults: list[tuple[str, str]] = []
    typed: dict[str, object] = {}
    try:
        secret = await desk.note(
            lambda connection: choices.choose(
                connection, visitor.person, chosen, ways=ways, now=desk.now(), sealer=desk.sealer
            )
        )
    except BadInput as fault:
        said, status = "", 400
        faults = [(fault.place or "email", said_of(fault))]
        typed = {"email": email, "webhook": webhook, "kinds": list(chosen.kinds)}
    facts = await desk.read(lambda connection: _shown(connection, visitor.person, ways))
    return await render(
        "notices.html.j2",
        request,
        visitor,
        status=status,
        said=said,
        secret=secret,
        words=SAID,
        faults=faults,
        **(facts | typed),
    )


def ways_of(request: Request) -> Ways:
    """What the operator set up."""
    ways: Ways = request.app.state.notice_ways
    return ways


def _shown(connection: Connection, person: Person, ways: Ways) -> dict[str, Any]:
    chosen = choices.of(connection, person)
    return {
        "email": chosen.email,
        "webhook": chosen.webhook,
        "kinds": list(chosen.kinds),
        "known_kinds": list(KINDS),
        "mail": ways.mail,
        "hosts": list(ways.hosts),
        "notices": outbox.of_person(connection, person.name),
    }
