"""Fetching from an EHR's FHIR server: only where allowed, never with a leak, always in time."""

from __future__ import annotations

import asyncio
import gzip
import logging
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import structlog

from services.plumbing.addresses import LOOPBACK, AddressGuard
from services.plumbing.fhir_answer import Problem
from services.plumbing.fhir_server import Ask, Fetched, FetchMetrics, FhirServers, Limits, open_client
from services.plumbing.metrics import ServiceMetrics
from services.timeline.errors import BadInput
from tests.plumbing.raw_server import Asked, RawServer, Say, answer, raw_server, says

pytestmark = pytest.mark.anyio

LIMITS = Limits(seconds=5, answer_bytes=200_000, call_bytes=500_000)
CONTEXT = httpx.create_ssl_context()  # it takes longer to make than a test
GZIP = {"Content_Encoding": "gzip"}


@asynccontextmanager
async def door(
    say: Say, limits: Limits = LIMITS, metrics: FetchMetrics | None = None
) -> AsyncIterator[tuple[FhirServers, RawServer]]:
    """The door, with a server behind it that is on the list."""
    async with raw_server(say) as server, open_client(AddressGuard(allowed=LOOPBACK), context=CONTEXT) as http:
        yield FhirServers(http, limits=limits, origins=[server.url], plain_loopback=True, metrics=metrics), server


async def fetch(
    servers: FhirServers,
    server: RawServer,
    ask: Ask | str = "Observation",
    *,
    token: str = "t0k",  # noqa: S107 (a made-up one)
) -> Fetched:
    """One query."""
    asked = Ask(path=ask, wanted=50) if isinstance(ask, str) else ask
    base = f"{server.url}/r4"
    return (await servers.fetch(base, {"a": asked}, token=token, budget=servers.limits.budget()))["a"]


async def ask(say: Say, limits: Limits = LIMITS) -> Fetched:
    """One query to a server that says this."""
    async with door(say, limits) as (servers, server):
        return await fetch(servers, server)


def bundle(*ids: str, following: str | None = None) -> dict[str, Any]:
    """A searchset."""
    entry = [{"resource": {"resourceType": "Observation", "id": name}} for name in ids]
    link = [{"relation": "next", "url": following}] if following is not None else []
    return {"resourceType": "Bundle", "type": "searchset", "entry": entry, "link": link}


async def test_queries_are_asked_in_parallel_with_the_callers_token() -> None:
    """All keys are fetched at once; the token goes with each, and nothing is asked for that we could not unpack."""
    gate = asyncio.Barrier(2)

    async def say(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        await gate.wait()  # neither is answered before both were asked
        writer.write(answer(bundle("a")))

    async with door(say) as (servers, server):
        fetched = await servers.fetch(
            f"{server.url}/r4/",
            {"a": Ask(path="Observation?patient=1", wanted=50), "b": Ask(path="Condition?patient=1", wanted=50)},
            token="t0k",
            budget=servers.limits.budget(),
        )
    assert [fetched[name].problem for name in ("a", "b")] == [None, None]
    assert sorted((asked.target, asked.headers["authorization"]) for asked in server.asked) == [
        ("/r4/Condition?patient=1", "Bearer t0k"),
        ("/r4/Observation?patient=1", "Bearer t0k"),
    ]
    assert {asked.headers["accept-encoding"] for asked in server.asked} == {"gzip"}


async def test_an_open_server_is_tried_without_a_token() -> None:
    """`fhirServer` without `fhirAuthorization` is an open one."""
    async with door(says(bundle("a"))) as (servers, server):
        assert (await fetch(servers, server, token="")).complete
    assert "authorization" not in server.asked[0].headers


# --- pages ---


async def test_pages_are_followed_until_enough_came() -> None:
    """A server that pages finer than asked is asked on; one that has more than asked is left."""

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        page = int(asked.target.partition("page=")[2] or 0)
        writer.write(answer(bundle(f"a{page}", f"b{page}", following=f"?page={page + 1}")))

    async with door(say) as (servers, server):
        fetched = await fetch(servers, server, Ask(path="Observation", wanted=4))
    assert (len(fetched.pages), fetched.complete) == (2, False)
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer t0k"] * 2


async def test_the_pages_after_one_that_was_sent_are_read() -> None:
    """The link may be a whole address or one that is relative to the base."""
    for link in ("{url}/r4/Observation?page=2", "Observation?page=2"):
        async with door(says(bundle("c"))) as (servers, server):
            fetched = await fetch(servers, server, Ask(path=link.format(url=server.url), wanted=9, is_link=True))
        assert fetched.complete
        assert [asked.target for asked in server.asked] == ["/r4/Observation?page=2"]


async def test_endless_pages_end() -> None:
    """Ten pages are enough of one search; it is not all, and is said so."""

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(bundle(following=f"/r4/Observation?after={len(asked.target)}&{asked.target[-9:]}x")))

    async with door(say) as (servers, server):
        fetched = await fetch(servers, server)
    assert (len(server.asked), fetched.complete) == (10, False)


async def test_pages_in_a_circle_end() -> None:
    """A page that was read is not read again."""

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(bundle("a", following="?page=" + ("2" if asked.target.endswith("=1") else "1"))))

    async with door(say) as (servers, server):
        fetched = await fetch(servers, server)
    assert (len(server.asked), fetched.complete) == (3, False)


async def test_what_came_before_a_problem_is_kept_and_is_not_all() -> None:
    """The first page is true; the second failed."""

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer({}, "500 Oops") if "page" in asked.target else answer(bundle("a", following="?page=2")))

    fetched = await ask(say)
    assert (len(fetched.pages), fetched.complete, fetched.problem) == (1, False, "server fault (5xx)")


@pytest.mark.parametrize("link", [7, None, {}, [1], "", "http://[::1", "x" * 5000, "?a=\u00e9", "?a b", "\\\\evil\\x"])
async def test_a_link_that_cannot_be_read_means_that_there_is_more(link: Any) -> None:
    """It is not followed, and what came is not all."""
    sent = bundle("a") | {"link": [{"relation": "next", "url": link}]}
    async with door(says(sent)) as (servers, server):
        fetched = await fetch(servers, server)
    assert (len(server.asked), len(fetched.pages), fetched.complete) == (1, 1, False)


# --- what a hostile server may try ---


@pytest.mark.parametrize(
    ("say", "problem"),
    [
        (says({}, "401 No"), "refused (401)"),
        (says({}, "403 No"), "forbidden (403)"),
        (says({}, "404 No"), "not found (404)"),
        (says({}, "410 Gone"), "not found (404)"),
        (says({}, "429 Later", Retry_After="1"), "too many requests (429)"),
        (says({}, "500 Oops"), "server fault (5xx)"),
        (says({}, "503 Oops"), "server fault (5xx)"),
        (says({}, "418 Tea"), "unexpected status"),
        (says({}, "204 Nothing"), "unexpected status"),
        (says({}, "302 Found", Location="/r4/Patient"), "redirect not followed"),
        (says({}, "307 Found", Location="https://evil.example/"), "redirect not followed"),
        (says(b"<html>Please log in</html>", Content_Type="text/html"), "not FHIR's JSON"),
        (says(b"<html>Please log in</html>"), "not FHIR's JSON"),
        (says(b'{"resourceType":'), "not FHIR's JSON"),
        (says(b""), "not FHIR's JSON"),
        (says(b"[]"), "not FHIR's JSON"),
        (says(b'{"a":' * 5000 + b"1" + b"}" * 5000), "not FHIR's JSON"),
        (says(b"<Bundle/>", Content_Type="application/fhir+xml"), "not FHIR's JSON"),
        (says({"a": "x" * 300_000}), "answer too large"),
        (says(b"{}", Content_Length="999999999999"), "answer too large"),
        (says(b"{}", Content_Length="9" * 4000), "answer broken off"),
        (says(gzip.compress(b"x" * 190_000), **GZIP), "compressed beyond measure"),
        (says(gzip.compress(b"x" * 300_000_000, 9), **GZIP), "answer too large"),
        (says(gzip.compress(bytes(range(256)) * 2000), **GZIP), "answer too large"),
        (says(gzip.compress(gzip.compress(b"{}")), **GZIP), "not FHIR's JSON"),
        (says(gzip.compress(b'{"a":1}')[:-4], **GZIP), "answer broken off"),
        (says(gzip.compress(b"{}") + gzip.compress(b"{}"), **GZIP), "answer broken off"),
        (says(b"{}", **GZIP), "answer broken off"),
        (says(zlib.compress(b"{}"), Content_Encoding="deflate"), "unknown encoding"),
        (says(b"{}", Content_Encoding="br"), "unknown encoding"),
        (says(gzip.compress(b"{}"), Content_Encoding="gzip, gzip"), "unknown encoding"),
        (says(b"{}", **{f"X-Flood-{n}": "x" * 1000 for n in range(200)}), "answer broken off"),
        (says(b"{}", X_Long="x" * 200_000), "answer broken off"),
        (says(b"{}", "200 OK\r\nBad Header"), "answer broken off"),
    ],
)
async def test_each_fault_of_a_server_has_a_name(say: Say, problem: Problem) -> None:
    """Whatever comes instead of FHIR: nothing is known, and why is said in words that hold no patient."""
    fetched = await ask(say)
    assert fetched == Fetched(complete=False, problem=problem)


async def test_what_is_packed_honestly_is_unpacked() -> None:
    """Gzip, the only packing that is asked for."""
    assert (await ask(says(gzip.compress(b'{"entry":[]}'), **GZIP))).pages == (b'{"entry":[]}',)


async def test_a_bomb_is_never_unpacked_whole() -> None:
    """300 MB in 300 KB: what is unpacked before it is refused is the largest answer at most."""
    bomb = says(gzip.compress(b"x" * 300_000_000, 9), **GZIP)
    tracemalloc.start()
    try:
        assert (await ask(bomb)).problem == "answer too large"
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


async def test_a_slow_drip_ends_with_the_budget() -> None:
    """A byte now and then keeps no call waiting: the limit is on the whole, not on each wait."""

    async def say(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", Content_Length="100000"))
        for _ in range(100):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    began = asyncio.get_running_loop().time()
    fetched = await ask(say, Limits(seconds=0.3, answer_bytes=1000_000, call_bytes=1000_000))
    assert fetched.problem == "no answer in time"
    assert asyncio.get_running_loop().time() - began < 2


async def test_a_server_that_never_answers_and_one_that_is_not_there() -> None:
    """Late is late; a refused connection is known at once."""

    async def silent(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3)

    limits = Limits(seconds=0.2, answer_bytes=1000, call_bytes=1000)
    assert (await ask(silent, limits)).problem == "no answer in time"
    async with door(silent) as (servers, server):
        gone = f"http://127.0.0.1:{server.port}"
    async with open_client(AddressGuard(allowed=LOOPBACK), context=CONTEXT) as http:
        servers = FhirServers(http, limits=LIMITS, origins=[gone], plain_loopback=True)
        assert (await fetch(servers, server)).problem == "no connection"


async def test_one_call_has_one_budget_of_bytes() -> None:
    """Each answer is small enough; together they are not, and no more is taken than was agreed."""
    async with door(says({"a": "x" * 150_000})) as (servers, server):
        fetched = await servers.fetch(
            server.url, {str(n): Ask(path=f"X{n}") for n in range(6)}, token="", budget=servers.limits.budget()
        )
    assert {one.problem for one in fetched.values()} <= {None, "answer too large"}
    assert sum(len(page) for one in fetched.values() for page in one.pages) <= LIMITS.call_bytes
    assert any(one.problem for one in fetched.values())


async def test_a_fault_costs_only_its_own_key() -> None:
    """Each key stands for itself."""

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.target.endswith("Slow"):
            await asyncio.sleep(2)
        writer.write(answer({}, "403 No") if asked.target.endswith("Denied") else answer(bundle("a")))

    async with door(say, Limits(seconds=0.4, answer_bytes=9999, call_bytes=9999)) as (servers, server):
        names = ("Slow", "Denied", "Fine")
        fetched = await servers.fetch(
            server.url, {name: Ask(path=name) for name in names}, token="t", budget=servers.limits.budget()
        )
    assert [fetched[name].problem for name in names] == ["no answer in time", "forbidden (403)", None]


# --- the token ---


async def test_neither_token_nor_address_is_logged_whatever_the_level(caplog: pytest.LogCaptureFixture) -> None:
    """A URL holds the patient's id, a header the token: our log has neither, and at the levels that we set nor have theirs."""

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if "4711" in asked.target:
            writer.close()

    with structlog.testing.capture_logs() as lines, caplog.at_level(logging.DEBUG, logger="services"):
        async with door(say) as (servers, server):
            fetched = await fetch(servers, server, "Patient/4711", token="t0ken-s3cret")
    assert fetched.problem == "answer broken off"
    assert lines
    said = repr(lines) + repr(fetched)
    assert "4711" not in said
    assert "t0ken-s3cret" not in said


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "ü", "a\x00", "x" * 20_000])
async def test_a_token_that_is_none_is_not_sent(token: str) -> None:
    """It could end the header and begin another one."""
    async with door(says(bundle())) as (servers, server):
        assert (await fetch(servers, server, token=token)).problem == "token unusable"
        assert server.connections == 0


# --- lists and figures ---


@pytest.mark.parametrize(
    "listed",
    ["http://fhir.hospital.example", "http://10.0.0.7", "ftp://fhir.hospital.example", "fhir.hospital.example", ""],
)
async def test_a_list_without_tls_stops_the_start(listed: str) -> None:
    """Plain http is for this machine alone, and only in development."""
    async with open_client(AddressGuard(), context=CONTEXT) as http:
        with pytest.raises(BadInput, match=r"TLS|base of a FHIR server"):
            FhirServers(http, limits=LIMITS, origins=[listed], plain_loopback=True)
        with pytest.raises(BadInput, match="TLS"):
            FhirServers(http, limits=LIMITS, origins=["http://127.0.0.1:8080"])


async def test_an_issuer_may_name_its_own_servers_and_no_other_issuers() -> None:
    """The site's list is for all; another issuer's is not."""
    async with open_client(AddressGuard(), context=CONTEXT) as http:
        servers = FhirServers(http, limits=LIMITS, origins=["https://all.example"])
        assert servers.allows("https://all.example/r4")
        assert not servers.allows("https://mine.example/r4")
        assert servers.allows("https://mine.example/r4", also=("https://mine.example",))
        assert not servers.allows("https://mine.example/r4", also=("https://theirs.example",))
        assert not servers.allows("http://mine.example/r4", also=("http://mine.example",))


async def test_fetches_are_counted_by_outcome_and_timed() -> None:
    """Labels are the names of problems, never an address."""
    metrics = ServiceMetrics("cds")
    counted = FetchMetrics(metrics)

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer({}, "401 No") if asked.target.endswith("Denied") else answer(bundle("a")))

    async with door(say, metrics=counted) as (servers, server):
        await fetch(servers, server, "Fine")
        await fetch(servers, server, "Denied")
        await servers.fetch("https://other.example", {"a": Ask(path="X")}, token="", budget=servers.limits.budget())
    text = metrics.text().decode()
    for outcome in ("answered", "refused (401)", "server not on the allow-list"):
        assert f'knowdo_cds_fetches_total{{outcome="{outcome}"}} 1.0' in text
    assert "knowdo_cds_fetch_seconds_count 2.0" in text
