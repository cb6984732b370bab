"""Two workers over one database behind real sockets, and what an attacker sends to them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.cds.callers.tokens import PATH
from tests.cds.conftest import Running
from tests.plumbing.key_server import KeyServer


@dataclass
class Answer:
    """What came back, but for the request's own id."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class World:
    """Two workers over one database behind real sockets, the clients' key server, and the attacker's."""

    cds: Running
    port: int
    neighbour: int
    keys: KeyServer
    evil: KeyServer
    restarted: Callable[[], Awaitable[int]]
    body: bytes = b""

    async def send(self, lines: Sequence[str], path: str = PATH, *, port: int = 0, method: str = "POST") -> Answer:
        """One request with these header lines."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        body = self.body if method == "POST" else b""
        head = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", "Connection: close", *lines]
        writer.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        raw = await reader.read()
        writer.close()
        top, _, content = raw.partition(b"\r\n\r\n")
        first, *rest = top.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        headers.pop("x-request-id", None)
        headers.pop("date", None)
        return Answer(int(first.split()[1]), headers, content)

    def refusals(self) -> dict[str, float]:
        """The counter, by reason."""
        text = self.cds.app.state.metrics.text().decode()
        found = re.findall(r'^knowdo_cds_refused_tokens_total\{reason="([^"]+)"\} (\S+)$', text, flags=re.M)
        return {reason: float(count) for reason, count in found}


@dataclass
class Attack:
    """A request as the attacker sends it."""

    lines: list[str] = field(default_factory=list)
    path: str = PATH
    port: int = 0


async def served(app: Any, stack: AsyncExitStack) -> int:
    """The app behind a socket of its own; its port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listening]))

    async def stop() -> None:
        server.should_exit = True
        await task

    stack.push_async_callback(stop)
    return int(listening.getsockname()[1])
