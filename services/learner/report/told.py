"""What every figure of a prediction is told, and the words that all its captions share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.figures.frame import Caption
from services.guidance.definition import Guidance, Prediction
from services.guidance.evidence import Judged
from services.guidance.words.rounding import percent

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.evidence.looks import Looks

NOT_RECKONED: Final = "These numbers were not reckoned for this evidence."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What every figure of a prediction is told: its words, its place on the page, and whence the numbers are."""

    guidance: Guidance
    prediction: Prediction
    judged: Judged
    looks: Looks
    prefix: str
    """Of its ids: empty for the first prediction."""
    where: str
    """Period, place and count, as a measure says it."""
    split: str
    """How rows were kept apart."""
    source: str

    def caption(self, key: str, message: str, measure: str, desc: str) -> Caption:
        """The caption of one figure."""
        return Caption(
            key=f"{self.prefix}{key}",
            message=message,
            measure=f"{measure[:1].upper()}{measure[1:]}. {self.where[:1].upper()}{self.where[1:]}.",
            source=self.source,
            desc=desc,
        )


def flagged_from(told: Told) -> str:
    """`at a stated risk of 20% or more`."""
    threshold = told.looks.work.threshold
    return f"at a stated risk of {percent(threshold)} or more" if math.isfinite(threshold) else "at no risk"
