"""What a threshold means for people: how many alerts, how many of them right, how many events caught."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients, share_of
from services.learner.evidence.metrics import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Alerts at one threshold (alert if risk >= threshold)."""

    threshold: float
    rows: int
    alerts: int
    right: int
    """Alerts that an event followed."""
    events: int
    alert_rate: Estimate
    ppv: Estimate
    """Of all alerts, the share that are right."""
    number_needed: tuple[float | None, float | None, float | None]
    """Alerts for one event (1 / ppv) and its interval; None is without limit."""
    sensitivity: Estimate
    """Of all events, the share that is caught."""
    false_alarm_rate: Estimate
    """Of all non-events, the share that is flagged."""


def workload(y: Labels, risk: Numbers, patients: Patients, *, threshold: float, level: float = 0.95) -> Workload:
    """Count alerts, right ones and missed ones at a threshold."""
    flagged = risk >= threshold
    happened = y == 1
    ppv = share_of(happened[flagged], patients[flagged], level=level)
    return Workload(
        threshold=float(threshold),
        rows=len(y),
        alerts=int(flagged.sum()),
        right=int((flagged & happened).sum()),
        events=int(happened.sum()),
        alert_rate=share_of(flagged, patients, level=level),
        ppv=ppv,
        number_needed=number_needed(ppv),
        sensitivity=share_of(flagged[happened], patients[happened], level=level),
        false_alarm_rate=share_of(flagged[~happened], patients[~happened], level=level),
    )


def threshold_for(risk: Numbers, *, share: float) -> float:
    """The lowest threshold that flags at most this share of the rows; infinite if even the highest risk is too many."""
    most = math.floor(share * len(risk))
    levels, counts = np.unique(risk, return_counts=True)
    flagged = counts[::-1].cumsum()[::-1]
    allowed = levels[flagged <= most]
    return float(allowed[0]) if len(allowed) else math.inf


def number_needed(ppv: Estimate) -> tuple[float | None, float | None, float | None]:
    """How many to look at for one event (1 / ppv), and its interval; None is without limit."""
    return _one_in(ppv.value), _one_in(ppv.ci[1]), _one_in(ppv.ci[0])


def _one_in(share: float) -> float | None:
    return 1 / share if share > 0 else None
