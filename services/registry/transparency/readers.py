"""Who may read what is disclosed: anyone, if the organisation so sets (`KNOWDO_REGISTRY_PUBLIC_PAGES`), else who may read here."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from services.registry.people.persons import must
from services.registry.people.visitor import Visitor, visitor


async def public_reader(request: Request) -> Visitor | None:
    """None where anyone may read; else the visitor: a browser is led to sign in, another caller gets 401, or 403."""
    if request.app.state.public_pages:
        return None
    found = await visitor(request)
    must(found.person, "read")
    return found


PublicReader = Annotated[Visitor | None, Depends(public_reader)]
