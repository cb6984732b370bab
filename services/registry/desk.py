"""The edge of the registry: one transaction for each request, off the event loop, and a bell when something changed.

Use cases receive a connection and never commit; the desk commits, and only then wakes those who wait for manifests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

from anyio import to_thread
from fastapi import Depends
from sqlalchemy import Connection, Engine
from starlette.requests import Request

from services.guidance.manifest import LONGEST_LEASE
from services.guidance.policies import Policy
from services.plumbing.database import reading, writing
from services.plumbing.keys import PublicKeys, SigningKey
from services.plumbing.sealing import Sealer
from services.registry.deployed import leases
from services.registry.deployed.leases import SignedList
from services.registry.memory import ledger

T = TypeVar("T")
# The bell rings in this process only; another process that writes (the command line) is noticed this much later.
LOOK_AGAIN: Final = 0.5


def real_time() -> datetime:
    """The clock of leases, votes and entries."""
    return datetime.now(UTC)


class Bell:
    """Wakes everyone who waits, each time it rings. Take `next_ring` before looking, so that no ring is missed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake those who wait now; later waiters wait for the next ring."""
        self._event.set()
        self._event = asyncio.Event()

    def next_ring(self) -> asyncio.Event:
        """Set when the bell rings next."""
        return self._event


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every request needs: the database, the key that signs, the policy, the clock."""

    engine: Engine
    key: SigningKey
    keys: PublicKeys
    policy: Policy
    issuer: str
    sealer: Sealer
    longest_lease: timedelta = LONGEST_LEASE
    now: Callable[[], datetime] = real_time
    bell: Bell = field(default_factory=Bell)

    async def read(self, ask: Callable[[Connection], T]) -> T:
        """Run a use case that only reads."""

        def asked() -> T:
            with reading(self.engine) as connection:
                return ask(connection)

        return await to_thread.run_sync(asked)

    async def write(self, act: Callable[[Connection], T]) -> T:
        """Run a use case in one transaction, and ring once it is durable."""

        def in_turn(connection: Connection) -> T:
            # One writer at a time, from its first statement: two that lock the same rows in another order would
            # otherwise end each other, and one of them may be a stop.
            ledger.wait_in_line(connection)
            return act(connection)

        try:
            return await self.note(in_turn)
        finally:
            # Even if the caller went away while the commit ran: it ran.
            self.bell.ring()

    async def note(self, act: Callable[[Connection], T]) -> T:
        """Run a use case in one transaction that changes nothing for those who wait: the bell stays still."""

        def acted() -> T:
            with writing(self.engine) as connection:
                return act(connection)

        return await to_thread.run_sync(acted)

    async def manifests(self, *, after: int, wait: float) -> SignedList:
        """All manifests, renewed; at once if the ledger is past `after`, else when it is or the time is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            ring = self.bell.next_ring()
            head = await self.read(ledger.head)
            left = until - loop.time()
            if head.number > after or left <= 0:
                return await self.signed()
            # Not `wait_for`: before Python 3.12 it forgets that it was cancelled if the bell rings in the same moment.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_AGAIN)):
                    await ring.wait()

    async def signed(self) -> SignedList:
        """All manifests as they stand; renewed first if any needs it."""
        now = self.now()
        kid, longest = self.key.kid, self.longest_lease
        as_they_are = await self.read(
            lambda connection: leases.signed_manifests(connection, kid=kid, now=now, longest=longest)
        )
        if as_they_are is not None:
            return as_they_are
        # Renewing is no news, so the bell stays still.
        return await to_thread.run_sync(self._renewed, now)

    def _renewed(self, now: datetime) -> SignedList:
        with writing(self.engine) as connection:
            return leases.renew_manifests(connection, self.key, issuer=self.issuer, now=now, longest=self.longest_lease)

    async def sign_day(self) -> bool:
        """Sign the head of the ledger once a day."""

        def signed(connection: Connection) -> bool:
            return ledger.sign_day(connection, self.key, issuer=self.issuer, now=self.now())

        return await self.note(signed)


def desk_of(request: Request) -> Desk:
    """The desk of the app that was asked."""
    desk: Desk = request.app.state.desk
    return desk


DeskDep = Annotated[Desk, Depends(desk_of)]
