"""How long before the event the card is there (F12). What had happened before the prediction is not counted as right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.timeline.instants import HOUR, NAT


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """Hours from the moment of prediction to the event, over the events that the threshold catches."""

    events: int
    """With a time."""
    median: float
    quartiles: tuple[float, float]
    within_an_hour: int
    """Events less than an hour after the prediction: there was hardly time to act."""
    edges: tuple[float, ...]
    """Hours; one more than there are bins."""
    counts: tuple[int, ...]
    already: int
    """Rows whose event had already happened at the moment of prediction: left out, in no figure counted as right."""


_BINS: Final = 24
_FEWEST: Final = 10


def lead_time(
    happened: NDArray[np.int64],
    at: NDArray[np.int64],
    caught: NDArray[np.bool_],
    *,
    horizon_hours: float | None,
    already: int,
) -> LeadTime | None:
    """From the rows caught, with when it happened (NAT = it did not); None where it is known of fewer than ten."""
    chosen = caught & (happened != NAT) & (happened >= at)
    if int(chosen.sum()) < _FEWEST:
        return None
    hours = (happened[chosen] - at[chosen]) / HOUR
    low, median, high = np.quantile(hours, [0.25, 0.5, 0.75])
    counts, edges = np.histogram(hours, bins=_BINS, range=(0.0, horizon_hours or max(float(hours.max()), 1.0)))
    return LeadTime(
        events=int(chosen.sum()),
        median=float(median),
        quartiles=(float(low), float(high)),
        within_an_hour=int((hours < 1).sum()),
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        already=already,
    )
