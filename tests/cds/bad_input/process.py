"""A service in a process of its own, of which bytes are asked over a socket: what a server makes of them is tried too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.cds.settings import CdsSettings
from services.guidance.manifest import policy_named
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import free_port, served
from tests.cds.tea import tea_bundle
from tests.load.load_generator import resident


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where it listens, what it is, and where its log is."""

    port: int
    pid: int
    log: Path
    prefetch: dict[str, str]
    """Prefetch key of `tea-time` → the type that it asks for."""

    def connect(self, *, seconds: float = 20.0) -> socket.socket:
        """A connection; nothing on it takes longer than that."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def megabytes(self) -> float:
        """What it has in memory."""
        return resident(self.pid)


@contextmanager
def serving(var: Path) -> Iterator[Served]:
    """An open demo service with `tea-time` that never cools down, logging to a file."""
    port, log = free_port(), var / "cds.log"
    keys = asyncio.run(_approve(CdsSettings(var=var, demo=True, public_url=f"http://127.0.0.1:{port}")))
    chosen = {
        "KNOWDO_CDS_OPEN": "true",
        "KNOWDO_LOG_LEVEL": "info",
        "KNOWDO_CDS_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with served(var, port, log=log, **chosen) as process:
        yield Served(port=port, pid=process.pid, log=log, prefetch=keys)


async def _approve(settings: CdsSettings) -> dict[str, str]:
    """Let a service take the guidance into its folder."""
    registry = FakeRegistry()
    registry.deploy(tea_bundle(), policy=policy_named("standard", {"*": {"cooldown_hours": 0}}))
    async with run(settings, registry, client=registry.client()) as cds:
        release = cds.service.desk.approved.find("tea-time").release
        assert release is not None
        return {name: query.resource_type for name, query in release.queries.items()}


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """One final answer with a declared length: status and body; ConnectionError if the other side closed before.

    An interim answer (RFC 9110, 15.2: 100 Continue) may come in the same packet as the final one, and is passed over.
    """
    rest = b""
    while True:
        while b"\r\n\r\n" not in rest:
            rest += _some(connection)
        head, _, rest = rest.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        if status >= 200:
            break
    fields = head.lower()
    length = int(fields.split(b"content-length: ")[1].split(b"\r\n")[0]) if b"content-length: " in fields else 0
    while len(rest) < length:
        rest += _some(connection)
    return status, rest


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise ConnectionError("closed")
    return received
