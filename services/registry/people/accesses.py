"""The record of accesses: who asked for what, when, from where, and how it was answered. No bodies, no queries.

It is written behind the answers, some hundred at a time, within a second. If the database does not take them they wait
in memory, readiness says so, and what must be dropped in the end is counted in the log: never silently. What changes
anything is in the ledger as well, in the same transaction as the change.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.plumbing.logs import get_logger
from services.registry.desk import Desk
from services.registry.people.tables import accesses
from services.registry.tables import instant_text
from services.timeline.errors import KnowdoError

EVERY: Final = 0.5  # seconds
MOST_WAITING: Final = 50_000
AT_ONCE: Final = 1_000
FORGET_EVERY: Final = 3600.0
_NOT_RECORDED: Final = frozenset({"/healthz", "/readyz", "/metrics", "/static/{name}"})
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
_log = get_logger("registry")


class AccessRecord:
    """What waits to be written, and the task that writes it."""

    def __init__(self, desk: Desk, *, kept: timedelta) -> None:
        self._desk = desk
        self._kept = kept
        self._waiting: deque[dict[str, Any]] = deque()
        self._turn = asyncio.Lock()
        self.is_written = True
        """False while the database does not take it."""

    def note(self, row: dict[str, Any]) -> None:
        """Let one access wait to be written."""
        self._waiting.append({"at": instant_text(self._desk.now()), **row})
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            _log.error("access not recorded", message="the oldest is dropped", remedy="Mend the database")

    async def keep_on(self) -> None:
        """Write what waits, for ever; and drop once an hour what is older than it is kept."""
        loop = asyncio.get_running_loop()
        forget_at = loop.time()
        while True:
            await self.write()
            if loop.time() >= forget_at:
                forget_at = loop.time() + FORGET_EVERY
                with contextlib.suppress(KnowdoError):  # `write` has said that the database does not answer
                    await self._desk.note(lambda connection: forget(connection, self._desk.now() - self._kept))
            await asyncio.sleep(EVERY)

    async def write(self) -> None:
        """Write all that waits now; what cannot be written goes on waiting."""
        async with self._turn:  # two at once would write the same rows twice
            while self._waiting:
                rows = [self._waiting[number] for number in range(min(AT_ONCE, len(self._waiting)))]
                try:
                    await self._desk.note(lambda connection, rows=rows: _insert(connection, rows))  # type: ignore[misc]
                except KnowdoError as fault:
                    self.is_written = False
                    _log.error("access not recorded", message=fault.message, place=fault.place, remedy=fault.remedy)
                    return
                for _ in rows:
                    self._waiting.popleft()
            self.is_written = True


class Recorded:
    """An ASGI layer: every answer gets the headers that keep browsers from harm, and is recorded."""

    def __init__(self, app: ASGIApp, *, state: Any, https: bool) -> None:
        self.app = app
        self.state = state
        self.headers = _HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, request_id = 499, ""

        async def sending(message: Message) -> None:
            nonlocal status, request_id
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                request_id = headers.get("x-request-id", "")
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        scope.pop("knowdo.who", None)
        try:
            await self.app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "")
            if route not in _NOT_RECORDED:
                path = scope["path"].removeprefix(scope.get("root_path", "")) if route else ""
                client = scope.get("client")
                self.state.accesses.note(
                    {
                        "who": scope.get("knowdo.who", ""),
                        "method": scope["method"][:10],
                        "route": route[:100],
                        # Of an address that leads nowhere anything could be in there.
                        "path": "".join(letter for letter in path[:200] if letter.isprintable()),
                        "status": status,
                        "address": str(client[0])[:64] if client else "",
                        "request_id": request_id[:64],
                    }
                )


def find(
    connection: Connection, *, after: int = 0, limit: int = 1000, who: str = "", since: datetime | None = None
) -> list[dict[str, Any]]:
    """Accesses in order, after a number; of one person or service, or since a moment."""
    asked = select(accesses).where(accesses.c.number > after).order_by(accesses.c.number).limit(limit)
    if who:
        asked = asked.where(accesses.c.who == who)
    if since is not None:
        asked = asked.where(accesses.c.at >= instant_text(since))
    return [row._asdict() for row in connection.execute(asked)]


def forget(connection: Connection, before: datetime) -> int:
    """Drop what is older; how many there were."""
    return connection.execute(delete(accesses).where(accesses.c.at < instant_text(before))).rowcount


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    connection.execute(insert(accesses), rows)
