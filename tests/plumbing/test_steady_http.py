"""A server that is asked again: how long is waited, how often, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.errors import Unavailable
from services.plumbing.steady_http import LONGEST_WAIT, WAITS, Server, SteadyHttp, open_steady, printable, retry_after
from services.timeline.errors import BadInput
from tests.plumbing.raw_server import Asked, answer, raw_server, says

pytestmark = pytest.mark.anyio


class Clock:
    """Sleeps without sleeping, and remembers."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """No time passes."""
        self.slept.append(seconds)


async def test_a_server_that_stays_busy_is_given_up_after_ever_longer_waits() -> None:
    """Each wait is about what it should be, and the last word says what to do."""
    clock = Clock()
    async with raw_server(says({}, "503 Service Unavailable")) as raw:
        server = Server.of(raw.url)
        async with open_steady(server) as http:
            steady = SteadyHttp(http=http, place=raw.url, sleep=clock.sleep)
            with pytest.raises(Unavailable, match=r"patients: it answered 503.*goes on where it stopped"):
                await steady.ask("GET", f"{raw.url}/Patient?name=secret", what="patients")
    assert [round(slept / wait) for slept, wait in zip(clock.slept, WAITS, strict=True)] == [1] * len(WAITS)
    assert len(raw.asked) == len(WAITS) + 1


async def test_it_is_waited_as_long_as_the_server_says() -> None:
    """Retry-After of a 429 is kept to; then comes the answer."""
    clock, turns = Clock(), iter(["7", "0", ""])

    async def say(_asked: Asked, writer: object) -> None:
        turn = next(turns)
        more = {"Retry_After": turn} if turn else {}
        writer.write(answer({"ok": True}, "429 Too Many Requests" if turn else "200 OK", **more))  # type: ignore[attr-defined]

    async with raw_server(say) as raw, open_steady(Server.of(raw.url)) as http:
        steady = SteadyHttp(http=http, place=raw.url, sleep=clock.sleep)
        got = await steady.ask("GET", f"{raw.url}/x", what="x")
    assert (got.status, got.body) == (200, b'{"ok": true}')
    assert clock.slept == [7.0, 0.0]


async def test_redirects_are_not_followed_and_answers_are_not_endless() -> None:
    """A 302 is an answer like another; one that is too long is refused while it comes."""
    elsewhere = says(b"", "302 Found", Location="http://127.0.0.1:1/")
    async with raw_server(elsewhere) as raw, open_steady(Server.of(raw.url)) as http:
        steady = SteadyHttp(http=http, place=raw.url)
        assert (await steady.ask("GET", f"{raw.url}/x", what="x")).status == 302
    async with raw_server(says(b"x" * 3_000_000)) as raw, open_steady(Server.of(raw.url)) as http:
        with pytest.raises(BadInput, match="larger than 1 MiB"):
            await SteadyHttp(http=http, place=raw.url).ask("GET", f"{raw.url}/x", what="x", largest=2**20)


@given(st.text())
def test_whatever_retry_after_says_the_wait_is_none_or_bounded(text: str) -> None:
    """No header stops the fetch, or stops it for days."""
    wait = retry_after({"retry-after": text})
    assert wait is None or 0 <= wait <= LONGEST_WAIT


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    """Both forms of HTTP; what is past is now."""
    assert retry_after({"retry-after": "12"}) == 12.0
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < (retry_after({"retry-after": soon}) or 0) <= 30
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after(httpx.Headers()) is None


@given(st.text())
def test_what_a_server_says_can_stand_on_a_screen(text: str) -> None:
    """No control characters, no length."""
    shown = printable(text, 50)
    assert shown.isprintable()
    assert len(shown) <= 50


@pytest.mark.parametrize(
    "link", ["https://else.example.org/f?sig=secret", "//else.example.org/f", "https://u:p@ehr.example.org/f", "x:y"]
)
def test_links_elsewhere_are_told_by_their_origin_alone(link: str) -> None:
    """A path may name a patient, and a query hold a signature."""
    with pytest.raises(BadInput, match="--origin") as told:
        Server.of("https://ehr.example.org/fhir").follow(link, what="a file")
    assert "secret" not in str(told.value)
    assert "u:p" not in str(told.value)


def test_an_origin_that_was_named_is_followed() -> None:
    """With the same exactness: another port is another origin."""
    server = Server.of("https://ehr.example.org/fhir", ["https://files.example.org:8443"])
    assert server.follow("https://files.example.org:8443/a?b=c", what="a file")
    assert server.follow("/x", what="a file", at="https://ehr.example.org/status") == "https://ehr.example.org/x"
    with pytest.raises(BadInput, match="elsewhere"):
        server.follow("https://files.example.org/a", what="a file")
