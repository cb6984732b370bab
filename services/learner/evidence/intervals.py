"""Intervals that have a formula: shares, observed over expected, AUROC. Each honours repeated rows of one patient.

With one row a patient they are Wilson's and DeLong's; with more, residuals are added up by patient first (Obuchowski
1997 for AUROC), because the rows of one patient tell less than as many patients would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm, rankdata, t

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.metrics import Labels

Patients = NDArray[np.int64]


def wilson(hits: float, of: float, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval; of nobody, anything is possible."""
    if of <= 0:
        return 0.0, 1.0
    z = float(norm.ppf((1 + level) / 2))
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    # The ends are 0 and 1 exactly when nobody or everybody is hit, but for rounding.
    return 0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == of else min(1.0, middle + half)


def share_of(hit: NDArray[np.bool_], patients: Patients, *, level: float = 0.95) -> Estimate:
    """The share of rows that are hit, by Wilson with the number of rows that they are worth; NaN is never returned."""
    if not len(hit):
        return Estimate(value=0.0, ci=(0.0, 1.0))
    share = float(hit.mean())
    worth = _worth(hit.astype(np.float64) - share, patients, share * (1 - share))
    return Estimate(value=share, ci=wilson(share * worth, worth, level=level))


def share_beside(
    hit: NDArray[np.bool_], expected: Numbers, patients: Patients, *, level: float = 0.95
) -> tuple[Estimate, Estimate]:
    """The share of rows that are hit, and how far it is from the mean that was expected of them (taken as known).

    Wilson's interval with the number of rows that they are worth beside what was expected, never more than there are.
    """
    share, mean = float(hit.mean()), min(max(float(expected.mean()), 0.0), 1.0)
    residuals = hit - expected
    worth = _worth(residuals - residuals.mean(), patients, share * (1 - share))
    low, high = wilson(share * worth, worth, level=level)
    return Estimate(value=share, ci=(low, high)), Estimate(value=share - mean, ci=(low - mean, high - mean))


def mean_beside(
    values: Numbers, expected: Numbers, patients: Patients, *, level: float = 0.95
) -> tuple[Estimate, Estimate]:
    """The mean of the values, and how far it is from the mean that was expected of them (taken as known).

    Student's interval of the residuals, added up by patient.
    """
    residuals = values - expected
    by_patient = _by_patient(residuals - residuals.mean(), patients)
    people = len(by_patient)
    spread = math.sqrt(float((by_patient**2).sum()) * _unbiased(people)) / len(values)
    half = float(t.ppf((1 + level) / 2, max(people - 1, 1))) * spread
    mean, apart = float(values.mean()), float(residuals.mean())
    return Estimate(value=mean, ci=(mean - half, mean + half)), Estimate(value=apart, ci=(apart - half, apart + half))


def _worth(residuals: Numbers, patients: Patients, variance: float) -> float:
    """How many independent rows these rows are worth."""
    by_patient = _by_patient(residuals, patients)
    if variance == 0 or len(by_patient) == 1:
        return float(len(by_patient))
    squares = float((by_patient**2).sum()) * len(by_patient) / (len(by_patient) - 1)
    return min(float(len(residuals)), variance * len(residuals) ** 2 / squares)


def observed_expected(y: Labels, risk: Numbers, patients: Patients, *, level: float = 0.95) -> Estimate:
    """Events over the sum of risks, with an interval in logarithms."""
    observed, expected = float(y.sum()), float(risk.sum())
    if observed == 0:
        return Estimate(value=0.0, ci=(0.0, float(chi2.ppf((1 + level) / 2, 2)) / 2 / expected))
    ratio = observed / expected
    by_patient = _by_patient(y - ratio * risk, patients)
    spread = math.sqrt(float((by_patient**2).sum()) * len(by_patient) / max(len(by_patient) - 1, 1)) / observed
    z = float(norm.ppf((1 + level) / 2))
    return Estimate(value=ratio, ci=(ratio * math.exp(-z * spread), ratio * math.exp(z * spread)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """For every event the share of non-events below it, for every non-event the share of events above it."""

    event: Numbers
    other: Numbers

    @property
    def auroc(self) -> float:
        """The mean of either."""
        return float(self.event.mean())


def placements(y: Labels, risk: Numbers) -> Placements:
    """DeLong's structural components."""
    ranks = rankdata(risk)
    events, others = ranks[y == 1], ranks[y == 0]
    return Placements(
        event=(events - rankdata(risk[y == 1])) / len(others),
        other=1 - (others - rankdata(risk[y == 0])) / len(events),
    )


def auroc_interval(y: Labels, risk: Numbers, patients: Patients, *, level: float = 0.95) -> Estimate:
    """AUROC with an interval on the logit scale."""
    found = placements(y, risk)
    value = found.auroc
    spread = math.sqrt(_variance(found, value, y, patients))
    if not 0 < value < 1 or spread == 0:
        # A perfect ranking has no spread; so many pairs cannot prove it for all.
        pairs = min(len(found.event), len(found.other))
        return Estimate(value=value, ci=wilson(value * pairs, pairs, level=level))
    middle = math.log(value / (1 - value))
    half = float(norm.ppf((1 + level) / 2)) * spread / (value * (1 - value))
    return Estimate(value=value, ci=(1 / (1 + math.exp(half - middle)), 1 / (1 + math.exp(-half - middle))))


def auroc_gain(y: Labels, old: Numbers, new: Numbers, patients: Patients, *, level: float = 0.95) -> Estimate:
    """How much more of the pairs `new` ranks right than `old`, on the same rows."""
    before, after = placements(y, old), placements(y, new)
    gain = after.auroc - before.auroc
    difference = Placements(event=after.event - before.event, other=after.other - before.other)
    half = float(norm.ppf((1 + level) / 2)) * math.sqrt(_variance(difference, gain, y, patients))
    return Estimate(value=gain, ci=(gain - half, gain + half))


def _variance(found: Placements, value: float, y: Labels, patients: Patients) -> float:
    """Obuchowski's variance; DeLong's if no patient has two rows."""
    names, own = np.unique(patients, return_inverse=True)
    by_event = np.bincount(own[y == 1], weights=found.event - value, minlength=len(names))
    by_other = np.bincount(own[y == 0], weights=found.other - value, minlength=len(names))
    events, others = len(found.event), len(found.other)
    with_events, with_others = len(np.unique(own[y == 1])), len(np.unique(own[y == 0]))
    variance = (
        _unbiased(with_events) * float((by_event**2).sum()) / events**2
        + _unbiased(with_others) * float((by_other**2).sum()) / others**2
        + 2 * _unbiased(len(names)) * float((by_event * by_other).sum()) / (events * others)
    )
    return max(variance, 0.0)


def _unbiased(clusters: int) -> float:
    return clusters / (clusters - 1) if clusters > 1 else 1.0


def _by_patient(numbers: Numbers, patients: Patients) -> Numbers:
    own = np.unique(patients, return_inverse=True)[1]
    added: Numbers = np.bincount(own, weights=numbers).astype(np.float64)
    return added
