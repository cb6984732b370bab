"""Hearing the registry: one long question after another, so that a stop is heard at once and leases are renewed.

While the registry does not answer, what was approved speaks on until its leases end.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from services.cds.governed.approved import Approved
from services.cds.governed.approved_files import write_whole
from services.cds.governed.deployed import Deployed
from services.guidance.errors import Unavailable
from services.plumbing.logs import get_logger
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_messages import Acknowledgement
from services.timeline.errors import KnowdoError

_log = get_logger("cds")
WAIT: Final = 25.0  # far below the shortest lease of any tier (15 minutes)
# A registry that answers a long question at once, again and again, must not be asked in a tight loop.
SHORTEST_ROUND: Final = 0.2
LONGEST_PAUSE: Final = 10.0


class Ears:
    """When the registry was heard last."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._at = 0.0

    def heard(self) -> None:
        """Now."""
        self._at = time.monotonic()

    def silence(self) -> float:
        """Seconds since then, or since the start."""
        return time.monotonic() - (self._at or self._began)

    def said(self) -> str:
        """As readiness says it."""
        return f"heard {self.silence():.0f} s ago" if self._at else "not heard yet"


async def follow_registry(
    approved: Approved, client: RegistryClient, *, worker: str, pin_keys_to: Path | None,
    wait: float = WAIT, heard: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Ask until cancelled. `pin_keys_to`: trust the first keys seen and keep them there (demo only)."""
    pause = 0.25
    first = True
    unsaid: dict[str, Deployed] = {}
    while True:
        began = time.monotonic()
        try:
            if approved.keys is None and pin_keys_to is not None:
                await _pin(approved, client, pin_keys_to)
            # Thrice in a lease, where a registry has shortened its leases: renewed before it ends, come what may.
            patience = min(wait, approved.shortest_lease / 3)
            answer = await client.manifests(
                after=max(0, approved.heard_to), wait=0.0 if first else patience, worker=worker
            )
            changed = await approved.take(answer, client)
            heard()
            unsaid |= {deployed.manifest.guidance: deployed for deployed in (approved.all() if first else changed)}
            await _acknowledge(client, list(unsaid.values()), worker=worker)
            unsaid.clear()
        except KnowdoError as fault:
            _log.warning("registry not heard", message=fault.message, place=fault.place, remedy=fault.remedy)
            # With jitter: after an outage, workers must not all come back in the same instant.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
            pause = min(pause * 2, LONGEST_PAUSE)
            continue
        pause = 0.25
        first = False
        await asyncio.sleep(max(0.0, SHORTEST_ROUND - (time.monotonic() - began)))


async def say_goodbye(client: RegistryClient, worker: str) -> None:
    """This worker ends: the registry need not wait for its word. One that is gone itself cannot be told."""
    try:
        await client.goodbye(worker)
    except KnowdoError as fault:
        _log.warning("registry not told of the end", message=fault.message, place=fault.place)


async def _pin(approved: Approved, client: RegistryClient, path: Path) -> None:
    """Trust on first use: good enough for a demo, where nothing was handed over by hand."""
    keys = await client.public_keys()
    try:
        await asyncio.to_thread(write_whole, path, msgspec.json.encode(keys), mode=0o644)
    except OSError as fault:
        raise Unavailable(f"the keys cannot be pinned ({fault.strerror})", place=str(path)) from fault
    approved.keys = keys
    _log.warning("registry keys pinned on first use", place=str(path), remedy="Only for the demo: else hand them over")


async def _acknowledge(client: RegistryClient, changed: Sequence[Deployed], *, worker: str) -> None:
    """Say what this worker now does; `release X live / stopped in worker Y at t`."""
    if not changed:
        return
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await client.acknowledge(
        [
            Acknowledgement(
                worker=worker,
                deployment=deployed.manifest.deployment,
                guidance=deployed.manifest.guidance,
                release=deployed.manifest.release,
                stage=deployed.manifest.stage,
                ledger_number=deployed.manifest.ledger.number,
                at=at,
            )
            for deployed in changed
        ]
    )
