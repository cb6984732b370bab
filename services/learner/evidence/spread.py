"""How the risks are spread, with and without the outcome, on one scale (F4). Piles are named, never smoothed away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients, share_of
from services.learner.evidence.metrics import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Rows with exactly the same risk: at least one in a hundred of all."""

    risk: float
    rows: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Counts between edges; a risk on an edge belongs to the bin above it, the last edge to the last bin."""

    edges: tuple[float, ...]
    """One more than there are bins."""
    happened: tuple[int, ...]
    not_happened: tuple[int, ...]
    threshold: float | None
    above: Estimate
    """The share of rows at or above the threshold."""
    piles: tuple[Pile, ...]


_FINE: Final = 0.01
_COARSE: Final = 0.02
_PILE: Final = 0.01
_MOST_PILES: Final = 5


def score_spread(y: Labels, risk: Numbers, patients: Patients, *, threshold: float) -> Spread:
    """Bins of one in a hundred, of two if risks go beyond a half; only up to the highest risk."""
    highest = float(risk.max())
    width = _FINE if highest <= 0.5 else _COARSE
    bins = max(math.ceil(highest / width - 1e-9), 1)
    edges = np.round(np.arange(bins + 1) * width, 10)
    return Spread(
        edges=tuple(edges.tolist()),
        happened=tuple(np.histogram(risk[y == 1], bins=edges)[0].tolist()),
        not_happened=tuple(np.histogram(risk[y == 0], bins=edges)[0].tolist()),
        threshold=threshold if math.isfinite(threshold) else None,
        above=share_of(risk >= threshold, patients),
        piles=_piles(y, risk),
    )


def _piles(y: Labels, risk: Numbers) -> tuple[Pile, ...]:
    """The largest first."""
    levels, own, counts = np.unique(risk, return_inverse=True, return_counts=True)
    events = np.bincount(own, weights=y)
    large = [place for place in np.argsort(-counts, kind="stable") if counts[place] >= _PILE * len(risk)]
    return tuple(
        Pile(risk=float(levels[place]), rows=int(counts[place]), events=int(events[place]))
        for place in large[:_MOST_PILES]
        if counts[place] >= 2
    )
