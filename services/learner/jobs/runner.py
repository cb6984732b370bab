"""Takes jobs from the queue and gives each a process of its own; the service goes on answering."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from services.learner.jobs.queue import JobQueue
from services.learner.jobs.waiting import Held
from services.plumbing.logs import get_logger
from services.timeline.errors import KnowdoError

GRACE: Final = 10.0  # seconds that a job has to end when it is told to
POLL: Final = 2.0  # how often the queue is looked into, if nobody says that something was put
LOOK: Final = 60.0  # how often calendars and the store are looked at: a calendar counts minutes
COMMAND: Final = (sys.executable, "-m", "services.learner.jobs.work")
_log = get_logger("learner")


class Runner:
    """One job at a time on this machine: a training uses all cores."""

    def __init__(
        self,
        queue: JobQueue,
        environment: Mapping[str, str],
        *,
        command: Sequence[str] = COMMAND,
        poll: float = POLL,
        put_due: Callable[[], object] = lambda: None,
    ) -> None:
        self._queue, self._environment, self._command = queue, dict(environment), tuple(command)
        self._poll, self._put_due = poll, put_due
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to take jobs, and to put what is due."""
        self._tasks = [asyncio.create_task(self._take_turns()), asyncio.create_task(self._watch_the_clock())]

    def wake(self) -> None:
        """Something was put: look now."""
        self._woken.set()

    async def stop(self) -> None:
        """Take no more; the job under way ends, and waits for the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _take_turns(self) -> None:
        while True:
            self._woken.clear()
            try:
                held = await asyncio.to_thread(self._queue.take)
                if held is not None:
                    await self._do(held)
                    continue
            except KnowdoError as fault:  # the database is away: it may come back
                _log.warning("no job can be taken", fault=str(fault))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._poll)

    async def _watch_the_clock(self) -> None:
        while True:
            try:
                if await asyncio.to_thread(self._put_due):
                    self.wake()
            except (KnowdoError, OSError) as fault:
                _log.warning("triggers cannot be looked at", fault=str(fault))
            await asyncio.sleep(LOOK)

    async def _do(self, held: Held) -> None:
        """Until its process has ended. That says itself how; a process that could not is given back here."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
            )
        except OSError as fault:
            await asyncio.to_thread(self._queue.again, held, f"no process can be started ({fault.strerror})")
            return
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await process.communicate(msgspec.json.encode(held))
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            await asyncio.to_thread(self._queue.again, held, "its service was stopped", counts=False)
            raise
        _log.info("job ended", run=held.run, kind=held.kind, code=code)
        if code != 0:
            await asyncio.to_thread(self._queue.again, held, f"its process ended with exit code {code}")


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
