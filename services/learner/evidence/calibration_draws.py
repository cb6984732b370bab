"""The calibration curve in every draw of whole patients: a local line over bins of like risks, as lowess draws it over rows.

Bins keep their mean risk; what changes from draw to draw is how many rows and events each holds. So a thousand curves
are a few products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.guidance.models.explanation import Numbers
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.metrics import Labels

_BINS: Final = 200
_FRACTION: Final = 2 / 3
"""Of the rows, near each point: what lowess takes if it is not told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCurves:
    """One line for each draw."""

    observed: Numbers
    """Draws x points."""
    ici: Numbers
    e50: Numbers
    e90: Numbers


def draw_curves(y: Labels, risk: Numbers, draws: PatientDraws, *, at: Numbers) -> DrawnCurves:
    """The curve at the points asked for, and its distances from the diagonal over the rows drawn."""
    order = np.argsort(risk, kind="stable")
    bins = min(_BINS, len(risk))
    own = np.empty(len(risk), dtype=np.int64)
    own[order] = np.arange(len(risk)) * bins // len(risk)
    stated = np.bincount(own, weights=risk) / np.bincount(own)
    rows, events = draws.sums_by(own, (np.ones(len(risk)), y.astype(np.float64)), bins)
    by_row = risk[order]
    distance = np.abs(_lines(stated, rows, events, at=stated, by_row=by_row) - stated)
    ranked = np.argsort(distance, axis=1)
    distance, weight = np.take_along_axis(distance, ranked, axis=1), np.take_along_axis(rows, ranked, axis=1)
    below = weight.cumsum(axis=1) / weight.sum(axis=1, keepdims=True)
    return DrawnCurves(
        observed=_lines(stated, rows, events, at=at, by_row=by_row),
        ici=(distance * weight).sum(axis=1) / weight.sum(axis=1),
        e50=_quantile(distance, below, 0.5),
        e90=_quantile(distance, below, 0.9),
    )


def _lines(stated: Numbers, rows: Numbers, events: Numbers, *, at: Numbers, by_row: Numbers) -> Numbers:
    """At each point the line through the bins near it, nearer ones weighing more (tricube), by least squares."""
    away = stated[None, :] - at[:, None]
    width = np.array([_reach(by_row, float(point)) for point in at])
    near = np.clip(1 - np.abs(away / width[:, None]) ** 3, 0.0, None) ** 3
    once, twice = near * away, near * away * away
    s0, s1, s2 = rows @ near.T, rows @ once.T, rows @ twice.T
    t0, t1 = events @ near.T, events @ once.T
    spread = s0 * s2 - s1 * s1
    # Where all that is near has one risk there is no line, only a mean.
    with np.errstate(divide="ignore", invalid="ignore"):
        line = np.where(spread > 1e-12 * s0 * s0, (s2 * t0 - s1 * t1) / spread, t0 / s0)
    lines: Numbers = np.clip(np.nan_to_num(line, nan=0.0), 0.0, 1.0)
    return lines


def _reach(by_row: Numbers, point: float) -> float:
    """How far the nearest two thirds of the rows reach from a point."""
    count = max(int(_FRACTION * len(by_row)), 2)
    starts = np.arange(len(by_row) - count + 1)
    reach = np.maximum(point - by_row[starts], by_row[starts + count - 1] - point)
    return max(float(reach.min()), 1e-9)


def _quantile(distance: Numbers, below: Numbers, share: float) -> Numbers:
    """The distance that this share of the rows does not exceed, in each draw."""
    place = (below < share).sum(axis=1)
    found: Numbers = np.take_along_axis(distance, np.minimum(place, distance.shape[1] - 1)[:, None], axis=1)[:, 0]
    return found
