"""The one thread that writes: work is done in the order in which it was given, and its end is told to the event loop.

As `ThreadPoolExecutor` with one worker, for much less: what it and `asyncio` make around each piece of work (two futures,
their locks and callbacks, a task that waits) costs a batch of decisions as much as its statements do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]
"""Called in the event loop with what came of the work, or with the fault that it raised."""


class WriterThread:
    """Begins with its first work. Made, used and stopped from one event loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._given: SimpleQueue[tuple[Work, asyncio.AbstractEventLoop, Done] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, work: Work, done: Done) -> None:
        """Do this after what was given before."""
        if self._thread is None:
            # A daemon: a process that ends without having stopped it does not wait for the next work for ever.
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._given.put((work, asyncio.get_running_loop(), done))

    async def run(self, work: Callable[[], T]) -> T:
        """Do this after what was given before; what came of it."""
        ended: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: Any, fault: BaseException | None) -> None:
            if ended.cancelled():
                return
            if fault is not None:
                ended.set_exception(fault)
            else:
                ended.set_result(result)

        self.begin(work, done)
        return await ended

    async def stop(self) -> None:
        """Do what was given, then end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._given.put(None)
            await asyncio.to_thread(thread.join)

    def _work(self) -> None:
        while (given := self._given.get()) is not None:
            work, loop, done = given
            result, fault = None, None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 (whoever gave the work is told)
                fault = raised
            try:
                loop.call_soon_threadsafe(done, result, fault)
            except RuntimeError:
                continue  # the loop is closed: nobody waits any more
            finally:
                del given, work, loop, done, result, fault  # nothing of a patient stays here until the next work
