"""The smallest sound sample for a model of a yes-or-no outcome, and for testing it elsewhere.

To fit: Riley et al., BMJ 2020;368:m441. To test: Riley et al., Stat Med 2021;40:4230 (doi:10.1002/sim.9025), as in BMJ
2024;384:e074821.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.guidance.evidence import SampleSize
from services.guidance.models.explanation import Numbers
from services.learner.evidence.metrics import Labels, auroc, logit, surprises
from services.timeline.errors import BadInput

SHRINKAGE = 0.9
"""Coefficients may shrink by at most a tenth in new patients."""
OPTIMISM = 0.05
"""R² may be too good by at most this."""
MARGIN = 0.05
"""The average risk is known to within this."""
# A model that explains less has shown nothing; the sample that it asks for is then beyond reach, and says so.
_LEAST_R2 = 1e-4
_Z = 1.96


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RileyExternal:
    """Rows that each figure asks for, to be known so precisely where the model was not fitted."""

    observed_expected: int
    slope: int
    auroc: int

    @property
    def needed(self) -> int:
        """Rows that give all three."""
        return max(self.observed_expected, self.slope, self.auroc)


def riley_external(
    risk: Numbers,
    *,
    prevalence: float,
    c_statistic: float,
    ratio_width: float = 0.2,
    slope_width: float = 0.2,
    auroc_width: float = 0.1,
) -> RileyExternal:
    """Rows needed for 95 % intervals of these widths, if the model is right: O:E and slope of 1.

    `risk`: what it states there, of as many as there are; only how its log-odds are spread is read.
    """
    if not 0 < prevalence < 1 or not 0.5 < c_statistic < 1:
        raise BadInput(
            "a prevalence lies between 0 and 1, and a C-statistic between 0.5 and 1",
            remedy="Give what is expected where the model is to be tested",
        )
    # The interval of O:E is symmetric in logarithms: its width around 1 is 2 sinh(1.96 SE).
    ratio = (1 - prevalence) / (prevalence * (math.asinh(ratio_width / 2) / _Z) ** 2)
    said = logit(risk)
    weight = risk * (1 - risk)
    once, twice, thrice = (float((weight * said**power).mean()) for power in range(3))
    information = once * thrice - twice**2
    if information <= 0:
        raise BadInput("every row has the same risk: it has no calibration slope", remedy="Give the risks of a model")
    slope = once / information / (slope_width / (2 * _Z)) ** 2
    return RileyExternal(
        observed_expected=math.ceil(ratio),
        slope=math.ceil(slope),
        auroc=_rows_for_auroc(c_statistic, prevalence, auroc_width / (2 * _Z)),
    )


def _rows_for_auroc(value: float, prevalence: float, error: float) -> int:
    """Rows at which Newcombe's standard error of the C-statistic is so small: it falls with rows, so they are halved out."""

    def too_few(rows: int) -> bool:
        pairs = (rows / 2 - 1) * ((1 - value) / (2 - value) + value / (1 + value))
        return value * (1 - value) * (1 + pairs) / (rows**2 * prevalence * (1 - prevalence)) > error**2

    low, high = 1, 2
    while too_few(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if too_few(middle) else (low, middle)
    return high


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
    ranks = auroc(y, out_of_fold)
    spread = float(out_of_fold.max()) > float(out_of_fold.min())
    external = (
        riley_external(out_of_fold, prevalence=prevalence, c_statistic=ranks).needed
        if spread and 0.5 < ranks < 1
        else None
    )
    elsewhere = "" if external is None else f" To be tested elsewhere with narrow intervals it needs {external:,}."
    return SampleSize(
        needed=needed,
        rows=len(y),
        events=int(y.sum()),
        parameters=parameters,
        external=external,
        sentence=f"Riley's criteria ask for {needed:,} rows for {parameters:,} effective parameters at a Cox-Snell R² "
        f"of {r2:.3f}; there were {len(y):,}.{elsewhere}",
    )
