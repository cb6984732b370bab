"""Who works on a job holds its lease: renewed in the background, and the process ends itself before it could be over.

The lease is held by the process that does the work, not by the service that began it. The service may be killed and
start anew: a job that still runs is left alone, and one whose process is gone waits again.
"""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import Final, Self

from services.guidance.errors import Unavailable
from services.learner.jobs.queue import JobQueue
from services.learner.jobs.waiting import Held, Progress
from services.plumbing.logs import get_logger

GRACE: Final = 10.0  # seconds from a cancellation to the next step of the work; then the process ends all the same
CANCELLED, LOST = 3, 4
"""Exit codes."""
_log = get_logger("learner")


class Cancelled(BaseException):
    """Somebody cancelled the job. No fault: nothing that handles faults may hold it up."""


class Lease:
    """The lease on a job, while the block lasts."""

    def __init__(self, queue: JobQueue, held: Held) -> None:
        self._queue, self._held = queue, held
        self._progress = Progress(stage="beginning")
        self._ended, self._cancelled = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def tell(self, stage: str, done: int, of: int) -> None:
        """How far the work is; raises Cancelled if it is not wanted any more."""
        self._progress = Progress(stage=stage, done=done, of=of)
        if self._cancelled.is_set():
            raise Cancelled

    def _hold(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(self._queue.lease / 10):
            asked = time.monotonic()
            try:
                answer = self._queue.renew(self._held, self._progress)
            except Unavailable as fault:
                # The database may come back in time; without it the lease must not be outlived.
                if time.monotonic() - renewed > 0.7 * self._queue.lease:
                    self._leave(LOST, str(fault))
                continue
            if answer == "lost":
                self._leave(LOST, "the lease is another's")
            renewed = asked
            if answer == "cancel":
                self._cancelled.set()
                if not self._ended.wait(GRACE):
                    self._queue.end(self._held, "cancelled")
                    self._leave(CANCELLED, "cancelled")
                return

    def _leave(self, code: int, why: str) -> None:
        """At once: whatever the work is in the middle of, another may soon begin it."""
        _log.warning("job left", run=self._held.run, why=why)
        os._exit(code)
