"""Routes for what is called most: FastAPI describes them, and does nothing else for them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Receive, Scope, Send


class PlainRoute(APIRoute):
    """A route whose endpoint takes its request and the parts of its path as they are: nothing is injected or validated.

    For what is called most: FastAPI's own machinery costs it twice what is left. Add it with `add_plain`; a router that is
    included makes routes of its own.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        endpoint = self.endpoint

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(request=Request(scope, receive, send), **scope["path_params"])
            await response(scope, receive, send)

        self.app = answer


def add_plain(app: FastAPI, router: APIRouter) -> None:
    """Put a router's plain routes into an app, as they are."""
    app.router.routes.extend(router.routes)
