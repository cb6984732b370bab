"""Whether stated risks can be believed: intercept, slope, the smooth curve and its distances, ten groups.

A curve is drawn only where there are enough of both outcomes; an interval goes with every number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.tools.tools import add_constant

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.bootstrap import percentile_interval
from services.learner.evidence.calibration_draws import draw_curves
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.intervals import Patients, share_of
from services.learner.evidence.metrics import Labels, logit
from services.timeline.errors import BadInput

FEWEST_FOR_A_CURVE = 100
"""Events, and non-events: with fewer a smooth curve shows noise."""
_CURVE_POINTS = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows with like risks: what was said, what happened."""

    rows: int
    events: int
    stated: float
    lowest: float
    highest: float
    observed: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The smooth curve of what happens against what is said, and its distance from the diagonal over the rows."""

    stated: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    """The band: where the curve lies in 95 of 100 draws of other patients, point by point."""
    high: tuple[float, ...]
    ici: Estimate
    """Mean distance (integrated calibration index)."""
    e50: Estimate
    e90: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationResult:
    """All of it for one model."""

    intercept: Estimate
    """In log-odds, with the slope held at 1: 0 if as many events happen as are expected."""
    slope: Estimate
    """1 if the risks are spread as they should be; below 1 they are too extreme."""
    groups: tuple[Group, ...]
    curve: Curve | None
    """None: too few to draw."""


def assess_calibration(
    y: Labels, risk: Numbers, patients: Patients, *, draws: PatientDraws | None = None, groups: int = 10
) -> CalibrationResult:
    """Intercept and slope with 95 % intervals (by patient if some have several rows), curve and groups."""
    said = logit(risk)
    if np.ptp(said) == 0:
        raise BadInput(
            "every row has the same risk: nothing was learned",
            remedy="Check the inputs and the outcome, or give it more rows",
        )
    ones = np.ones((len(y), 1))
    return CalibrationResult(
        intercept=_coefficient(GLM(y, ones, family=Binomial(), offset=said), patients, 0),
        slope=_coefficient(GLM(y, add_constant(said), family=Binomial()), patients, 1),
        groups=calibration_groups(y, risk, patients, groups=groups),
        curve=_curve(y, risk, draws or PatientDraws(patients))
        if min(int(y.sum()), int((1 - y).sum())) >= FEWEST_FOR_A_CURVE
        else None,
    )


def calibration_groups(y: Labels, risk: Numbers, patients: Patients, *, groups: int = 10) -> tuple[Group, ...]:
    """Groups of equal counts, lowest risks first; equal risks may still be parted."""
    parts = [part for part in np.array_split(np.argsort(risk, kind="stable"), groups) if len(part)]
    return tuple(
        Group(
            rows=len(part),
            events=int(y[part].sum()),
            stated=float(risk[part].mean()),
            lowest=float(risk[part[0]]),
            highest=float(risk[part[-1]]),
            observed=share_of(y[part] == 1, patients[part]),
        )
        for part in parts
    )


def _coefficient(model: Any, patients: Patients, place: int) -> Estimate:
    if len(np.unique(patients)) < len(patients):
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": patients})
    else:
        fit = model.fit()
    low, high = fit.conf_int()[place]
    return Estimate(value=float(fit.params[place]), ci=(float(low), float(high)))


def _curve(y: Labels, risk: Numbers, draws: PatientDraws) -> Curve:
    # No robustness iterations: with outcomes of 0 and 1 they would throw the rarer one out as outliers.
    smooth = lowess(y.astype(np.float64), risk, it=0, delta=0.01 * float(np.ptp(risk)), return_sorted=True)
    stated, observed = smooth[:, 0], np.clip(smooth[:, 1], 0.0, 1.0)
    distance = np.abs(observed - stated)
    at = np.linspace(stated[0], stated[-1], _CURVE_POINTS)
    line = np.interp(at, stated, observed)
    drawn = draw_curves(y, risk, draws, at=at)
    low, high = np.quantile(drawn.observed, [0.025, 0.975], axis=0)
    return Curve(
        stated=tuple(at.tolist()),
        observed=tuple(line.tolist()),
        low=tuple(np.minimum(low, line).tolist()),
        high=tuple(np.maximum(high, line).tolist()),
        ici=percentile_interval(float(distance.mean()), drawn.ici),
        e50=percentile_interval(float(np.quantile(distance, 0.5)), drawn.e50),
        e90=percentile_interval(float(np.quantile(distance, 0.9)), drawn.e90),
    )
