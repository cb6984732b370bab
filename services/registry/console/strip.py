"""The line on top of every page: what runs, what is stopped, or that nobody can tell. Silence is never shown as good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection

from services.guidance.lifecycle import RUNNING
from services.guidance.words import console_wording as words
from services.registry.deployed import leases, workers
from services.registry.tables import instant_of

SILENCE: Final = timedelta(seconds=90)
"""Three questions of a CDS left out: longer than a restart, shorter than the shortest lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One sentence, and which of four kinds it is."""

    kind: Literal["nothing", "running", "stopped", "unknown"]
    said: str


def strip_of(connection: Connection, now: datetime, *, names: bool) -> Strip:
    """What stands now; `names` says who stopped what, which only people with an account are told."""
    current = leases.current(connection, now=now)
    running = [one for one in current if one.stage in RUNNING]
    stopped = [
        words.Stopped(guidance=one.guidance, by=one.changed_by if names else "", at=instant_of(one.changed_at))
        for one in current
        if one.stage == "suspended"
    ]
    if running:
        last = workers.last_heard(connection)
        if last is None or now - last > SILENCE:
            silence = None if last is None else int((now - last).total_seconds())
            return Strip(kind="unknown", said=words.state_unknown(silence, stopped))
    if stopped:
        return Strip(kind="stopped", said=words.guidance_stopped(stopped))
    if not running:
        return Strip(kind="nothing", said=words.NOTHING_RUNS)
    return Strip(kind="running", said=words.all_running(len(running)))
