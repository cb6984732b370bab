"""What is said of a stop: when it was asked for, who has confirmed it, and who has not. Times are UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

CONFIRMED_WITHIN = 10.0
"""Seconds after which a stop that is not confirmed is said to be so, loudly."""


def clock_time(moment: datetime) -> str:
    """`14:02:07`."""
    return moment.astimezone(UTC).strftime("%H:%M:%S")


def stop_confirmed(asked_at: datetime, workers: int, confirmed_at: datetime | None) -> str:
    """`Stop asked 14:02:07 · confirmed by 2 of 2 workers 14:02:08 (UTC)`."""
    asked = f"Stop asked {clock_time(asked_at)}"
    if not workers or confirmed_at is None:
        return f"{asked} (UTC) · no worker holds a lease, so nothing shows this guidance"
    return f"{asked} · confirmed by {workers} of {workers} workers {clock_time(confirmed_at)} (UTC)"


def stop_not_confirmed(asked_at: datetime, confirmed: int, missing: Mapping[str, tuple[datetime, datetime]]) -> str:
    """Who has not confirmed; `missing`: worker → when it was heard last, until when it may show cards."""
    names = ", ".join(missing)
    lines: Sequence[str] = [
        f"Stop asked {clock_time(asked_at)} · confirmed by {confirmed} of {confirmed + len(missing)} workers (UTC)",
        f"NOT CONFIRMED by {names}. This guidance may still be shown there.",
        *(
            f"  {name}: heard last {clock_time(heard)}; falls silent by itself at {clock_time(until)} at the latest"
            for name, (heard, until) in missing.items()
        ),
        "Stop those processes by hand, or tell the staff there not to rely on its cards.",
    ]
    return "\n".join(lines)
