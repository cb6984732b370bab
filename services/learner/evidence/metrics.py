"""Discrimination and overall accuracy, for one weighting of the rows or for many at once.

The rows are sorted once; a bootstrap then is a matrix of weights. Tied risks count half, as they must.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.guidance.models.explanation import Numbers
from services.timeline.errors import BadInput

Labels = NDArray[np.int8]
# A risk of exactly 0 or 1 has no log-odds; models whose risks are stated never reach these.
NEARLY_ZERO = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Rows in order of risk, lowest first."""

    order: NDArray[np.int64]
    y: Labels
    ties: NDArray[np.int64]
    """Where each run of equal risks begins."""

    @classmethod
    def of(cls, y: Labels, risk: Numbers) -> Self:
        """Sort once; BadInput without both outcomes."""
        if not 0 < int(y.sum()) < len(y):
            raise BadInput(
                "all rows have the same outcome: nothing can be told apart",
                remedy="Take a longer period, or check how the outcome is defined",
            )
        order = np.argsort(risk, kind="stable")
        changes = np.flatnonzero(np.diff(risk[order])) + 1
        return cls(order=order, y=y[order], ties=np.concatenate(([0], changes)))

    def discrimination(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """AUROC and AUPRC, one of each for each line of weights (in the order of risk); NaN if an outcome has none."""
        events, others = self._by_tie(weights)
        all_events, all_others = events.sum(axis=1), others.sum(axis=1)
        others_below = others.cumsum(axis=1)
        caught = all_events[:, None] - events.cumsum(axis=1) + events
        flagged = caught + all_others[:, None] - others_below + others
        precision = np.divide(caught, flagged, out=np.zeros_like(caught), where=flagged > 0)
        with np.errstate(invalid="ignore"):
            return (
                (events * (others_below - others / 2)).sum(axis=1) / (all_events * all_others),
                (events * precision).sum(axis=1) / all_events,
            )

    def _by_tie(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        events = weights * self.y
        others = weights - events
        if len(self.ties) == len(self.y):
            return events, others
        return np.add.reduceat(events, self.ties, axis=1), np.add.reduceat(others, self.ties, axis=1)


def auroc(y: Labels, risk: Numbers) -> float:
    """Of all pairs of an event and a non-event, the share in which the event has the higher risk."""
    return float(Ranked.of(y, risk).discrimination(np.ones((1, len(y))))[0][0])


def auprc(y: Labels, risk: Numbers) -> float:
    """Average precision: the mean, over the events, of the share of events among those at least as high.

    Read it beside the prevalence, which is what chance gives.
    """
    return float(Ranked.of(y, risk).discrimination(np.ones((1, len(y))))[1][0])


def squared_errors(y: Labels, risk: Numbers) -> Numbers:
    """Their mean is the Brier score."""
    return (y - risk) ** 2


def surprises(y: Labels, risk: Numbers) -> Numbers:
    """Minus the log-likelihood of every row; their mean is the log-loss."""
    safe = np.clip(risk, NEARLY_ZERO, 1 - NEARLY_ZERO)
    return -np.where(y == 1, np.log(safe), np.log1p(-safe))


def logit(risk: Numbers) -> Numbers:
    """Risk to log-odds."""
    safe = np.clip(risk, NEARLY_ZERO, 1 - NEARLY_ZERO)
    return np.log(safe) - np.log1p(-safe)
