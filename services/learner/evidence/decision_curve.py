"""Does acting on the risk do more good than harm: net benefit against acting on everyone and on no one.

At a threshold t one false alarm weighs t / (1 - t) of an event caught. Net benefit is per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients
from services.learner.evidence.metrics import Labels
from services.timeline.errors import BadInput

DEFAULT_THRESHOLDS = tuple(percent / 100 for percent in range(1, 51))


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBenefit:
    """At one threshold. Acting on no one is worth 0."""

    threshold: float
    model: Estimate
    everyone: float
    gain: Estimate
    """Model over the better of everyone and no one."""


def decision_curve(
    y: Labels, risk: Numbers, patients: Patients, *, thresholds: Sequence[float] = DEFAULT_THRESHOLDS
) -> tuple[NetBenefit, ...]:
    """Net benefit at each threshold (alert if risk >= threshold), with 95 % intervals over patients."""
    if not thresholds or min(thresholds) <= 0 or max(thresholds) >= 1:
        raise BadInput("thresholds lie between 0 and 1", remedy="Give shares, for example 0.2 for 20 in 100")
    own = np.unique(patients, return_inverse=True)[1]
    return tuple(_at(threshold, y, risk, own) for threshold in thresholds)


def _at(threshold: float, y: Labels, risk: Numbers, own: Patients) -> NetBenefit:
    cost = threshold / (1 - threshold)
    worth = np.where(y == 1, 1.0, -cost)
    by_model = np.where(risk >= threshold, worth, 0.0)
    everyone = float(worth.mean())
    return NetBenefit(
        threshold=float(threshold),
        model=_mean(by_model, own),
        everyone=everyone,
        gain=_mean(by_model - worth if everyone > 0 else by_model, own),
    )


def _mean(numbers: Numbers, own: Patients) -> Estimate:
    mean = float(numbers.mean())
    by_patient = np.bincount(own, weights=numbers - mean)
    unbiased = len(by_patient) / max(len(by_patient) - 1, 1)
    half = float(norm.ppf(0.975)) * float(np.sqrt((by_patient**2).sum() * unbiased)) / len(numbers)
    return Estimate(value=mean, ci=(mean - half, mean + half))
