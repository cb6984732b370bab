"""A silent release computes beside one that speaks: after the answer has left, kept, and in nobody's way.

So an update of guidance that speaks to everybody has a silent month of its own, on the very calls that its predecessor
answers. What it decides is kept with the id of the answer's decision (`beside`) and counted apart: it shows nothing,
suppresses nothing, and no call waits for it. What cannot be computed is kept as `failed`, and never said to a caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from services.cds.clients.profile import Profile
from services.cds.consider import Withheld, consider, new_decision
from services.cds.decisions.decision import Decision
from services.cds.decisions.durable import Durable
from services.cds.desk_metrics import DeskMetrics
from services.cds.governed.deployed import Deployed
from services.cds.patient.fetch_missing import FetchMissing
from services.cds.patient.read_call import read_call
from services.cds.schemas import HookRequest
from services.cds.stopwatch import Stopwatch
from services.guidance.errors import Unavailable
from services.plumbing.fhir_server import Fetched
from services.plumbing.logs import get_logger

_log = get_logger("cds")
MOST: Final = 200
"""So many calls may wait for it in one worker; of the further ones it is kept that they were not computed."""
DRAIN: Final = 2.0
"""Seconds at a stop for what has begun. What is cut off then is counted, and its call was answered long before."""


class SilentBeside:
    """Computes what silent releases would have said, one task for each call. `clock`: what time it is for the patients."""

    def __init__(
        self, durable: Durable, fetch: FetchMissing, metrics: DeskMetrics, *, clock: Callable[[], int]
    ) -> None:
        self._durable = durable
        self._fetch = fetch
        self._metrics = metrics
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def compute(
        self, deployed: Deployed, request: HookRequest, *, answer: str, known: Mapping[str, Fetched], profile: Profile
    ) -> None:
        """Begin when the answer has left. `answer`: the id of its decision; `known`: what was fetched for it."""
        if len(self._tasks) >= MOST:
            work = self._keep(self._failed(deployed, request, "too many calls at once"), request, answer)
        else:
            work = self._computed(deployed, request, answer, known, profile)
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Let what has begun end, for a moment; the rest is cut off and counted."""
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=DRAIN)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _computed(
        self, deployed: Deployed, request: HookRequest, answer: str, known: Mapping[str, Fetched], profile: Profile
    ) -> None:
        await asyncio.sleep(0)  # whoever waits for an answer comes first
        watch = Stopwatch()
        try:
            if deployed.release is None:
                raise Withheld("scoring", "no release is open")
            seen = await read_call(deployed.release, request, self._fetch, known=known, clock=self._clock, watch=watch)
            decision = consider(deployed, request, seen.bedside, profile=profile, watch=watch).decision
        except Withheld as fault:
            manifest = deployed.manifest
            _log.error(
                "silent release not computed",
                guidance=manifest.guidance,
                release=manifest.release,
                kind=fault.kind,
                reason=fault.reason,
            )
            decision = self._failed(deployed, request, f"{fault.kind}: {fault.reason}")
        await self._keep(decision, request, answer)

    def _failed(self, deployed: Deployed, request: HookRequest, reason: str) -> Decision:
        return new_decision(deployed, request, status="failed", reason=reason, index_at=self._clock())

    async def _keep(self, decision: Decision, request: HookRequest, answer: str) -> None:
        token = request.caller.token
        noted = msgspec.structs.replace(decision, beside=answer)
        kept = await self._durable.decision(noted, jti=token.jti if token else "")
        self._metrics.beside.labels(kept.guidance, kept.status).inc()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._metrics.beside_lost.labels("stopped").inc()
        elif (fault := task.exception()) is not None:
            # Its message may hold a patient; what can be done about it is to look at the release.
            self._metrics.beside_lost.labels("not durable" if isinstance(fault, Unavailable) else "fault").inc()
            _log.error("decision of a silent release lost", error=type(fault).__name__)
