"""The thread that writes: in order, to the end, and what goes wrong is told to whoever gave the work."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Any

import pytest

from services.cds.decisions.writer_thread import WriterThread

pytestmark = pytest.mark.anyio


async def test_work_is_done_in_the_order_in_which_it_was_given() -> None:
    """By one thread, which is not the loop's."""
    thread, done = WriterThread("w"), []

    def work(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number * 2

    said = await asyncio.gather(*(thread.run(lambda number=number: work(number)) for number in range(20)))  # type: ignore[misc]
    assert said == [number * 2 for number in range(20)]
    assert done == [(number, "w") for number in range(20)]
    await thread.stop()


async def test_a_fault_is_told_and_the_next_work_goes_on() -> None:
    """Whatever kind of fault it is."""
    thread = WriterThread("w")
    for fault in (ValueError("v"), SystemExit(3), KeyboardInterrupt()):

        def fail(fault: BaseException = fault) -> None:
            raise fault

        told: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        thread.begin(fail, lambda _result, raised, told=told: told.set_result(raised))  # type: ignore[misc]
        assert await told is fault
    assert await thread.run(lambda: 7) == 7
    await thread.stop()


async def test_stopping_does_what_was_given_before() -> None:
    """And one that never worked stops at once."""
    thread, done = WriterThread("w"), []
    gate = threading.Event()
    thread.begin(gate.wait, lambda result, fault: None)
    for number in range(5):
        thread.begin(lambda number=number: done.append(number), lambda result, fault: None)  # type: ignore[misc]
    asyncio.get_running_loop().call_later(0.05, gate.set)
    await thread.stop()
    assert done == [0, 1, 2, 3, 4]
    await WriterThread("idle").stop()


async def test_whoever_went_away_is_not_told() -> None:
    """A caller that was cancelled, and a loop that is closed, stop nobody."""
    thread, gate = WriterThread("w"), threading.Event()
    waiting = asyncio.create_task(thread.run(gate.wait))
    await asyncio.sleep(0.01)
    waiting.cancel()
    gate.set()
    assert await thread.run(lambda: "on") == "on"
    await thread.stop()

    left = WriterThread("w")
    gate = threading.Event()

    async def leave() -> None:
        left.begin(gate.wait, lambda result, fault: None)

    await asyncio.to_thread(asyncio.run, leave())
    gate.set()
    assert await left.run(lambda: "on") == "on"
    await left.stop()


async def test_nothing_of_a_work_is_held_until_the_next() -> None:
    """What it named is let go of: it may have been a patient."""

    class Named:
        """Something that can be watched."""

    thread, thing = WriterThread("w"), Named()
    gone = weakref.ref(thing)

    def work(thing: Any = thing) -> int:
        return id(thing)

    await thread.run(work)
    del work, thing
    for _ in range(100):
        if gone() is None:
            break
        await asyncio.sleep(0.01)
    assert gone() is None
    await thread.stop()
