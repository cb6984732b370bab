"""What is different from what runs now (F8): who is flagged by both, by one, by neither, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

from services.guidance.evidence import Estimate
from services.learner.evidence.rivals import RivalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One of the four."""

    rows: int
    events: int
    share: Estimate | None
    """With the event; None: nobody is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldAndNew:
    """The model beside what is there, at the same threshold, on the same rows."""

    kind: RivalKind
    old: str
    """What is there, in words."""
    threshold: float
    both: Cell
    only_old: Cell
    """Who would newly lose an alert."""
    only_new: Cell
    neither: Cell
    caught: Estimate
    """Of 100 events, so many more (new minus old, paired) are caught."""
    false_alarms: Estimate
    """Of 100 non-events, so many more are flagged."""
    alerts: Estimate
    """Of 100 rows, so many more are flagged."""
