"""A server on a socket of this machine that says exactly what a test wants said, byte by byte, and remembers who came."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Asked:
    """One request that arrived."""

    target: str
    """Path and query, as on the line."""
    headers: dict[str, str]


Say = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """What came: `connections` counts even those that asked nothing."""

    say: Say
    port: int = 0
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address by number."""
        return f"http://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Nobody came yet."""
        self.connections = 0
        self.asked.clear()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                asked = Asked(first.split(" ")[1], headers)
                self.asked.append(asked)
                await self.say(asked, writer)
                await writer.drain()
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side has heard enough
        finally:
            writer.close()


@asynccontextmanager
async def raw_server(say: Say, host: str = "127.0.0.1") -> AsyncIterator[RawServer]:
    """A server that runs until the block ends."""
    server = RawServer(say)
    listening = await asyncio.start_server(server._meet, host, 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def answer(body: bytes | dict[str, Any], status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer; `Content_Type` and the like as keywords."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Type": "application/fhir+json", "Content-Length": str(len(content))}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + content


def says(body: bytes | dict[str, Any], status: str = "200 OK", **headers: str) -> Say:
    """The same answer to everyone."""

    async def say(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, status, **headers))

    return say
