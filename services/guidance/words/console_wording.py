"""The sentences of the console: what runs, what waits, what happened. Written once, with their plural and zero cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

NOTHING_RUNS: Final = "No guidance runs."
MOST_NAMED: Final = 3  # more than that are counted: the line must stay one line on a telephone


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """One guidance that stands still; `by` is empty where names are not told."""

    guidance: str
    by: str
    at: datetime


def all_running(count: int) -> str:
    """`All guidance running: 3.`."""
    return f"All guidance running: {count:,}."


def guidance_stopped(stopped: Sequence[Stopped]) -> str:
    """`1 guidance stopped: sepsis by R. Okafor, 14:02.`; the latest first, at most three by name."""
    latest = sorted(stopped, key=lambda one: one.at, reverse=True)
    named = ", ".join(_stopped(one) for one in latest[:MOST_NAMED])
    more = f" and {len(latest) - MOST_NAMED:,} more" if len(latest) > MOST_NAMED else ""
    return f"{len(latest):,} guidance stopped: {named}{more}."


def state_unknown(seconds: int | None, stopped: Sequence[Stopped] = ()) -> str:
    """`STATE UNKNOWN: no service has answered for 95 s.`; None if none ever has."""
    since = "yet" if seconds is None else f"for {duration(seconds)}"
    also = f" {guidance_stopped(stopped)}" if stopped else ""
    return f"STATE UNKNOWN: no service has asked what may speak {since}; guidance may still show until its lease ends.{also}"


def duration(seconds: float) -> str:
    """`95 s`, `12 min`, `5 h`, `3 days`: rounded down, in the unit people would use."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min"
    if whole < 2 * 86_400:
        return f"{whole // 3600} h"
    return f"{whole // 86_400} days"


def _stopped(one: Stopped) -> str:
    by = f" by {one.by}" if one.by else ""
    return f"{one.guidance}{by}, {one.at:%d %b %H:%M} UTC"
