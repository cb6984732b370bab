"""What is done beside the calls, again and again: the spool home, expired tokens, days ahead, retention, counts to the registry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final, Protocol

from services.cds.decisions.aggregates import report_counts
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.durable import Durable
from services.cds.decisions.partitions import make_days
from services.cds.decisions.retention import Done, Retention, keep_to
from services.plumbing.logs import get_logger
from services.plumbing.registry_client import RegistryClient
from services.timeline.errors import KnowdoError

_log = get_logger("cds")
LAST_SECONDS: Final = 3.0


class Tidied(Protocol):
    """Where exported copies lie."""

    def tidy(self) -> None:
        """Remove what has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tending:
    """One round after another; what fails is said and done again in the next, and keeps nothing else from being done."""

    log: DecisionLog
    durable: Durable
    retention: Retention
    exports: Tidied
    client: RegistryClient | None
    site: str
    on_retained: Callable[[Done], None] = field(default=lambda _done: None)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the registry must hear at once: a circuit breaker is open."""
    stopping: Event = field(default_factory=Event)
    """Set when no further step is to begin: a stop does not wait for a long round."""

    async def keep_on(self, *, seconds: float) -> None:
        """A round every so many seconds, until cancelled; between two, the counts at once if there is a hurry."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._hurried()
                await self.round()
        finally:
            self.stopping.set()

    async def _hurried(self) -> None:
        while True:
            await self.hurry.wait()
            self.hurry.clear()
            await self.report()

    async def round(self) -> None:
        """Everything once."""
        await _tried("spool", self.durable.bring_home)
        await _tried("tokens", lambda: asyncio.to_thread(self.log.forget_tokens, now=int(time.time())))
        await _tried("days", lambda: asyncio.to_thread(make_days, self.log.engine, now=_now()))
        await _tried("retention", lambda: asyncio.to_thread(self._retain))
        await _tried("exports", lambda: asyncio.to_thread(self.exports.tidy))
        await self.report()

    async def last(self) -> None:
        """At shut-down: what must not wait for the next start. A registry that is gone must not hold us up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await _tried("spool", self.durable.bring_home)
                await self.report()

    async def report(self) -> None:
        """The counts, if there is a registry to hear them."""
        if (client := self.client) is not None:
            await _tried("counts", lambda: report_counts(self.log, client, site=self.site))

    def _retain(self) -> None:
        done = keep_to(self.log.engine, self.retention, now=_now(), pause=self.stopping.wait)
        if done.anything:
            self.on_retained(done)
            _log.info(
                "retention",
                pseudonymised=done.pseudonymised,
                feedback=done.feedback,
                deleted=done.deleted,
                days_dropped=done.days_dropped,
                finished=done.finished,
            )


async def _tried(what: str, work: Callable[[], Awaitable[Any]]) -> None:
    try:
        await work()
    except KnowdoError as fault:
        _log.warning("not done, tried again in the next round", work=what, message=fault.message, place=fault.place)


def _now() -> int:
    return time.time_ns() // 1000
