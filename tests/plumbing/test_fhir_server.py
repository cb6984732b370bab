"""Fetching from an EHR's FHIR server: only where allowed, never with a leak, always in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.plumbing.fhir_server import FhirServers, origin_of
from services.timeline.errors import BadInput

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """A FHIR server in this process that remembers what it was asked, by host."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked: list[tuple[str, str | None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        request = Request(scope, receive)
        self.asked.append((str(request.url), request.headers.get("authorization")))
        response = await self.handler(request)
        await response(scope, receive, send)


def servers(server: Server, *, largest: int = 10_000) -> FhirServers:
    """The door, with the hospital's server behind it."""
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=server))
    return FhirServers(http, origins=[BASE], largest=largest)


def bundle(*ids: str, following: str | None = None) -> dict[str, object]:
    """A searchset."""
    entry = [{"resource": {"resourceType": "Observation", "id": name}} for name in ids]
    link = [{"relation": "next", "url": following}] if following else []
    return {"resourceType": "Bundle", "type": "searchset", "entry": entry, "link": link}


async def test_queries_are_asked_in_parallel_with_the_callers_token() -> None:
    """All keys are fetched at once; the token goes with each."""
    gate = asyncio.Barrier(2)

    async def answer(_request: Request) -> Response:
        await gate.wait()  # neither is answered before both were asked
        return JSONResponse(bundle("a"))

    server = Server(answer)
    fetched = await servers(server).fetch(
        BASE, {"a": ("Observation?patient=1", 50), "b": ("Condition?patient=1", 50)}, token="t0k", seconds=5
    )
    assert [fetched[name].problem for name in ("a", "b")] == ["", ""]
    assert sorted(server.asked) == [
        (f"{BASE}/Condition?patient=1", "Bearer t0k"),
        (f"{BASE}/Observation?patient=1", "Bearer t0k"),
    ]


@pytest.mark.parametrize(
    "base",
    [
        "https://evil.example/r4",
        "http://fhir.hospital.example/r4",
        "https://fhir.hospital.example:8443/r4",
        "https://fhir.hospital.example@evil.example/r4",
        "https://user:pass@fhir.hospital.example/r4",
        "file:///etc/passwd",
        "https://[::1",
        "",
    ],
)
async def test_a_server_that_is_not_on_the_list_is_never_asked(base: str) -> None:
    """A caller cannot make us ask another host: same scheme, host and port, or nothing."""

    async def answer(_request: Request) -> Response:
        return JSONResponse(bundle())

    server = Server(answer)
    fetched = await servers(server).fetch(base, {"a": ("Patient/1", 1)}, token="t0k", seconds=5)
    assert "allow-list" in fetched["a"].problem
    assert server.asked == []


async def test_pages_are_followed_on_the_same_origin_until_enough_came() -> None:
    """A server that pages finer than asked is asked on; one that has more than asked is left."""

    async def answer(request: Request) -> Response:
        page = int(request.query_params.get("page", "0"))
        return JSONResponse(bundle(f"a{page}", f"b{page}", following=f"?page={page + 1}"))

    server = Server(answer)
    fetched = (await servers(server).fetch(BASE, {"a": ("Observation?page=0", 4)}, token="t", seconds=5))["a"]
    assert len(fetched.pages) == 2
    assert not fetched.complete


async def test_the_token_never_goes_to_another_origin() -> None:
    """A `next` link elsewhere is not followed, and the answer counts as incomplete."""

    async def answer(_request: Request) -> Response:
        return JSONResponse(bundle("a", following="https://evil.example/collect"))

    server = Server(answer)
    fetched = (await servers(server).fetch(BASE, {"a": ("Observation", 50)}, token="t", seconds=5))["a"]
    assert len(server.asked) == 1
    assert (len(fetched.pages), fetched.complete) == (1, False)


async def test_a_redirect_is_not_followed() -> None:
    """It could lead anywhere, with the token."""

    async def answer(_request: Request) -> Response:
        return RedirectResponse("https://evil.example/")

    server = Server(answer)
    fetched = await servers(server).fetch(BASE, {"a": ("Observation", 50)}, token="t", seconds=5)
    assert (fetched["a"].problem, len(server.asked)) == ("HTTP 307", 1)


async def test_an_answer_too_large_too_late_or_wrong_is_a_problem_and_costs_only_its_own_key() -> None:
    """Each key stands for itself."""

    async def answer(request: Request) -> Response:
        kind = request.url.path.rsplit("/", 1)[-1]
        if kind == "Slow":
            await asyncio.sleep(5)
        if kind == "Denied":
            return Response(status_code=403)
        return JSONResponse(bundle(*["x" * 100] * (200 if kind == "Large" else 1)))

    names = ("Slow", "Denied", "Large", "Fine")
    fetched = await servers(Server(answer)).fetch(BASE, {name: (name, 50) for name in names}, token="t", seconds=0.3)
    assert [fetched[name].problem for name in names] == ["no answer in time", "HTTP 403", "the answer is too large", ""]


async def test_a_fault_of_the_line_is_logged_without_url_and_token() -> None:
    """A URL holds the patient's id, a header the token: neither is logged."""

    async def answer(_request: Request) -> Response:
        raise httpx.ConnectError("https://fhir.hospital.example/r4/Patient/4711 t0ken")

    with structlog.testing.capture_logs() as lines:
        fetched = await servers(Server(answer)).fetch(BASE, {"a": ("Patient/4711", 1)}, token="t0ken", seconds=5)
    assert fetched["a"].problem == "no answer (ConnectError)"
    assert "4711" not in json.dumps(lines) + fetched["a"].problem
    assert "t0ken" not in json.dumps(lines)


def test_an_origin_is_scheme_host_and_port() -> None:
    """The path does not count, the case of the host does not either, the default port is the port."""
    assert origin_of("https://FHIR.hospital.example/r4") == ("https", "fhir.hospital.example", 443)
    with pytest.raises(BadInput):
        origin_of("ftp://fhir.hospital.example")
