"""Training as a background process: the service goes on answering, and a crash of the one is no crash of the other.

One job at a time: a training uses all cores. The process is the very command that a person would type.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from services.guidance.errors import Refused
from services.learner.run_log import RunLog
from services.learner.train_options import TrainOptions
from services.plumbing.logs import get_logger

GRACE: Final = 10.0  # seconds that a job has to end when it is told to
_log = get_logger("learner")


class Jobs:
    """The one training that may be under way."""

    def __init__(self, log: RunLog, environment: Mapping[str, str], *, command: Sequence[str] = ()) -> None:
        self._log = log
        self._environment = environment
        self._command = tuple(command) or (sys.executable, "-m", "services.learner.commands", "train")
        self._under_way: _Job | None = None
        self._starting = asyncio.Lock()

    async def start(self, directory: Path, store: Path, options: TrainOptions) -> str:
        """Begin a training; answers the id of its run. Refused while another is under way."""
        async with self._starting:
            if self._under_way is not None and not self._under_way.watch.done():
                raise Refused(
                    "a training is under way",
                    place=self._under_way.run,
                    remedy="Wait until it has ended: GET /runs/{id}",
                )
            run = await asyncio.to_thread(
                self._log.begin, directory.name, kind="train", settings=msgspec.to_builtins(options)
            )
            words = [str(directory), "--store", str(store), "--run-id", run, "--json"]
            words += ["--folds", str(options.folds), "--seed", str(options.seed), "--workers", str(options.workers)]
            for name, value in (
                ("--from", options.since),
                ("--until", options.until),
                ("--data-until", options.data_end),
                ("--data", options.data),
            ):
                words += [name, value] if value else []
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *words,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )
            await asyncio.to_thread(self._log.taken_over, run, process.pid)
            self._under_way = _Job(run=run, process=process, watch=asyncio.create_task(self._watch(run, process)))
            return run

    async def stop(self) -> None:
        """End the job, if there is one; its run is logged as failed."""
        job, self._under_way = self._under_way, None
        if job is None:
            return
        job.watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job.watch
        if job.process.returncode is None:
            await _end(job.process)
            await asyncio.to_thread(self._close, job.run, "stopped together with the service")

    async def _watch(self, run: str, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if code != 0:
            await asyncio.to_thread(self._close, run, f"its process ended with exit code {code}")
        _log.info("training ended", run=run, code=code)

    def _close(self, run: str, fault: str) -> None:
        """A process that says why it failed has logged that itself."""
        if self._log.get(run).state == "running":
            self._log.fail(run, fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    run: str
    process: asyncio.subprocess.Process
    watch: asyncio.Task[None]


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
