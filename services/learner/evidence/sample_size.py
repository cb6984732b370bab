"""The smallest sound sample for a model of a yes-or-no outcome (Riley et al., BMJ 2020;368:m441)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.guidance.evidence import SampleSize
from services.guidance.models.explanation import Numbers
from services.learner.evidence.metrics import Labels, surprises
from services.timeline.errors import BadInput

SHRINKAGE = 0.9
"""Coefficients may shrink by at most a tenth in new patients."""
OPTIMISM = 0.05
"""R² may be too good by at most this."""
MARGIN = 0.05
"""The average risk is known to within this."""
# A model that explains less has shown nothing; the sample that it asks for is then beyond reach, and says so.
_LEAST_R2 = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class RileyMinimum:
    """Rows that each criterion asks for."""

    shrinkage: int
    optimism: int
    average_risk: int

    @property
    def needed(self) -> int:
        """Rows that satisfy all three."""
        return max(self.shrinkage, self.optimism, self.average_risk)


def riley_minimum_n(*, prevalence: float, r2: float, parameters: int) -> RileyMinimum:
    """Rows needed for so many candidate parameters, at this prevalence and Cox-Snell R²."""
    most = highest_r2(prevalence)
    if not 0 < r2 < most or parameters < 1:
        raise BadInput(
            f"R² lies between 0 and {most:.3f} at this prevalence, and there is at least one parameter",
            remedy="Give the Cox-Snell R², not Nagelkerke's",
        )
    shrinkage = parameters / ((SHRINKAGE - 1) * math.log(1 - r2 / SHRINKAGE)) if r2 < SHRINKAGE else 0.0
    target = r2 / (r2 + OPTIMISM * most)
    optimism = parameters / ((target - 1) * math.log(1 - r2 / target))
    average_risk = (1.96 / MARGIN) ** 2 * prevalence * (1 - prevalence)
    return RileyMinimum(
        shrinkage=math.ceil(shrinkage), optimism=math.ceil(optimism), average_risk=math.ceil(average_risk)
    )


def highest_r2(prevalence: float) -> float:
    """Cox-Snell R² of a model that knows every outcome."""
    if not 0 < prevalence < 1:
        raise BadInput("a prevalence lies between 0 and 1", remedy="Check how the outcome is defined")
    return 1 - math.exp(-2 * _surprise(prevalence))


def cox_snell_r2(y: Labels, risk: Numbers) -> float:
    """R² of risks that were made without these rows; below 0 if the average risk would have done better."""
    average = float(y.mean())
    return 1 - math.exp(-2 * (_surprise(average) - float(surprises(y, risk).mean())))


def _surprise(average: float) -> float:
    """Log-loss of giving everyone the average risk."""
    return -(average * math.log(average) + (1 - average) * math.log(1 - average))


def effective_parameters(y: Labels, *, fitted: Numbers, out_of_fold: Numbers) -> int:
    """How many parameters the model is worth: the log-likelihood that it loses on rows that it was not fitted on.

    That is what Akaike's criterion charges: one unit for each parameter. A scorecard of a thousand steps that boosting
    has shrunk may be worth a hundred.
    """
    return max(1, round(float(surprises(y, out_of_fold).sum() - surprises(y, fitted).sum())))


def sample_size(y: Labels, *, out_of_fold: Numbers, parameters: int) -> SampleSize:
    """What there was beside what is needed, for the evidence."""
    prevalence = float(y.mean())
    r2 = min(max(cox_snell_r2(y, out_of_fold), _LEAST_R2), 0.999 * highest_r2(prevalence))
    needed = riley_minimum_n(prevalence=prevalence, r2=r2, parameters=parameters).needed
    return SampleSize(
        needed=needed,
        rows=len(y),
        events=int(y.sum()),
        parameters=parameters,
        sentence=f"Riley's criteria ask for {needed:,} rows for {parameters:,} effective parameters at a Cox-Snell R² "
        f"of {r2:.3f}; there were {len(y):,}.",
    )
