"""Whether it holds over calendar time (F10): month by month, by the time of the prediction, not of the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients, observed_expected, share_of
from services.learner.evidence.metrics import Labels
from services.timeline.instants import HOUR


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
    """None: fewer than ten patients (the count is there)."""
    right: Estimate | None
    """Of the alerts, the share with the event; None: fewer than ten patients with one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """All months, the earliest first."""

    months: tuple[Month, ...]
    last_ripe: str
    """The last month that is ripe; "" if none is."""
    limits: tuple[float, float]
    """Of observed / expected, fixed before the data."""


_FEWEST: Final = 10
"""Patients: with fewer no rate is told."""


def over_time(
    y: Labels,
    risk: Numbers,
    patients: Patients,
    at: NDArray[np.int64],
    *,
    threshold: float,
    horizon_hours: float | None,
    data_until: int,
    limits: tuple[float, float],
) -> OverTime:
    """Every calendar month with a row; `data_until` is the last moment of prediction in the data, ripe or not."""
    of_month = at.astype("datetime64[us]").astype("datetime64[M]")
    flagged = risk >= threshold
    wait = round((horizon_hours or 0) * HOUR)
    ripe_until = np.datetime64(data_until - wait, "us")
    months = []
    for month in np.unique(of_month):
        chosen = of_month == month
        alerts = chosen & flagged
        ended = np.datetime64(month + 1, "us")
        people, alerted = len(np.unique(patients[chosen])), len(np.unique(patients[alerts]))
        months.append(
            Month(
                month=str(month),
                rows=int(chosen.sum()),
                events=int(y[chosen].sum()),
                alerts=int(alerts.sum()),
                ripe=bool(ended <= ripe_until),
                observed_expected=observed_expected(y[chosen], risk[chosen], patients[chosen])
                if people >= _FEWEST
                else None,
                right=share_of(y[alerts] == 1, patients[alerts]) if alerted >= _FEWEST else None,
            )
        )
    ripe = [one.month for one in months if one.ripe]
    return OverTime(months=tuple(months), last_ripe=ripe[-1] if ripe else "", limits=limits)
