"""The door to a server that is asked for much, over hours: what fails for the moment is asked again, in ever longer steps.

Only origins that the operator named are asked, at addresses that may be connected to; redirects are not followed. The
token goes to these origins alone. Errors name the origin and what was asked for, never the address as it was asked:
a search holds the patient.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import httpx

from services.guidance.errors import Unavailable
from services.plumbing.addresses import LOOPBACK, AddressGuard, AddressRefused, GuardedTransport
from services.plumbing.fhir_address import Base, Origin, follow, origin_of, read_base
from services.timeline.errors import BadInput

WAITS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds between one try and the next, where the server does not say; then it is given up."""
LONGEST_WAIT: Final = 300.0  # whatever a server asks for
SECONDS: Final = 120.0  # without a byte
ANSWER: Final = 64 * 2**20
AGAIN: Final = "Run it again later: it goes on where it stopped"
_REFUSALS: Final = 2  # 401 in a row: one may be a token that ran out, two are not

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class Again(Exception):
    """This try came to nothing, and another may not. `progressed`: it brought something all the same."""

    def __init__(self, why: str, *, seconds: float | None = None, progressed: bool = False) -> None:
        self.why = why
        self.seconds = seconds
        self.progressed = progressed
        super().__init__(why)


class Tokens(Protocol):
    """Where the bearer token comes from."""

    async def current(self) -> str:
        """The token to show now; "" if none is needed."""

    async def renew(self, refused: str) -> bool:
        """The server refused this one: whether there may be another."""


class NoToken:
    """A server that asks for none."""

    async def current(self) -> str:
        """None."""
        return ""

    async def renew(self, refused: str) -> bool:
        """There is no other."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server that the operator named, and the other origins that it may point to."""

    base: Base
    also: frozenset[Origin] = frozenset()

    @classmethod
    def of(cls, url: str, also: Iterable[str] = (), *, called: str = "the FHIR server") -> Server:
        """From the command line; BadInput if an address is none, or would get tokens and patients without TLS."""
        server = cls(
            base=read_base(url, place=called),
            also=frozenset(origin_of(text, place="--origin") for text in also),
        )
        for origin in (server.base.origin, *server.also):
            if origin.scheme != "https" and not origin.loopback:
                raise BadInput(
                    f"{origin} would get tokens and patients without TLS",
                    place=called,
                    remedy="Use https; plain http is for this machine alone",
                )
        return server

    def follow(self, link: str, *, what: str, at: str = "") -> str:
        """The absolute address of what the server points to; BadInput if that is elsewhere."""
        if not (url := follow(link, self.base, at=at, also=self.also)):
            raise BadInput(
                f"the server points elsewhere for {what}: {_elsewhere(link)}",
                place=str(self.base.origin),
                remedy="If that is yours, name it with --origin https://HOST",
            )
        return url


def open_steady(server: Server, *, private: Iterable[str] = ()) -> httpx.AsyncClient:
    """The connections. `private`: networks of the site that may be connected to; this machine, if the server is on it."""
    own = LOOPBACK if server.base.origin.loopback else ()
    transport = GuardedTransport(AddressGuard(allowed=[*private, *own]), connections=8)
    return httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False, timeout=SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: httpx.Headers
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class SteadyHttp:
    """Asks, waits, and asks again."""

    http: httpx.AsyncClient
    place: str
    """What an error names: the origin."""
    tokens: Tokens = field(default_factory=NoToken)
    sleep: Sleep = asyncio.sleep
    private_remedy: str = "Name your network in KNOWDO_LEARNER_PRIVATE_NETWORKS"

    async def ask(
        self, method: str, url: str, *, what: str, headers: Mapping[str, str] | None = None,
        content: bytes | None = None, with_token: bool = True, largest: int = ANSWER,
    ) -> Answer:  # fmt: skip
        """One answer, whole, of any status but 429 and 5xx: these are waited out; Unavailable when it is no use."""

        async def once() -> Answer:
            async with self.open(method, url, headers=headers, content=content, with_token=with_token) as answer:
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > largest:
                        raise BadInput(f"{what}: an answer larger than {largest // 2**20} MiB", place=self.place)
                return Answer(status=answer.status_code, headers=answer.headers, body=bytes(body))

        return await self.steadily(once, what=what)

    async def steadily(self, act: Callable[[], Awaitable[T]], *, what: str) -> T:
        """Do it, again and again while it says `Again` and a wait is left."""
        tried = refusals = 0
        while True:
            try:
                return await act()
            except Refusal as refused:
                refusals += 1
                if refusals >= _REFUSALS or not await self.tokens.renew(refused.token):
                    raise Unavailable(
                        f"{what}: the token is refused (401)",
                        place=self.place,
                        remedy="Ask the server's owner what this client may read",
                    ) from refused
            except Again as again:
                tried = 0 if again.progressed else tried
                if tried >= len(WAITS):
                    raise Unavailable(f"{what}: {again.why}", place=self.place, remedy=AGAIN) from again
                said = again.seconds
                wait = min(said, LONGEST_WAIT) if said is not None else WAITS[tried] * random.uniform(0.8, 1.2)  # noqa: S311 (spreads tries)
                tried += 1
                await self.sleep(wait)

    @asynccontextmanager
    async def open(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None,
        with_token: bool = True,
    ) -> AsyncIterator[httpx.Response]:  # fmt: skip
        """One try: the answer as it begins. `Again` if it is 429 or 5xx, or breaks off while it is read."""
        sent = dict(headers or {})
        token = await self.tokens.current() if with_token else ""
        if token:
            sent["Authorization"] = f"Bearer {token}"
        try:
            async with self.http.stream(method, url, headers=sent, content=content) as answer:
                if answer.status_code == 401 and token:
                    raise Refusal(token)
                if answer.status_code == 429 or answer.status_code >= 500:
                    raise Again(f"it answered {answer.status_code}", seconds=retry_after(answer.headers))
                yield answer
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as fault:
            if isinstance(fault.__cause__, AddressRefused):
                raise BadInput(
                    "its address is private, and not one that may be connected to",
                    place=self.place,
                    remedy=self.private_remedy,
                ) from fault
            raise Again(f"the connection failed ({type(fault).__name__})") from fault


class Refusal(Exception):
    """401: this token is not taken."""

    def __init__(self, token: str) -> None:
        self.token = token
        super().__init__("401")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server says, in seconds or as a date; None if it does not, or not in earnest."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return min(float(said[:9]), LONGEST_WAIT)
    try:
        return min(max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time()), LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError):
        return None


def printable(text: str, most: int = 200) -> str:
    """What a server says, as far as it may stand on a screen."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:most]).strip()


def _elsewhere(link: str) -> str:
    """The origin of a link, without what follows: that may name a patient or hold a signature."""
    try:
        url = httpx.URL(link)
    except (httpx.InvalidURL, TypeError):
        return "an address that is none"
    return f"{printable(url.scheme, 10)}://{printable(url.netloc.decode('ascii', 'replace').rpartition('@')[2], 100)}"
