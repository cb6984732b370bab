"""How well it ranks, as curves (F11): ROC and precision against recall, with the point of the threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.guidance.models.explanation import Numbers
from services.learner.evidence.metrics import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingPoint:
    """At one threshold (flagged if risk >= threshold); all of them shares."""

    threshold: float | None
    """None: above every risk, nobody is flagged."""
    false_alarms: float
    """Of the non-events (ROC, across)."""
    caught: float
    """Of the events (ROC, up; PR, across)."""
    right: float | None
    """Of the flagged (PR, up); None where nobody is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Both curves, fewest flagged first; at most some 200 points of all, evenly along the curve."""

    points: tuple[RankingPoint, ...]
    at_threshold: RankingPoint
    base_rate: float
    """What precision is by chance."""


_POINTS: Final = 200


def ranking_curves(y: Labels, risk: Numbers, *, threshold: float) -> Ranking:
    """Every level of risk is a point; where there are many, those evenly along the curve, both ends kept."""
    levels, own = np.unique(risk, return_inverse=True)
    events = np.bincount(own, weights=y, minlength=len(levels))[::-1].cumsum()
    rows = np.bincount(own, minlength=len(levels))[::-1].cumsum()
    caught, false_alarms = events / events[-1], (rows - events) / (rows[-1] - events[-1])
    along = caught + false_alarms
    wanted = np.linspace(0, along[-1], min(_POINTS, len(levels)))
    places = np.unique(np.minimum(np.searchsorted(along, wanted), len(levels) - 1))
    points = [
        RankingPoint(
            threshold=float(levels[::-1][place]),
            false_alarms=float(false_alarms[place]),
            caught=float(caught[place]),
            right=float(events[place] / rows[place]),
        )
        for place in places
    ]
    nobody = RankingPoint(threshold=None, false_alarms=0.0, caught=0.0, right=None)
    flagged = risk >= threshold
    return Ranking(
        points=(nobody, *points),
        at_threshold=RankingPoint(
            threshold=threshold if math.isfinite(threshold) else None,
            false_alarms=float(flagged[y == 0].mean()),
            caught=float(flagged[y == 1].mean()),
            right=float(y[flagged].mean()) if flagged.any() else None,
        ),
        base_rate=float(y.mean()),
    )
