"""How long before the event the card is there (F12). What had happened before the prediction is not counted as right."""

from __future__ import annotations

from dataclasses import dataclass


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
