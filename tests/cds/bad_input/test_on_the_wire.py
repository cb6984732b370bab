"""Bytes on a socket that are hardly HTTP: the server refuses or closes, goes on, and says nothing of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.cds.bad_input.mutations import written
from tests.cds.bad_input.process import Served, read_answer, serving
from tests.cds.bad_input.seeds import MARK, tea_call

POST: Final = b"POST /cds-services/tea-time HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LENGTH: Final = b"Content-Length: %d\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service in a process of its own."""
    with serving(tmp_path_factory.mktemp("served")) as process:
        yield process


@pytest.fixture(scope="module")
def body(server: Served) -> bytes:
    """A call for which there is a card."""
    return written(tea_call(server.prefetch))


def raw(head: bytes, rest: bytes = b"") -> bytes:
    """A request from its lines."""
    return head + b"\r\n" + rest


def lies(body: bytes) -> dict[str, bytes]:
    """Requests whose heads and bodies do not agree, or that no grammar has."""
    mark = MARK.encode()
    chunk = b"%x\r\n%b\r\n" % (len(body), body)
    return {
        "longer than declared": raw(POST + LENGTH % 5, body),
        "shorter than declared": raw(POST + LENGTH % (len(body) + 50), body),
        "declared as negative": raw(POST + b"Content-Length: -1\r\n", body),
        "declared beyond all numbers": raw(POST + b"Content-Length: " + b"9" * 5000 + b"\r\n", body),
        "declared over the limit": raw(POST + LENGTH % 10_000_001, body[:100]),
        "declared as text": raw(POST + b"Content-Length: " + mark + b"\r\n", body),
        "declared twice": raw(POST + LENGTH % len(body) + LENGTH % 5, body),
        "length and chunks": raw(POST + LENGTH % 5 + b"Transfer-Encoding: chunked\r\n", chunk + b"0\r\n\r\n"),
        "chunk of no number": raw(POST + b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + body),
        "chunk longer than it is": raw(POST + b"Transfer-Encoding: chunked\r\n", b"fffff\r\n" + body + b"\r\n0\r\n\r\n"),
        "chunk beyond all numbers": raw(POST + b"Transfer-Encoding: chunked\r\n", b"f" * 40 + b"\r\n" + body),
        "never the last chunk": raw(POST + b"Transfer-Encoding: chunked\r\n", chunk),
        "packed and chunked": raw(POST + b"Transfer-Encoding: gzip, chunked\r\n", chunk + b"0\r\n\r\n"),
        "another transfer": raw(POST + b"Transfer-Encoding: " + mark + b"\r\n", body),
        "no length": raw(POST, body),
        "a folded header": raw(POST + b"X: a\r\n b" + mark + b"\r\n" + LENGTH % len(body), body),
        "a header without a colon": raw(POST + mark + b"\r\n", body),
        "a header with NUL": raw(POST + b"X: \x00" + mark + b"\r\n" + LENGTH % len(body), body),
        "a huge header": raw(POST + b"X: " + mark * 20_000 + b"\r\n" + LENGTH % len(body), body),
        "many headers": raw(POST + b"X: y\r\n" * 5_000 + LENGTH % len(body), body),
        "a line alone": b"\n",
        "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64),
        "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 30,
        "an upgrade": raw(POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" + LENGTH % 2, b"{}"),
        "a web socket": raw(b"GET /cds-services/tea-time HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"),
        "no version": b"POST /" + mark + b"\r\n\r\n",
        "a version of its own": b"POST / HTTP/9.9\r\n\r\n",
        "a method of bytes": b"\xff\xfe /cds-services HTTP/1.1\r\nHost: x\r\n\r\n",
        "a path of bytes": b"GET /cds-services/\xff\xfe" + mark + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "a path with NUL": b"GET /cds-services/%00" + mark + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "an address for a path": b"GET http://127.0.0.1:1/" + mark + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "a path without end": b"GET /" + mark * 20_000,
        "two requests at once": raw(POST + LENGTH % len(body), body) + raw(POST + LENGTH % 2, b"{}"),
        "a request inside a body": raw(POST + LENGTH % 2, b"{}GET /" + mark + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        "expecting to go on": raw(POST + b"Expect: 100-continue\r\n" + LENGTH % len(body), body),
        "nothing": b"",
    }  # fmt: skip


def answers_to(server: Served, sent: bytes, *, seconds: float = 20.0) -> list[tuple[int, bytes]]:
    """What comes back until the other side closes, or says nothing for so long."""
    found = []
    with server.connect(seconds=seconds) as connection:
        try:
            connection.sendall(sent)
            while True:
                found.append(read_answer(connection))
        except (TimeoutError, ConnectionError, IndexError):
            return found


@pytest.mark.parametrize("how", lies(b"{}"))
def test_what_is_hardly_http_is_refused_or_closed_and_costs_nobody_else(server: Served, body: bytes, how: str) -> None:
    """No 5xx, nothing told, and the next call of another client is answered with its card."""
    for status, said in answers_to(server, lies(body)[how], seconds=0.3):
        assert status < 500, said
        assert status == 200 or MARK.encode() not in said
    (good,) = answers_to(server, raw(POST + b"Connection: close\r\n" + LENGTH % len(body), body))
    assert good[0] == 200
    assert b"Offer tea" in good[1]
    logged = server.log.read_text()
    assert MARK not in logged
    assert "Traceback" not in logged
    assert '"event":"fault"' not in logged


def test_connections_that_are_left_open_hold_up_nobody(server: Served, body: bytes) -> None:
    """Two hundred clients that begin a call and do not end it; the next one is answered at once."""
    halves = [server.connect() for _ in range(200)]
    try:
        for one in halves:
            one.sendall(raw(POST + LENGTH % len(body), body[:10]))
        (good,) = answers_to(server, raw(POST + b"Connection: close\r\n" + LENGTH % len(body), body))
        assert good[0] == 200
    finally:
        for one in halves:
            one.close()
