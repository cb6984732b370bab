"""The registry's door: its own words come back as the errors they were, and silence is Unavailable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from services.guidance.errors import NotAuthenticated, NotFound, NotPermitted, Refused, Unavailable
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_messages import Aggregate, Head
from services.timeline.errors import BadInput, KnowdoError

pytestmark = pytest.mark.anyio
Answer = Callable[[httpx.Request], httpx.Response]


def client_of(answer: Answer, *, known: bool = True) -> RegistryClient:
    """A client of a registry that answers like this."""
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://house/registry")
    return RegistryClient(http, "t" if known else None)


def always(status: int, body: Any) -> Answer:
    """The same answer to everything."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadInput),
        (401, NotAuthenticated),
        (403, NotPermitted),
        (404, NotFound),
        (409, Refused),
        (413, BadInput),
        (500, Unavailable),
        (503, Unavailable),
        (302, Unavailable),
    ],
)
async def test_a_problem_comes_back_as_the_error_it_was(status: int, kind: type[KnowdoError]) -> None:
    """With its words, its place and its remedy."""
    problem = {"detail": "one person counts for one role", "place": "vote", "remedy": "Withdraw"}
    with pytest.raises(kind) as caught:
        await client_of(always(status, problem)).proposals()
    assert type(caught.value) is kind
    assert str(caught.value) == "vote: one person counts for one role. Withdraw"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b'"x"'])
async def test_an_answer_that_is_no_registrys_is_unavailable(body: bytes) -> None:
    """A proxy's page, with any status, is not taken for an answer."""
    for status in (200, 502):
        with pytest.raises(Unavailable):
            await client_of(always(status, body)).manifests()
    with pytest.raises(Unavailable):
        await client_of(always(200, body)).public_keys()


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_silence_is_unavailable(fault: type[httpx.TransportError]) -> None:
    """Whatever breaks on the way; the place is the question, without the token."""

    def broken(_: httpx.Request) -> httpx.Response:
        raise fault("secret details")

    with pytest.raises(Unavailable, match=fault.__name__) as caught:
        await client_of(broken).release("sha256:x")
    assert caught.value.place == "GET /releases/sha256:x"
    assert "secret" not in str(caught.value)


async def test_what_is_asked_stands_below_the_base_address() -> None:
    """With the token, and a wait that no proxy would cut."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b'{"head":{"number":3,"hash":"h"},"manifests":["a.b.c"]}')

    found = await client_of(answer).manifests(after=2, wait=900)
    assert (found.head, found.manifests) == (Head(3, "h"), ("a.b.c",))
    assert str(seen[0].url) == "http://house/registry/manifests?after=2&wait=55.0"
    assert seen[0].headers["authorization"] == "Bearer t"
    assert seen[0].extensions["timeout"]["read"] == 85.0
    await client_of(answer, known=False).manifests()
    assert "authorization" not in seen[1].headers


async def test_bytes_travel_as_base64() -> None:
    """A release and its evidence inside JSON."""
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(201, content=b'{"proposal":"p","release":"r","state":"registered"}')

    made = await client_of(answer).propose(b"PK\x03", [b"\x00"], author="Jon", note="n")
    assert (made.proposal, made.release, made.state) == ("p", "r", "registered")
    assert bodies == [{"release": "UEsD", "evidence": ["AA=="], "author": "Jon", "note": "n"}]


async def test_counts_are_sent_as_they_are() -> None:
    """One list of rows, counts by name."""
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, content=b"{}")

    row = Aggregate(guidance="g", release="r", site="s", day="2026-11-22", counts={"calls": 2, "below-band": 1})
    await client_of(answer).report([row])
    assert bodies[0]["aggregates"][0]["counts"] == {"calls": 2, "below-band": 1}
