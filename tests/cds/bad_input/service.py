"""A whole service in this thread, asked without a client between: any method, path, header and byte can be sent to it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import func, select

from services.cds.decisions.schema import decisions, feedback
from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.manifest import policy_named
from services.guidance.release import ReleaseBundle, build_release
from tests.cds import test_library_diabetes_screening as diabetes
from tests.cds import test_nephrotoxin_aki as nephrotoxin
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import tea_bundle
from tests.demo.as_of_comparison import release_of
from tests.load.hospital_call import model_of

LIBRARY: Final = Path(__file__).resolve().parents[3] / "services/guidance/library"
LOADED: Final = {path.parent.name: load_guidance(path.parent) for path in sorted(LIBRARY.glob("*/guidance.yaml"))}
REFERENCE: Final = {"name": "made-up stays", "base_rate": 0.12, "n": 1000, "events": 120, "inputs": {}}
SECONDS: Final = 20.0
"""A call that is not answered by then hangs: the others take milliseconds, on a machine that is busy."""

Headers = Sequence[tuple[bytes, bytes]]
JSON_TYPE: Final[Headers] = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request as it is sent."""

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Headers = JSON_TYPE
    query: bytes = b""
    chunk: int = 1 << 20
    """The body arrives in pieces of so many bytes."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass
class Hammered:
    """A service that is sent anything, in a loop that runs as long as somebody asks."""

    runner: asyncio.Runner
    running: Running
    lines: list[Any] = field(default_factory=list)
    """What it logged since it was last asked for."""

    def ask(self, asks: Sequence[Ask]) -> list[Answer]:
        """All at once; a call that hangs is a failure."""
        return self.runner.run(self._ask(asks))

    async def _ask(self, asks: Sequence[Ask]) -> list[Answer]:
        async with asyncio.timeout(SECONDS):
            return list(await asyncio.gather(*(answer_of(self.running.app, ask) for ask in asks)))

    def said(self) -> str:
        """Every log line since the last time, as text."""
        text = "\n".join(map(repr, self.lines))
        self.lines.clear()
        return text

    def decisions(self) -> int:
        """How many were kept."""
        return self._count(decisions)

    def feedback(self) -> int:
        """How many entries were kept."""
        return self._count(feedback)

    def _count(self, table: Any) -> int:
        with self.running.log.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def keys(self, guidance: str) -> dict[str, str]:
        """Prefetch key → the type that it asks for."""
        release = self.running.service.desk.approved.find(guidance).release
        assert release is not None
        return {name: query.resource_type for name, query in release.queries.items()}


class _Listening(logging.Handler):
    """Keeps what the standard library's loggers say."""

    def __init__(self, lines: list[Any]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """As text, with its traceback's kind."""
        self.lines.append((record.name, record.getMessage(), repr(record.exc_info)))


async def answer_of(app: Callable[..., Any], ask: Ask) -> Answer:
    """Send one request to an ASGI app."""
    pieces = [ask.body[at : at + ask.chunk] for at in range(0, len(ask.body), ask.chunk)] or [b""]
    sent = 0
    status, headers, parts = 0, dict[str, str](), list[bytes]()

    async def receive() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent == len(pieces):
            return {"type": "http.disconnect"}
        sent += 1
        return {"type": "http.request", "body": pieces[sent - 1], "more_body": sent < len(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.update({name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]})
        else:
            parts.append(message.get("body", b""))

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": ask.method,
        "scheme": "https", "path": ask.path, "raw_path": ask.path.encode("utf-8", "surrogatepass"),
        "query_string": ask.query, "root_path": "", "headers": list(ask.headers), "client": ("127.0.0.1", 1),
        "server": ("cds", 443),
    }  # fmt: skip
    await app(scope, receive, send)
    return Answer(status=status, headers=headers, body=b"".join(parts))


def _speaking(name: str) -> ReleaseBundle:
    """A release of what is shipped, with a model by which the calls of `seeds` have a card."""
    loaded = LOADED[name]
    match name:
        case "diabetes-screening":
            return build_release(loaded, diabetes.scorecard(), diabetes.REFERENCE)
        case "nephrotoxin-aki":
            return build_release(loaded, nephrotoxin.model(-1.4), nephrotoxin.REFERENCE)
        case "readmission-30d":
            return build_release(loaded, model_of(loaded.definition), REFERENCE)
    return release_of(loaded)


@contextmanager
def hammered(var: Path, *, runner: asyncio.Runner | None = None, **settings: Any) -> Iterator[Hammered]:
    """A demo service that answers anyone, with `tea-time` and everything that is shipped, nothing cooling down.

    `runner`: whose loop it lives in, if that is somebody else's too.
    """
    registry = FakeRegistry()
    always = policy_named("standard", {"*": {"cooldown_hours": 0}})
    for bundle in (tea_bundle(), *(_speaking(name) for name in LOADED)):
        registry.deploy(bundle, policy=always)
    chosen = CdsSettings(
        **{
            "var": var,
            "demo": True,
            "open": True,
            "public_url": URL,
            "auditor_token": "audit",
            "export_token": "export",
            **settings,
        }
    )
    own = asyncio.Runner() if runner is None else nullcontext(runner)
    with own as runner, structlog.testing.capture_logs() as lines:
        stack = AsyncExitStack()
        running = runner.run(stack.enter_async_context(run(chosen, registry, client=registry.client())))
        listening = _Listening(lines)
        logging.getLogger().addHandler(listening)
        try:
            lines.clear()
            yield Hammered(runner, running, lines)
        finally:
            logging.getLogger().removeHandler(listening)
            runner.run(stack.aclose())
