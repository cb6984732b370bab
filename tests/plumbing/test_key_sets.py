"""Key sets at their URLs: rotated, kept, never asked for in a crowd, never from where they must not come."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.plumbing.key_sets import (
    FETCH_SECONDS,
    LARGEST,
    REFETCH_SECONDS,
    STALE_SECONDS,
    USUAL_FRESH,
    KeySets,
    checked_url,
    guarded_http,
)
from services.timeline.errors import BadInput
from tests.plumbing.key_server import KeyServer

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    """A key server with one key."""
    async with KeyServer() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """Time stands still."""
    return Clock()


@pytest.fixture
async def key_sets(clock: Clock) -> AsyncIterator[KeySets]:
    """Key sets of a service in development: loopback may be asked."""
    async with guarded_http(private=[], development=True) as http:
        key_sets = KeySets(http, clock=clock)
        yield key_sets
        await key_sets.close()


async def ids(key_sets: KeySets, server: KeyServer, kid: str = "one") -> tuple[str, ...]:
    """The keys that are found when a token names this one."""
    return (await key_sets.find(server.url, kid)).ids


async def settled(server: KeyServer, calls: int) -> None:
    """Wait for what is fetched beside the calls."""
    async with asyncio.timeout(2):
        while server.calls < calls:  # noqa: ASYNC110 (the server counts)
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


async def test_a_set_is_fetched_once_and_then_known(key_sets: KeySets, server: KeyServer) -> None:
    """A thousand tokens cost one question, uncompressed and without credentials."""
    for _ in range(1000):
        assert await ids(key_sets, server) == ("one",)
    assert server.calls == 1
    asked = server.asked.lower()
    assert b"accept-encoding: identity" in asked
    assert b"authorization" not in asked


async def test_a_crowd_waits_for_one_fetch(key_sets: KeySets, server: KeyServer) -> None:
    """No stampede; and one who goes away does not take it from the others."""
    server.delay = 0.1
    crowd = [asyncio.create_task(ids(key_sets, server)) for _ in range(100)]
    await asyncio.sleep(0.05)
    crowd[0].cancel()
    assert set(await asyncio.gather(*crowd[1:])) == {("one",)}
    assert server.calls == 1


async def test_a_rotated_key_is_found_and_made_up_ones_cost_little(
    key_sets: KeySets, server: KeyServer, clock: Clock
) -> None:
    """An unknown id brings the set anew, at most once in its time, whatever ids a stranger makes up."""
    assert await ids(key_sets, server) == ("one",)
    clock.now += REFETCH_SECONDS
    server.publish("one", "two")
    assert await ids(key_sets, server, "two") == ("one", "two")
    for made_up in range(200):
        assert await ids(key_sets, server, f"x{made_up}") == ("one", "two")
    assert server.calls == 2
    clock.now += REFETCH_SECONDS
    server.publish("two")
    assert await ids(key_sets, server, "x") == ("two",)
    assert await ids(key_sets, server, "one") == ("two",)  # withdrawn
    assert server.calls == 3


async def test_a_set_in_use_is_fetched_ahead_of_its_end(key_sets: KeySets, server: KeyServer, clock: Clock) -> None:
    """Nobody waits for it."""
    server.headers["Cache-Control"] = "public, max-age=1000"
    await ids(key_sets, server)
    clock.now += 801
    server.publish("one", "two")
    server.delay = 0.1
    assert await ids(key_sets, server) == ("one",)
    await settled(server, 2)
    await asyncio.sleep(0.15)
    assert await ids(key_sets, server) == ("one", "two")
    assert server.calls == 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", USUAL_FRESH), ("max-age=5", 60), ("max-age=3600", 3600), ("private, max-age=99999999", 86_400),
        ("no-store", 60), ("no-cache, max-age=3600", 60), ("x-max-age=7", USUAL_FRESH), ("max-age=soon", USUAL_FRESH),
    ],
)  # fmt: skip
async def test_how_long_a_set_is_fresh(
    key_sets: KeySets, server: KeyServer, clock: Clock, said: str, seconds: float
) -> None:
    """What the server says, within bounds; then a call waits for the new set, for one key may have been withdrawn."""
    server.headers["Cache-Control"] = said
    await ids(key_sets, server)
    server.publish("two")
    clock.now += seconds * 0.79
    assert await ids(key_sets, server) == ("one",)
    assert server.calls == 1
    clock.now += seconds * 0.22
    assert await ids(key_sets, server) == ("two",)


async def test_a_server_that_is_down_does_not_take_the_keys_with_it(
    key_sets: KeySets, server: KeyServer, clock: Clock
) -> None:
    """They are trusted for a day, the server being asked now and then; after that they are not."""
    await ids(key_sets, server)
    server.status = "503 Service Unavailable"
    clock.now += USUAL_FRESH
    for _ in range(50):
        assert await ids(key_sets, server) == ("one",)
    assert server.calls == 2
    clock.now += STALE_SECONDS
    assert await ids(key_sets, server) == ()
    server.status = "200 OK"
    assert await ids(key_sets, server) == ()
    clock.now += REFETCH_SECONDS
    assert await ids(key_sets, server) == ("one",)


async def test_a_slow_server_does_not_hold_up_calls_whose_key_is_here(
    key_sets: KeySets, server: KeyServer, clock: Clock
) -> None:
    """They wait a quarter of a second at most for a set that is no longer fresh."""
    await ids(key_sets, server)
    clock.now += USUAL_FRESH
    server.delay = 2.0
    async with asyncio.timeout(1):
        assert await ids(key_sets, server) == ("one",)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        ("404 Not Found", {}, b"{}"),
        ("302 Found", {"Location": "https://evil.example/jwks.json"}, b""),
        ("200 OK", {}, b""),
        ("200 OK", {}, b"<html>"),
        ("200 OK", {}, b'{"keys": []}'),
        ("200 OK", {}, b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "one"}]}'),
        ("200 OK", {}, b" " * (LARGEST + 1)),
        ("200 OK", {"Content-Encoding": "gzip"}, gzip.compress(b'{"keys": []}')),
        ("nonsense", {}, b""),
    ],
    ids=["404", "redirect", "empty", "html", "no keys", "a secret", "too large", "compressed", "no HTTP"],
)
async def test_a_faulty_answer_is_no_key_set_and_is_not_asked_for_again_at_once(
    key_sets: KeySets, server: KeyServer, clock: Clock, status: str, headers: dict[str, str], body: bytes
) -> None:
    """Failures are remembered, too; what was known before stays known."""
    good = server.body
    server.status, server.headers, server.body = status, headers, body
    for _ in range(20):
        assert await ids(key_sets, server) == ()
    assert server.calls == 1
    server.status, server.headers, server.body = "200 OK", {}, good
    clock.now += REFETCH_SECONDS
    assert await ids(key_sets, server) == ("one",)
    server.status, server.headers, server.body = status, headers, body
    clock.now += REFETCH_SECONDS
    assert await ids(key_sets, server, "two") == ("one",)


async def test_a_dripping_answer_is_given_up(key_sets: KeySets, server: KeyServer) -> None:
    """A byte now and then resets no time-out: the whole has its time."""
    server.drip = True
    async with asyncio.timeout(FETCH_SECONDS + 1):
        assert await ids(key_sets, server) == ()


async def test_a_set_is_fetched_before_the_first_call(key_sets: KeySets, server: KeyServer) -> None:
    """At start-up."""
    key_sets.warm([server.url])
    await settled(server, 1)
    assert await ids(key_sets, server) == ("one",)
    key_sets.warm([server.url])
    assert server.calls == 1


async def test_a_private_address_is_not_asked_unless_it_was_named(server: KeyServer, clock: Clock) -> None:
    """Loopback and private networks are closed outside development; a named network is open."""
    async with guarded_http(private=[], development=False) as http:
        assert await ids(KeySets(http, clock=clock), server) == ()
    assert server.calls == 0
    async with guarded_http(private=["127.0.0.0/8"], development=False) as http:
        assert await ids(KeySets(http, clock=clock), server) == ("one",)


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """TLS with a certificate that nobody vouches for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    pem = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "both.pem").write_bytes(secret + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    return context


async def test_a_server_whose_certificate_nobody_vouches_for_is_not_believed(
    self_signed: ssl.SSLContext, clock: Clock
) -> None:
    """Over a real TLS connection."""
    async with KeyServer(self_signed) as server, guarded_http(private=[], development=True) as http:
        assert await ids(KeySets(http, clock=clock), server) == ()
        assert server.calls == 0


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://ehr.example/x", "file:///etc/passwd", "http://ehr.example/x", "https:///x", "https://a@b.example/x",
     "https://ehr.example/x#y", "https://ehr.example/x y", "https://ehr.example/\n", "https://[::1", "https://é.example/",
     "https://h:99999/x", "data:application/json,{}", "http://localhost.evil.example/x", "http://127.0.0.1.nip.io/x"],
)  # fmt: skip
def test_an_address_that_is_none_for_keys_is_a_fault(url: str) -> None:
    """In development, too."""
    with pytest.raises(BadInput):
        checked_url(url, development=True, place="trust list")


def test_http_is_for_loopback_in_development() -> None:
    """And https for everyone."""
    for url in ("http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]:8/x"):
        assert checked_url(url, development=True, place="x") == url
        with pytest.raises(BadInput, match="not https"):
            checked_url(url, development=False, place="x")
    assert checked_url("https://ehr.example/jwks?x=1", development=False, place="x")


async def test_many_urls_do_not_share_their_keys(key_sets: KeySets, server: KeyServer) -> None:
    """A key of one set is not a key of another."""
    async with KeyServer() as other:
        other.publish("two")
        assert await ids(key_sets, server, "two") == ("one",)
        assert await ids(key_sets, other, "two") == ("two",)


async def test_closing_lets_go_of_a_fetch_under_way(server: KeyServer, clock: Clock) -> None:
    """A service that stops does not wait for a client's server."""
    server.delay = 60
    async with guarded_http(private=[], development=True) as http:
        key_sets = KeySets(http, clock=clock)
        key_sets.warm([server.url])
        await settled(server, 1)
        async with asyncio.timeout(1):
            await key_sets.close()
