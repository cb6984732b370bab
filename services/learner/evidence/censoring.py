"""What rows that nobody followed to the end may hide: the figures again, each known row weighted for those like it that were lost.

Weights are one over the chance of still being followed then (Kaplan and Meier's, of leaving). That holds if leaving says
nothing of the outcome; it cannot be seen here whether it does, so this is a sensitivity analysis and no correction.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from services.guidance.evidence import Censoring, Estimate
from services.guidance.models.explanation import Numbers
from services.learner.feature_matrix import CohortRows
from services.timeline.instants import DAY, HOUR, NAT

Ints = NDArray[np.int64]


def weigh_for_the_lost(
    everyone: CohortRows, risk: Numbers, *, horizon_hours: float | None, limit: float
) -> Censoring | None:
    """None if no row was lost or sent on, or there is no horizon; figures only above the declared share.

    `everyone`: all rows for which it is computed; `risk`: out of fold, of those with a known outcome, in their order.
    """
    known = everyone.y >= 0
    lost = ~known & (everyone.until != NAT)
    share = float(lost.sum()) / max(int(lost.sum() + known.sum()), 1)
    if horizon_hours is None or not lost.any() or not known.any():
        return None
    y, patients = everyone.y[known], everyone.patients[known]
    if share <= limit:
        said = (
            f"{share:.1%} of the rows were lost or sent on before anybody could say; up to {limit:.0%} is left at that."
        )
        return Censoring(censored=int(lost.sum()), share=share, sentence=said)
    followed = np.clip((everyone.until - everyone.at) / DAY, 0, horizon_hours * HOUR / DAY)
    weight = 1 / still_followed(followed, lost)[known]
    rate = float(weight @ y / weight.sum())
    return Censoring(
        censored=int(lost.sum()),
        share=share,
        rate=float(y.mean()),
        weighted_rate=rate,
        weighted_observed_expected=_ratio(y.astype(np.float64), risk, weight, patients),
        largest_weight=float(weight.max()),
        sentence=f"{share:.1%} of the rows were lost or sent on before anybody could say. Weighted for them, "
        f"{rate:.1%} instead of {float(y.mean()):.1%} have the outcome, if leaving says nothing of it.",
    )


def still_followed(time: Numbers, left: NDArray[np.bool_]) -> Numbers:
    """For each row the chance of still being followed just before its time (Kaplan and Meier, leaving as the event)."""
    moments, place = np.unique(time, return_inverse=True)
    leaving = np.bincount(place, weights=left, minlength=len(moments))
    there = len(time) - np.concatenate(([0], np.cumsum(np.bincount(place, minlength=len(moments)))[:-1]))
    after = np.cumprod(1 - leaving / there)
    # An event at the moment at which others leave comes before it.
    before: Numbers = np.concatenate(([1.0], after[:-1]))[place]
    return before


def _ratio(y: Numbers, risk: Numbers, weight: Numbers, patients: Ints) -> Estimate | None:
    """Weighted events over weighted risks, with an interval in logarithms over patients; None without an event."""
    observed, expected = float(weight @ y), float(weight @ risk)
    if observed == 0:
        return None
    ratio = observed / expected
    own = np.unique(patients, return_inverse=True)[1]
    by_patient = np.bincount(own, weights=weight * (y - ratio * risk))
    spread = math.sqrt(float((by_patient**2).sum()) * len(by_patient) / max(len(by_patient) - 1, 1)) / observed
    z = float(norm.ppf(0.975))
    return Estimate(value=ratio, ci=(ratio * math.exp(-z * spread), ratio * math.exp(z * spread)))
