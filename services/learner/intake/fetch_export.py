"""A bulk export on its way to the disk: begun, waited for, its files fetched; and taken up again where a run was killed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from services.guidance.errors import Unavailable
from services.learner.intake.fetch_state import Desk, FetchState, Kind, WantedFile
from services.plumbing.bulk_export import BulkExports, File, Gone, Manifest, Underway, Wanted
from services.plumbing.bulk_files import FileGone, fetch_file
from services.plumbing.steady_http import AGAIN, SteadyHttp

TOGETHER: Final = 4
"""So many files come at once."""
_BEGUN: Final = 3  # exports for one run: a server that forgets them again and again will go on doing so
_FIRST_WAIT, _LAST_WAIT = 1.0, 30.0
_ACCEPT: Final = "application/fhir+ndjson"


class ExportFetch:
    """One export. `run` is all of it; what it does is in the state before the next thing is done."""

    def __init__(
        self, steady: SteadyHttp, exports: BulkExports, desk: Desk, wanted: Wanted, *, since: str, hours: float,
        largest: int, on_stage: Callable[[str], None], on_bytes: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._steady = steady
        self._exports = exports
        self._desk = desk
        self._wanted = wanted
        self._since = since
        self._until = time.monotonic() + hours * 3600
        self._largest = largest
        self._on_stage = on_stage
        self._on_bytes = on_bytes
        self.begun = 0
        self.resumed = False

    async def run(self) -> FetchState:
        """The state when everything is on the disk."""
        state = self._desk.read()
        if state is not None and state.since != self._since:  # another question: what was fetched is not its answer
            await self._abandon(state)
            state = None
        self.resumed = state is not None
        while True:
            if state is None:
                state = await self._begin()
            try:
                if not state.transaction_time:
                    await self._wait(state)
                await self._files(state)
                return state
            except FileGone:  # a manifest expires; asked again, it may name the files anew
                state = await self._described_again(state)
            except Gone:
                state = None

    async def _begin(self) -> FetchState:
        if self.begun == _BEGUN:
            raise Unavailable(
                f"the server forgot {_BEGUN} exports before they were fetched", place=self._steady.place, remedy=AGAIN
            )
        self._desk.forget()
        self._on_stage("asking")
        self.begun += 1
        state = FetchState(since=self._since, status=await self._exports.begin(self._wanted, since=self._since))
        self._desk.keep(state)
        return state

    async def _wait(self, state: FetchState) -> None:
        """Until the export is made."""
        wait = _FIRST_WAIT
        while not isinstance(found := await self._look(state), Manifest):
            self._on_stage(f"the server is at work: {found.progress}" if found.progress else "the server is at work")
            if time.monotonic() > self._until:
                raise Unavailable(
                    "the export is not ready yet", place=self._steady.place, remedy=f"{AGAIN}; --hours waits longer"
                )
            await self._steady.sleep(found.wait if found.wait is not None else wait)
            wait = min(wait * 1.5, _LAST_WAIT)
        self._take(state, found)

    async def _look(self, state: FetchState) -> Manifest | Underway:
        try:
            return await self._exports.look(state.status)
        except Unavailable:
            self._desk.forget()  # it failed over there: the next run begins another
            raise

    def _take(self, state: FetchState, manifest: Manifest) -> None:
        state.transaction_time = manifest.transaction_time
        state.with_token = manifest.requires_access_token
        state.files = [
            self._file(kind, number, one, state)
            for kind, listed in _kinds(manifest)
            for number, one in enumerate(listed, start=1)
        ]
        self._desk.keep(state)

    def _file(self, kind: Kind, number: int, one: File, state: FetchState) -> WantedFile:
        named = one.type if one.type.isascii() and one.type.isalpha() and len(one.type) < 40 else "file"
        return WantedFile(
            kind=kind,
            name=f"{kind}-{number:05d}-{named}.ndjson",
            url=self._exports.address(one, state.status),
            count=one.count,
        )

    async def _described_again(self, state: FetchState) -> FetchState | None:
        """The same export with fresh addresses; None if the server has forgotten it."""
        try:
            found = await self._exports.look(state.status)
        except (Gone, Unavailable):
            return None
        if not isinstance(found, Manifest) or found.transaction_time != state.transaction_time:
            return None
        before = {one.name: one for one in state.files}
        self._take(state, found)
        moved = False
        for one in state.files:
            earlier = before.get(one.name)
            if earlier is None or earlier.count != one.count:
                return None
            one.done, one.bytes = earlier.done, earlier.bytes
            moved = moved or earlier.url != one.url
        self._desk.keep(state)
        return state if moved else None

    async def _files(self, state: FetchState) -> None:
        """Those that are not here yet, some at once; the first fault ends all, and what is whole stays."""
        turn = asyncio.Semaphore(TOGETHER)
        todo = [one for one in state.files if not one.done]
        left = len(todo)

        async def fetch(one: WantedFile) -> None:
            nonlocal left
            async with turn:
                one.bytes = await fetch_file(
                    self._steady,
                    one.url,
                    self._desk.place_of(one),
                    accept=_ACCEPT,
                    with_token=state.with_token,
                    largest=self._largest,
                    on_bytes=self._on_bytes,
                )
            one.done = True
            left -= 1
            self._desk.keep(state)
            self._on_stage(f"fetching, {left} file(s) to come")

        self._on_stage(f"fetching, {left} file(s) to come")
        tasks = [asyncio.create_task(fetch(one)) for one in todo]
        try:
            for task in asyncio.as_completed(tasks):
                await task
        finally:
            for running in tasks:
                running.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _abandon(self, state: FetchState) -> None:
        """Let go of an export that nobody wants any more."""
        if state.status:
            with suppress(Unavailable):  # else it will expire over there
                await self._exports.end(state.status)
        self._desk.forget()


def _kinds(manifest: Manifest) -> list[tuple[Kind, list[File]]]:
    return [("output", manifest.output), ("deleted", manifest.deleted), ("error", manifest.error)]
