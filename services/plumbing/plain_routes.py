"""Routes for what is called most: FastAPI describes them, and does nothing else for them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

_FOUND: Final = "knowdo.plain"


class PlainRoute(APIRoute):
    """A route whose endpoint takes its request and the parts of its path as they are: nothing is injected or validated.

    For what is called most: FastAPI's own machinery costs it twice what is left. Add it with `PlainApp.add_plain`; a router
    that is included makes routes of its own.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        endpoint = self.endpoint

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(request=Request(scope, receive, send), **scope["path_params"])
            await response(scope, receive, send)

        self.app = answer


class PlainApp(FastAPI):
    """An app whose plain routes are reached through the layers that were added to it, and through no others.

    Those layers must answer every error by themselves. What is not asked for as a plain route has it (another method,
    doubled slashes) goes through the whole app, where the same routes are listed.
    """

    def add_plain(self, router: APIRouter) -> None:
        """Put a router's plain routes into the app, as they are."""
        self.router.routes.extend(router.routes)

    def build_middleware_stack(self) -> ASGIApp:
        """The whole app, with a short way to the plain routes before it."""
        whole = super().build_middleware_stack()
        plain = [route for route in self.router.routes if isinstance(route, PlainRoute)]
        short: ASGIApp = _handed_over
        for layer in reversed(self.user_middleware):
            short = layer.cls(short, *layer.args, **layer.kwargs)

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                for route in plain:
                    match, found = route.matches(scope)
                    if match is Match.FULL:
                        scope[_FOUND] = found
                        await short(scope, receive, send)
                        return
            await whole(scope, receive, send)

        return asked


async def _handed_over(scope: Scope, receive: Receive, send: Send) -> None:
    """To the route that was found."""
    scope.update(scope.pop(_FOUND))
    await scope["route"].app(scope, receive, send)
