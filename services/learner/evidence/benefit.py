"""Does acting on the risk do more good than harm: net benefit per 1,000, beside every rival, over the range agreed.

At a threshold t one false alarm weighs t / (1 - t) of an event caught.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.guidance.evidence import Estimate
from services.learner.evidence.rivals import RivalKind

LineKind = Literal["model", "everyone", "no-one"] | RivalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitLine:
    """Net benefit per 1,000 rows at each threshold; that of no one is 0 throughout and has no line."""

    kind: LineKind
    name: str
    net: tuple[Estimate, ...]
    gain: tuple[Estimate, ...]
    """The model over this line, paired; of the model itself its gain over the better of everyone and no one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """The decision curve (F5)."""

    thresholds: tuple[float, ...]
    agreed: tuple[float, float]
    """The range of thresholds that the guidance declares, or that its bands imply; to be shaded."""
    agreed_by: str
    """Where the range comes from, in words."""
    lines: tuple[BenefitLine, ...]
    """The model first, then everyone, then the rivals."""
