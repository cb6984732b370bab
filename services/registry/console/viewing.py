"""Who may look at the pages: anyone in demo mode, else whoever shows a token, as bearer or as password."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.guidance.errors import NotAuthenticated
from services.guidance.lifecycle import Person
from services.registry.api import DeskDep
from services.registry.people import persons
from services.registry.people.persons import must

DEMO_VISITOR: Final = Person(name="A visitor of the demonstration", roles=frozenset())


async def viewer(request: Request, desk: DeskDep) -> Person:
    """The person who looks; 401 asks a browser for a password, 403 says that this identity may not read."""
    if request.app.state.open_console:
        return DEMO_VISITOR
    token = _shown_token(request)
    try:
        person = await desk.read(lambda connection: persons.who_is(connection, token))
    except NotAuthenticated:
        raise _please_sign_in() from None
    must(person, "read")
    return person


Viewer = Annotated[Person, Depends(viewer)]


def _shown_token(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            raise _please_sign_in() from None
    raise _please_sign_in()


def _please_sign_in() -> HTTPException:
    """A browser then asks for a name (any) and a password (the token)."""
    return HTTPException(
        401, "Not authenticated", headers={"WWW-Authenticate": 'Basic realm="knowdo registry", charset="UTF-8"'}
    )
