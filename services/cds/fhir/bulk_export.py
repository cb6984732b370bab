"""Bulk exports made: decisions as FHIR and feedback as Parameters, one NDJSON file for each type, beside the calls.

FHIR Bulk Data Access 2.0. One at a time in a process, resting between pages as long as a page took: calls go first.
Files lie in this machine's folder, readable by this user only, and go after a day.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any, Final

import msgspec

from services.cds.decisions.access import Access, note
from services.cds.decisions.decision import Decision
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.pseudonyms import Pseudonyms
from services.cds.fhir.export_jobs import MOST, Asked, ExportJobs, Job, Written
from services.cds.fhir.feedback_lines import feedback_parameters
from services.cds.fhir.views import VIEWS, Resource
from services.guidance.errors import Unavailable
from services.plumbing.logs import get_logger
from services.timeline.errors import KnowdoError

_log = get_logger("cds")
FEEDBACK: Final = "Parameters"
TYPES: Final = (*VIEWS, FEEDBACK)
OVERLAP: Final = 10_000_000
"""Microseconds by which the next export must overlap this one: a decision may be younger by its id than by its commit."""
_encode: Final = msgspec.json.Encoder().encode


class BulkExports:
    """Makes exports, one after another."""

    def __init__(self, log: DecisionLog, folder: Path, *, site: str, pseudonyms: Pseudonyms) -> None:
        self._log = log
        self._folder = folder
        self._site = site
        self._pseudonyms = pseudonyms
        self.jobs = ExportJobs(log.engine)
        self._turn = asyncio.Lock()
        self._stopping = Event()
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, asked: Asked, *, role: str) -> str:
        """Begin one; its id. Unavailable when too many wait already."""
        now = _now()
        if await asyncio.to_thread(self.jobs.unfinished, now=now) >= MOST:
            raise Unavailable(f"{MOST} exports are being made", place="/fhir/$export", remedy="Wait for one to end")
        export = await asyncio.to_thread(self.jobs.add, asked, role=role, now=now)
        task = asyncio.create_task(self._make(export))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return export

    def file_of(self, job: Job, name: str) -> Path | None:
        """A file of a finished export; None if it is not here."""
        if job.status != "done" or name not in {one.name for one in job.files}:
            return None
        path = self._folder / job.export / name
        return path if path.is_file() else None

    async def remove(self, export: str) -> bool:
        """Stop and forget one, with its files; false if it was not there."""
        removed = await asyncio.to_thread(self.jobs.remove, export)
        if removed:
            await asyncio.to_thread(shutil.rmtree, self._folder / export, ignore_errors=True)
        return removed

    def tidy(self) -> None:
        """Expired ones go, and folders that no export knows: of a worker that died."""
        self.jobs.remove_old(now=_now())
        known = self.jobs.known()
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    async def stop(self) -> None:
        """Let go of what is being made; whoever asked for it is told to ask again."""
        self._stopping.set()
        for task in list(self._running):
            await asyncio.wait([task], timeout=5)

    async def _make(self, export: str) -> None:
        async with self._turn:
            await asyncio.to_thread(self._run, export)

    def _run(self, export: str) -> None:
        job = self.jobs.find(export, now=_now())
        if job is None or self._stopping.is_set():
            return
        folder = self._folder / export
        try:
            folder.mkdir(parents=True, mode=0o700)
            files = self._write(job, folder)
            if files is None or not self.jobs.done(export, files, now=_now()):
                shutil.rmtree(folder, ignore_errors=True)
        except (KnowdoError, OSError) as fault:
            said = fault.message if isinstance(fault, KnowdoError) else f"the disk ({fault.strerror})"
            _log.error("export failed", export=export, error=type(fault).__name__, reason=said)
            shutil.rmtree(folder, ignore_errors=True)
            self._tell_of(export, said)

    def _tell_of(self, export: str, fault: str) -> None:
        try:
            self.jobs.failed(export, fault, now=_now())
        except KnowdoError as unheard:
            # Its row falls silent instead, and whoever asks is told that it was interrupted.
            _log.error("export's failure not kept", export=export, reason=unheard.message)

    def _write(self, job: Job, folder: Path) -> list[Written] | None:
        """The files; None if it is not wanted any more."""
        counts = dict.fromkeys(job.asked.types, 0)
        with ExitStack() as stack:
            files = {
                kind: stack.enter_context(_private(folder / f"{kind}.ndjson").open("ab")) for kind in job.asked.types
            }
            for at, lines in self._pages(job):
                began = time.monotonic()
                self._keep_account(job, lines)
                for kind, resource in lines:
                    files[kind].write(_encode(resource) + b"\n")
                    counts[kind] += 1
                progress = f"{sum(counts.values())} resources, at {time.strftime('%Y-%m-%d', time.gmtime(at / 1e6))}"
                if not self.jobs.beat(job.export, progress=progress, now=_now()):
                    return None
                if self._stopping.wait(time.monotonic() - began):
                    return None
        return [Written(name=f"{kind}.ndjson", type=kind, count=count) for kind, count in counts.items() if count]

    def _keep_account(self, job: Job, lines: list[tuple[str, Resource]]) -> None:
        """Before a page is written, that it was read is kept."""
        access = Access(at=_now(), role=job.role, action="export", what=",".join(job.asked.types), found=len(lines))
        note(self._log.engine, self._pseudonyms, access)

    def _pages(self, job: Job) -> Iterator[tuple[int, list[tuple[str, Resource]]]]:
        """Pages of resources with the time that they have come to (microseconds)."""
        since = job.asked.since
        kinds = [kind for kind in VIEWS if kind in job.asked.types]
        if kinds:
            for page in self._log.reader.oldest_first(since=since):
                lines = [(kind, one) for kept in page for kind in kinds if (one := VIEWS[kind](kept.decision))]
                yield page[-1].decision.at, lines
        if FEEDBACK in job.asked.types:
            for said in self._log.reader.feedback_since(since):
                yield said[-1][0]["received_at"], [(FEEDBACK, self._feedback(*one)) for one in said]

    def _feedback(self, said: dict[str, Any], decision: Decision | None) -> Resource:
        return feedback_parameters(said, decision, site=self._site)


def _private(path: Path) -> Path:
    path.touch(mode=0o600)
    return path


def _now() -> int:
    return time.time_ns() // 1000
