"""What no service can go below, as ASGI apps: receive the body and reply; and decode what has to be read of it."""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.timeline.resources import Resource


class _Entry(msgspec.Struct, gc=False):
    resource: Resource


class _Bundle(msgspec.Struct, gc=False, tag_field="resourceType", tag="Bundle"):
    entry: list[_Entry] = []


class _Call(msgspec.Struct):
    hook: str
    prefetch: dict[str, Resource | _Bundle | None]


_CALL = msgspec.json.Decoder(_Call)


async def _receive(request: Request) -> Response:
    await request.body()
    return Response(b'{"cards":[]}', media_type="application/json")


async def _decode(request: Request) -> Response:
    _CALL.decode(await request.body())
    return Response(b'{"cards":[]}', media_type="application/json")


app = Starlette(
    routes=[
        Route("/receive/{service}", _receive, methods=["POST"]),
        Route("/decode/{service}", _decode, methods=["POST"]),
    ]
)
