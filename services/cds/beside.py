"""Tasks that run beside the calls, as long as the service does; one that dies is said."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from services.plumbing.logs import get_logger

_log = get_logger("cds")


def run_beside(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that lives as long as the service; if it dies before, the log says so."""
    task = asyncio.create_task(work)
    task.add_done_callback(_died)

    async def end() -> None:
        # Asked again: a cancellation may be lost where a wait ends in the same moment (CPython before 3.12).
        for _ in range(10):
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=0.5)
            if done:
                return
        _log.error("a task beside the calls does not end", remedy="Look at what it waits for")

    stack.push_async_callback(end)
    return task


def _died(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        _log.error("a task beside the calls died", error=type(fault).__name__, remedy="Restart the service")
