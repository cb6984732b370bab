"""Calls at a steady pace, in a process of its own: each begins at its time and is timed from it, however long others take."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from tests.load.load_generator import NUMBER

LATE = 1.0


@dataclass(slots=True)
class Slice:
    """What was answered in a stretch of time."""

    ends: float
    """Seconds since the first call."""
    milliseconds: list[float] = field(default_factory=list)
    """From when a call was due until its answer was read."""
    statuses: Counter[str] = field(default_factory=Counter)
    """By status; `none` where there was no answer."""
    late: int = 0
    """Calls that began more than a second after they were due."""
    busiest: int = 0
    """The most calls that were under way at once."""


class Caller:
    """Posts a body whose number is another each time, over as many connections as calls are under way."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        self._port = port
        self._parts: Sequence[bytes] = body.split(NUMBER.encode())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._head = head.encode()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, number: int) -> str:
        """The status of the answer; `none` if there is none."""
        try:
            reader, writer = await self._connected()
            writer.write(self._head + (b"%07d" % number).join(self._parts))
            answer = await reader.readuntil(b"\r\n\r\n")
            length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        except (OSError, asyncio.IncompleteReadError):
            return "none"
        self._idle.append((reader, writer))
        return answer[9:12].decode()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)


def pace(
    *, port: int, path: str, body: bytes, first: int, rate: float, seconds: float, every: float, report: Connection
) -> None:
    """Post at `rate` for so many seconds, and report a Slice `every` so many; `first` is the number of the first patient."""
    asyncio.run(_pace(Caller(port, path, body), first=first, rate=rate, seconds=seconds, every=every, report=report))
    report.close()


async def _pace(
    caller: Caller, *, first: int, rate: float, seconds: float, every: float, report: Connection
) -> None:  # fmt: skip
    began, current = time.monotonic(), Slice(ends=every)
    under_way: set[asyncio.Task[None]] = set()

    async def call(number: int, due: float) -> None:
        late = time.monotonic() - due > LATE
        status = await caller.post(number)
        current.statuses[status] += 1
        current.milliseconds.append((time.monotonic() - due) * 1e3)
        current.late += late

    for turn in range(int(rate * seconds)):
        due = began + turn / rate
        if (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
        if due - began >= current.ends:
            done, current = current, Slice(ends=current.ends + every)
            report.send(done)
        task = asyncio.create_task(call(first + turn, due))
        under_way.add(task)
        current.busiest = max(current.busiest, len(under_way))
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    report.send(current)
