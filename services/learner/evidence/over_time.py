"""Whether it holds over calendar time (F10): month by month, by the time of the prediction, not of the outcome."""

from __future__ import annotations

from dataclasses import dataclass

from services.guidance.evidence import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One calendar month (UTC)."""

    month: str
    """`2025-03`."""
    rows: int
    events: int
    alerts: int
    ripe: bool
    """Every horizon that began in it had passed when the data ended; one that is not ripe is shown, and not judged."""
    observed_expected: Estimate | None
    """None: too few rows to tell (the count is there)."""
    right_per_100: Estimate | None
    """Of 100 alerts; None: too few alerts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """All months, the earliest first."""

    months: tuple[Month, ...]
    last_ripe: str
    """The last month that is ripe; "" if none is."""
    limits: tuple[float, float]
    """Of observed / expected, fixed before the data."""
