"""What the service says of itself to whoever watches it: where decisions go, how long leases last, when the registry was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from services.cds.decisions.durable import Durable
from services.cds.governed.approved import Approved, Deployed
from services.cds.governed.follow_registry import Ears
from services.plumbing.metrics import ServiceMetrics

EVERY: Final = 1.0  # seconds; a gauge that is read by any worker must be fresh at every worker
# A service that is taken out of the balance is not called, and only a call shows that the disk has room again.
NOT_READY: Final = 5.0


class Vitals:
    """Readiness and gauges, of one process."""

    def __init__(
        self,
        metrics: ServiceMetrics,
        *,
        approved: Approved,
        durable: Durable,
        ears: Ears,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._approved = approved
        self._durable = durable
        self._ears = ears
        self._clock = clock
        self._spool = metrics.gauge(
            "spool_waiting", "Records that wait in the spool for the database", of_all="livesum"
        )
        self._lost = metrics.gauge(
            "decision_log_down", "Where the last batch went: 0 the database, 1 the spool, 2 nowhere", of_all="livemax"
        )
        self._lease = metrics.gauge(
            "lease_seconds_left", "Seconds until the guidance falls silent unless the registry is heard",
            ("guidance",), of_all="livemin",
        )  # fmt: skip
        self._live = metrics.gauge(
            "guidance_live", "1 if the guidance computes: it is deployed, opened and its lease lasts",
            ("guidance",), of_all="livemin",
        )  # fmt: skip
        self._silence = metrics.gauge(
            "registry_silent_seconds", "Seconds since the registry was heard; it answers every 25", of_all="livemax"
        )

    def readiness(self) -> dict[str, object]:
        """Where decisions go (False while no answer can leave), then what may speak."""
        return {"decision log": self._decision_log(), **self._approved.readiness()}

    def look(self) -> None:
        """Set the gauges."""
        durable = self._durable
        self._spool.set(durable.spooled)
        self._lost.set({"log": 0, "spool": 1, "nowhere": 2}[durable.kept_in])
        self._silence.set(self._ears.silence())
        now = self._clock()
        by_guidance: dict[str, list[Deployed]] = {}
        for deployed in self._approved.all():
            by_guidance.setdefault(deployed.manifest.guidance, []).append(deployed)
        for guidance, held in by_guidance.items():
            # Side by side, the one that is worst off speaks for all; what stopped counts where nothing runs.
            counting = [one for one in held if one.manifest.runs] or held
            left = max(0.0, min(one.manifest.seconds_left(now) for one in counting))
            opened = all(one.manifest.runs and one.release is not None for one in counting)
            self._lease.labels(guidance).set(left)
            self._live.labels(guidance).set(opened and left > 0)

    async def keep_on(self) -> None:
        """Look every second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def _decision_log(self) -> str | bool:
        durable = self._durable
        if durable.kept_in == "nowhere":
            return durable.seconds_since > NOT_READY and "neither database nor spool could be written, tried again"
        return f"down: {durable.spooled} records wait in the spool" if durable.spooled else "written"
