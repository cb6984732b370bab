"""Callers that post one new patient's call after another over connections of their own, and remember what came back."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

PATH = "/cds-services/tea-time"
NUMBER = "7000000"
"""What stands in a body where the number of the call goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call got. `status` 0: no answer, because nobody took the call or it was cut."""

    instance: str
    status: int
    body: bytes
    began: float
    """By the monotonic clock, as `ended`."""
    ended: float
    token: str = ""

    @property
    def seconds(self) -> float:
        """From the first byte sent to the last one read."""
        return self.ended - self.began

    @property
    def card(self) -> Mapping[str, Any] | None:
        """The card, if one was shown."""
        cards = json.loads(self.body)["cards"] if self.status == 200 else []
        return cards[0] if cards else None


class Wire:
    """One connection that is kept alive, and made anew when it was cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, *, token: str = "") -> tuple[int, bytes]:
        """Status and body of the answer; OSError or IncompleteReadError if there is none."""
        try:
            if self._open is None:
                self._open = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._open
            signed = f"Authorization: Bearer {token}\r\n" if token else ""
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{signed}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answered = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(answered.partition("content-length:")[2].partition("\r\n")[0])
            content = await reader.readexactly(length)
            if "connection: close" in answered:
                self.close()
            return int(answered.split(" ")[1]), content
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


async def until(holds: Callable[[], bool | Awaitable[bool]], *, seconds: float = 5.0) -> None:
    """Ask again and again until it holds; TimeoutError if it does not in so long."""
    async with asyncio.timeout(seconds):
        while True:
            said = holds()
            if said if isinstance(said, bool) else await said:
                return
            await asyncio.sleep(0.02)


@dataclass
class Load:
    """So many callers, from `async with` until its end; a pause between the calls of one keeps others on the machine alive."""

    port: int
    body: bytes
    """Of every call; `NUMBER` in it is counted up."""
    callers: int = 8
    pause: float = 0.005
    sign: Callable[[], str] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    answers: list[Answer] = field(default_factory=list)
    _stopped: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._call_on()) for _ in range(self.callers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped = True
        await asyncio.gather(*self._tasks)

    async def further(self, count: int, *, seconds: float = 10.0) -> None:
        """Wait until so many more calls have ended."""
        wanted = len(self.answers) + count
        await until(lambda: len(self.answers) >= wanted, seconds=seconds)

    def kept(self, *statuses: int) -> set[str]:
        """The hook instances that were answered so."""
        return {one.instance for one in self.answers if one.status in statuses}

    def last(self, status: int) -> bool:
        """Whether the last call to end was answered so."""
        return self.answers[-1].status == status

    def since(self, moment: float) -> list[Answer]:
        """The calls that began after a moment of the monotonic clock."""
        return [one for one in self.answers if one.began > moment]

    async def _call_on(self) -> None:
        wire = Wire(self.port)
        while not self._stopped:
            self.answers.append(await self.one(wire))
            await asyncio.sleep(self.pause)
        wire.close()

    async def one(self, wire: Wire) -> Answer:
        """One call of a new patient."""
        body = self.body.replace(NUMBER.encode(), b"%07d" % next(self.numbers))
        token = self.sign() if self.sign is not None else ""
        began = time.monotonic()
        try:
            status, content = await wire.post(PATH, body, token=token)
        except (OSError, asyncio.IncompleteReadError):
            status, content = 0, b""
        instance = json.loads(body)["hookInstance"]
        return Answer(instance=instance, status=status, body=content, began=began, ended=time.monotonic(), token=token)


def jti_of(token: str) -> str:
    """The id of a token."""
    claims = token.split(".")[1]
    found: str = json.loads(base64.urlsafe_b64decode(claims + "=="))["jti"]
    return found
