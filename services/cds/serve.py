"""The processes of the service: how many listen, how they stop, and where they count together.

A stop drains: no new connection is taken, calls under way are answered, what they rest on is durable, and the process ends
with 0. Docker gives ten seconds for that; the drain below and the last round (three seconds) stay within.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from services.cds.settings import CdsSettings
from services.plumbing.logs import configure_logs
from services.plumbing.metrics import SHARED
from services.plumbing.starting import database_or_end

DRAIN: Final = 5
"""Seconds for calls under way; more than a call takes, unless its caller has stopped sending or it may fetch for longer."""
KEEP_ALIVE: Final = 75
"""Seconds that an idle connection stays open: longer than proxies and connection pools keep theirs (60 is usual), else
they send a call into a connection that was closed a moment ago."""
AGAIN: Final = 3.0
"""Seconds between two attempts at a worker that cannot start: each costs a start."""
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
_PREFIX: Final = "knowdo-metrics-"


def serve(settings: CdsSettings, *, host: str, port: int, workers: int) -> None:
    """Listen until told to stop (SIGTERM, SIGINT); then drain, and end with 0. With 3, if it cannot start."""
    signal.signal(signal.SIGTERM, _end)
    _must_have(settings)
    # The service writes its own access log, which holds no identifiers; `app` configures logging.
    chosen: dict[str, Any] = {
        "factory": True, "host": host, "port": port, "access_log": False, "log_config": None,
        "timeout_graceful_shutdown": DRAIN, "timeout_keep_alive": KEEP_ALIVE,
    }  # fmt: skip
    if workers == 1:
        uvicorn.run("services.cds.app:app_from_environment", **chosen)
        return
    with counted_together():
        config = uvicorn.Config("services.cds.serve:worker", workers=workers, **chosen)
        several = Workers(config, [config.bind_socket()])
        several.run()
    if any(one.exitcode == STARTUP_FAILURE for one in several.processes):
        sys.exit(STARTUP_FAILURE)


class Workers(Multiprocess):
    """Worker processes that share one listening socket, replaced when they die."""

    _again_at = 0.0

    def keep_subprocess_alive(self) -> None:
        """Replace who died. One that cannot start, the database being away, does not end those that go on without it."""
        if self.should_exit.is_set():
            return
        for one in self.processes:
            # Its worker has it. While it is open here too, one that dies between the question whether it lives and its
            # answer is noticed only when the time for an answer is over (5 s).
            one.child_conn.close()
        super().keep_subprocess_alive()
        failed = [one for one in self.processes if one.exitcode == STARTUP_FAILURE]
        if not failed or not any(one.is_ready() for one in self.processes if one not in failed):
            return
        self.should_exit.clear()  # set above: by itself, the server would give up
        if time.monotonic() >= self._again_at:
            self._again_at = time.monotonic() + AGAIN
            at = self.processes.index(failed[0])
            self.processes[at] = Process(self.config, self.sockets)
            self.processes[at].start()

    def terminate_all(self) -> None:
        """Tell all to stop. The socket is let go of: who comes now is refused, and does not wait for nobody."""
        super().terminate_all()
        for socket in self.sockets:
            socket.close()


def worker() -> FastAPI:
    """The service in one of several processes; it stops when the one that watches over them is gone."""
    # First: one that replaces another while the database is away says so before it has imported a whole service.
    _must_have(CdsSettings.from_environment())
    from services.cds.app import app_from_environment

    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_stop_after, args=(parent.sentinel,), name="parent", daemon=True).start()
    return app_from_environment()


@contextmanager
def counted_together() -> Iterator[None]:
    """A folder in which the workers count, for one scrape to see all; one that the environment names is used as it is.

    In memory: a full disk under a file that is mapped into memory would kill its process.
    """
    if os.environ.get(SHARED):
        yield
        return
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for left in place.glob(f"{_PREFIX}*-*"):
        if not _lives(left.name.removeprefix(_PREFIX).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)  # its process was killed
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=place) as folder:
        os.environ[SHARED] = folder
        yield


def _must_have(settings: CdsSettings) -> None:
    configure_logs(level=settings.log_level)
    database_or_end(settings.decisions_url, service="cds")


def _lives(pid: str) -> bool:
    return not pid.isdecimal() or Path("/proc", pid).exists()


def _end(_signal: int, _frame: FrameType | None) -> None:
    """The server has drained and hands the signal on; or it has not begun, and there is nothing to drain."""
    sys.exit(0)


def _stop_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
