"""What the model is held against: no guidance, a card for everyone, what runs now, a published score, the simplest rule.

A rival that was fitted here is fitted as the model is: out of fold, by patient. What cannot be compared is named with why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers

RivalKind = Literal["incumbent", "published", "recalibrated", "refitted", "simple"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One rival's risks on the rows of the model."""

    kind: RivalKind
    name: str
    """In words: `HOSPITAL score (2016), recalibrated here`."""
    made: str
    """How its risks came to be: as published, a line in log-odds, a regression on two inputs."""
    risk: Numbers
    """One for each row; where it has no value the average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalReport:
    """How a rival ranks, and how much better or worse the model ranks on the same rows."""

    kind: RivalKind
    name: str
    made: str
    auroc: Estimate
    gain: Estimate
    """AUROC of the model minus that of the rival."""
    observed_expected: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A rival that could not be held against the model."""

    kind: RivalKind
    why: str
