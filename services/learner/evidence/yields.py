"""Work against yield (F6): so many alerts find so many of the events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Policy
from services.guidance.evidence import Estimate
from services.guidance.evidence_limits import EvidenceLimits
from services.guidance.models.explanation import Numbers
from services.learner.evidence.bootstrap import percentile_interval
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.metrics import Labels
from services.learner.evidence.wards import Wards

_POINTS: Final = 40
_MOST: Final = 0.5
"""Beyond alerts for half of all nobody reads a curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldPoint:
    """At one threshold: the work, and what it finds."""

    threshold: float
    alert_rate: float
    """Of all moments of prediction."""
    per_ward_day: float | None
    """None: no ward is known."""
    caught: Estimate
    """Of the events."""
    right: float | None
    """Of the alerts; None: there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldCurve:
    """Work against yield (F6), fewest alerts first."""

    points: tuple[YieldPoint, ...]
    chosen: YieldPoint
    """At the threshold of this evidence."""
    capacity: float
    """The alert rate that the guidance's budget allows."""
    capacity_per_ward_day: float | None
    """What the wards agreed to, by the guidance; None: nothing was agreed."""


def yield_curve(
    y: Labels,
    risk: Numbers,
    *,
    threshold: float,
    policy: Policy,
    limits: EvidenceLimits,
    wards: Wards | None,
    draws: PatientDraws,
) -> YieldCurve:
    """Thresholds that flag evenly more, up to half of the rows or to what the policy flags."""
    most = max(_MOST, float((risk >= threshold).mean()))
    cuts = np.unique(np.quantile(risk, 1 - np.linspace(most / _POINTS, most, _POINTS)))
    cuts = np.unique(np.append(cuts, min(threshold, np.nextafter(risk.max(), 2))))
    reached = np.searchsorted(cuts, risk, side="right")
    (drawn,) = draws.sums_by(reached, (y.astype(np.float64),), len(cuts) + 1)
    rows = _from_the_top(np.bincount(reached, minlength=len(cuts) + 1)[None, :])[0]
    events = _from_the_top(np.bincount(reached, weights=y, minlength=len(cuts) + 1)[None, :])[0]
    caught = _from_the_top(drawn) / np.maximum(drawn.sum(axis=1, keepdims=True), 1)
    points = {
        float(cut): YieldPoint(
            threshold=float(cut),
            alert_rate=float(rows[place] / len(y)),
            per_ward_day=None if wards is None else wards.of(risk >= cut).mean.value,
            caught=percentile_interval(float(events[place] / y.sum()), caught[:, place]),
            right=float(events[place] / rows[place]) if rows[place] else None,
        )
        for place, cut in enumerate(cuts)
    }
    return YieldCurve(
        points=tuple(points[cut] for cut in sorted(points, reverse=True)),
        chosen=points[float(min(threshold, np.nextafter(risk.max(), 2)))],
        capacity=policy.alert_budget,
        capacity_per_ward_day=limits.alerts_per_ward_day,
    )


def _from_the_top(counts: Numbers | NDArray[np.int64]) -> Numbers:
    """How many reach each cut: whoever reaches one reaches those below it."""
    reached: Numbers = counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].astype(np.float64)
    return reached
