"""The edge commits, and rings only once it is durable; a failure undoes everything and still answers."""

from __future__ import annotations

import asyncio
import time

import anyio
import pytest
from sqlalchemy import Connection

from services.registry.desk import Desk
from services.registry.memory import ledger
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio


def desk_of(house: House) -> Desk:
    """The desk of the running registry."""
    desk: Desk = house.app.state.desk
    return desk


def entry(desk: Desk, connection: Connection) -> None:
    """Something to remember."""
    ledger.append(connection, actor="x", role="x", action="x", subject="x", detail={}, now=desk.now())


async def test_a_write_rings_and_a_note_does_not(house: House) -> None:
    """Who waits is woken by what concerns it."""
    desk = desk_of(house)
    ring = desk.bell.next_ring()
    await desk.note(lambda connection: entry(desk, connection))
    assert not ring.is_set()
    await desk.write(lambda connection: entry(desk, connection))
    assert ring.is_set()
    assert not desk.bell.next_ring().is_set()


async def test_what_fails_is_undone(house: House) -> None:
    """Neither half of a use case stays."""
    desk = desk_of(house)
    before = await desk.read(ledger.head)

    def fail(connection: Connection) -> None:
        entry(desk, connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await desk.write(fail)
    assert await desk.read(ledger.head) == before


async def test_a_caller_who_leaves_does_not_silence_the_bell(house: House) -> None:
    """A stop whose caller hangs up while it is being committed is committed, and heard."""
    desk = desk_of(house)
    ring = desk.bell.next_ring()
    before = await desk.read(ledger.head)

    def slow(connection: Connection) -> None:
        entry(desk, connection)
        time.sleep(0.1)

    with anyio.move_on_after(0.02):
        await desk.write(slow)
    await asyncio.wait_for(ring.wait(), 1)
    assert (await desk.read(ledger.head)).number == before.number + 1


async def test_the_day_is_signed_while_it_runs(house: House) -> None:
    """Nobody has to remember to."""
    async with asyncio.timeout(2):
        while not await house.app.state.desk.read(ledger.signed_heads):
            await desk_of(house).sign_day()
