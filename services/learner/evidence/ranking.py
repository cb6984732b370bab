"""How well it ranks, as curves (F11): ROC and precision against recall, with the point of the threshold."""

from __future__ import annotations

from dataclasses import dataclass


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
