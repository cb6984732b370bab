"""What one input tells of the outcome on its own: by its value, by being there at all, by one telling value.

Each reading is an AUROC turned the better way round (0.5 or more). All come from one sort of the input, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Reading = Literal["its value", "its value where it is there", "its being there or missing", "its commonest value"]

FEWEST_KNOWN: Final = 20
"""Known values of fewer events, or of fewer others, rank by luck: then the missing must be read along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """The reading of an input that tells most."""

    auroc: float
    """0.5 (nothing) to 1 (everything)."""
    by: Reading


def inputs_alone(X: NDArray[np.float64], y: NDArray[np.int8], inputs: Sequence[str]) -> dict[str, Alone]:
    """Per input (a column of X; NaN = missing), the reading that tells most of y (1 or 0 per row)."""
    return {name: input_alone(X[:, place], y) for place, name in enumerate(inputs)}


def input_alone(column: NDArray[np.float64], y: NDArray[np.int8]) -> Alone:
    """Read one input in every way; of equals the first named is given."""
    known = ~np.isnan(column)
    events, others = int(y.sum()), int((1 - y).sum())
    if not events or not others or not known.any():
        return Alone(auroc=0.5, by="its value")
    _, place, count = np.unique(column[known], return_inverse=True, return_counts=True)
    event_at = np.bincount(place, weights=y[known], minlength=len(count))
    known_events = int(y[known].sum())
    known_others = len(place) - known_events
    # Pairs of a known event and a known other in which the event's value is the higher; equal values count half.
    other_at = count - event_at
    won = float((event_at * (other_at.cumsum() - other_at / 2)).sum())
    pairs, missing_pairs = events * others, (events - known_events) * (others - known_others) / 2
    commonest = int(count.argmax())
    # The missing stand below all values, or above.
    lowest = (won + known_events * (others - known_others) + missing_pairs) / pairs
    highest = (won + known_others * (events - known_events) + missing_pairs) / pairs
    # The plainest first: what being there tells, the value with the missing at one end tells, too.
    readings: dict[Reading, float] = {
        "its being there or missing": _turned(0.5 + (known_events / events - known_others / others) / 2),
        "its value": max(_turned(lowest), _turned(highest)),
        "its commonest value": _turned(0.5 + (event_at[commonest] / events - other_at[commonest] / others) / 2),
    }
    if min(known_events, known_others) >= FEWEST_KNOWN:
        readings["its value where it is there"] = _turned(won / (known_events * known_others))
    best = max(readings.values())
    return Alone(auroc=best, by=next(reading for reading, auroc in readings.items() if auroc >= best - 1e-12))


def strongest(alone: Mapping[str, Alone]) -> str:
    """The name of the input that tells most; the first of equals."""
    return max(alone, key=lambda name: alone[name].auroc)


def _turned(auroc: float) -> float:
    return float(max(auroc, 1 - auroc))
