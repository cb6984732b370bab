"""The registry with its content on a socket, for a browser; as a process would serve it, in a thread of the test."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvicorn
from pydantic import SecretStr
from sqlalchemy import Connection

from services.guidance.policies import POLICIES, Policy
from services.plumbing.database import writing
from services.plumbing.sealing import Sealer
from services.registry.app import create_app
from services.registry.database import open_tables
from services.registry.settings import RegistrySettings
from tests.registry.console import content

SEALING_KEY: Final = base64.b64encode(bytes(range(32))).decode()
SEALER: Final = Sealer.of(SEALING_KEY, place="tests")
NOW: Final = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Where it is, and what `fill` answered."""

    url: str
    known: dict[str, str]

    @property
    def pages(self) -> dict[str, str]:
        """Name → address of every page that there is."""
        return {
            "overview": "/",
            "guidance-list": "/console/guidance",
            "guidance": "/console/guidance/readmission-30d",
            "compare": "/console/guidance/readmission-30d/compare",
            "try": "/console/try?example=discharge",
            "memory": "/console/memory",
            "memory-search": "/console/memory?words=why+stopped+potassium",
            "proof": "/console/memory/proof",
            "notices": "/console/notices",
            "report": f"/console/releases/{self.known['new']}/report",
            "sign-in": "/sign-in",
            "error": "/console/guidance/nothing-of-that-name",
            "evidence": f"/releases/{self.known['new']}/page",
            "plain": f"/releases/{self.known['new']}/plain",
            "review": f"/console/review/{self.known['newer']}/pilot",
            "deploy": "/console/deploy",
            "deploy-one": "/console/deploy/readmission-30d",
            "place": f"/console/deploy/readmission-30d/place/{self.known['old']}",
            "deploy-stopped": "/console/deploy/nephrotoxin-aki",
            "stop": "/console/deploy/readmission-30d/stop",
            "evidence-stopped": f"/releases/{self.known['stopped']}/page",
        }

    def as_(self, name: str) -> dict[str, str]:
        """What a person's browser sends."""
        return {"Authorization": f"Bearer {self.known[name]}"}


Fill = Callable[[Connection, Policy, datetime], dict[str, str]]


def hospital(connection: Connection, policy: Policy, now: datetime) -> dict[str, str]:
    """The content of every page, scripts in every free text."""
    return content.fill(connection, policy, now)


@contextmanager
def served(folder: Path, *, fill: Fill = hospital) -> Iterator[Served]:
    """A registry under the demo policy that is not in demo mode, at a fixed time."""
    settings = RegistrySettings(var=folder, policy="demo", sealing_keys=SecretStr(SEALING_KEY))
    engine = open_tables(settings)
    with writing(engine) as connection:
        known = fill(connection, POLICIES["demo"], NOW)
    engine.dispose()
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    app = create_app(settings, now=lambda: NOW)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the registry did not start"
        time.sleep(0.02)
    try:
        yield Served(url=f"http://127.0.0.1:{port}", known=known)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
