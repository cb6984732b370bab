"""How the risks are spread, with and without the outcome, on one scale (F4). Piles are named, never smoothed away."""

from __future__ import annotations

from dataclasses import dataclass

from services.guidance.evidence import Estimate


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
