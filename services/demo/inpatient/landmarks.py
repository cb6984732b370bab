"""The true risks while a patient is still in the stay: death before discharge, and death or intensive care within a day.

Fate was drawn at admission, so the risk at a landmark is Bayes' rule: the log-odds at admission, and how much likelier
the course so far is in a stay that ends in death. The course so far is: age, frailty, severity, that the patient is still
in, and whether and since when it has been getting worse. Stays of every length that is still possible are weighed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.demo.admissions import LENGTH, PLANNED
from services.demo.facts import DAY, HOUR, PatientRecord, Stay
from services.demo.inpatient.course import (
    ANNOUNCED,
    FIRST,
    INTENSIVE,
    INTENSIVE_HOURS,
    LAST,
    LONGEST_DECLINE,
    SETBACK_HOURS,
    SHORTEST_DECLINE,
    TURNS_BY,
    setback_chance,
    worsening_since,
)
from services.demo.truth import death_in_stay

EVERY: Final = DAY  # landmarks: one day after admission, two, ... until the stay ends
AHEAD: Final = 24.0  # hours of the second risk
NODES: Final = 32  # lengths of stay that are weighed
# Hours from the landmark at which a decline may yet begin, and before it at which a setback may have, each for six.
WITHIN_DAY: Final = np.array([[3.0], [9.0], [15.0], [21.0]])
BACK: Final = np.arange(3.0, 60.0, 6.0)[:, np.newaxis]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkRisk:
    """What was true at one landmark; `intensive_or_death` is None for who is in intensive care then."""

    encounter: str
    at: int
    death_in_stay: float
    intensive_or_death: float | None


def landmark_risks(record: PatientRecord, stay: Stay) -> list[LandmarkRisk]:
    """The true risks at every landmark of an inpatient stay."""
    course, person = record.courses[stay.id], record.person
    prior = 0.0
    if course.reason not in PLANNED:
        prior = death_in_stay(
            age=person.age(stay.start),
            frailty=person.frailty,
            severity=course.severity,
            metastasis=person.has("metastasis", stay.start),
        )
    median, spread = LENGTH[course.reason]
    shift = 0.0 if course.reason in PLANNED else 0.22 * course.severity + 0.08 * person.frailty
    times = np.arange(stay.start + EVERY, stay.end, EVERY)
    if not times.size:
        return []
    hours = ((times - stay.start) / HOUR)[:, np.newaxis, np.newaxis]
    lengths = _lengths(hours, math.log(24.0 * median) + shift, spread)
    c = setback_chance(course.severity)
    dying, either = _while_calm(prior, c, hours, lengths)
    found = []
    for number, at in enumerate(times.tolist()):
        risks = float(dying[number]), float(either[number])
        since = worsening_since(course.declines, at)
        if since is not None:
            risks = _while_worsening(prior, c, (at - stay.start) / HOUR, (at - since) / HOUR, lengths[number, 0])
        in_intensive_care = course.intensive_from <= at < course.intensive_until
        found.append(
            LandmarkRisk(
                encounter=stay.id,
                at=at,
                death_in_stay=risks[0],
                intensive_or_death=None if in_intensive_care else risks[1],
            )
        )
    return found


def _last_decline(lengths: Array) -> tuple[Array, Array]:
    """Between which hours the last decline of fatal stays of these lengths begins."""
    low = np.maximum(FIRST * lengths, lengths - LONGEST_DECLINE)
    return low, lengths - np.minimum(SHORTEST_DECLINE, 0.2 * lengths)


def _while_calm(prior: float, c: float, t: Array, lengths: Array) -> tuple[Array, Array]:
    """(death before discharge, death or intensive care within AHEAD) at hours `t` of who is not getting worse.

    Shapes: `t` (landmarks, 1, 1), `lengths` (landmarks, 1, NODES); the middle axis is the hours of WITHIN_DAY or BACK.
    """
    low, high = _last_decline(lengths)
    calm = 1.0 - c * 6.0 * _setback(lengths, t - BACK, BACK, BACK_LASTS).sum(axis=1)  # no setback is on
    still = 1.0 - ANNOUNCED * np.clip((t - low) / (high - low), 0.0, 1.0)[:, 0]  # nor has a last decline begun
    soon_set_back = (
        6.0 * INTENSIVE * c * (MOVED_BEFORE_TURNING * _even(t + WITHIN_DAY, FIRST * lengths, LAST * lengths))
    )
    declining = 6.0 * INTENSIVE * ANNOUNCED * (MOVED * _even(t + WITHIN_DAY, low, high)).sum(axis=1)
    if_living = soon_set_back.sum(axis=1)
    if_dying = np.minimum(declining / still + if_living, 1.0)
    if_dying = np.where((lengths <= t + AHEAD)[:, 0], 1.0, if_dying)
    fatal, other = prior * (still * calm).mean(axis=1), (1.0 - prior) * calm.mean(axis=1)
    either = prior * (still * calm * if_dying).mean(axis=1) + (1.0 - prior) * (calm * if_living).mean(axis=1)
    return fatal / (fatal + other), either / (fatal + other)


def _while_worsening(prior: float, c: float, t: float, h: float, lengths: Array) -> tuple[float, float]:
    """The same at hour `t` of who has been getting worse for `h` hours; `lengths` has the shape (NODES,)."""
    low, high = _last_decline(lengths)
    lasts = 1.0 - _log_normal(h, *SETBACK_HOURS)
    onset, hours = np.array(t - h), np.array(h)
    setback = c * _setback(lengths, onset, hours, np.array(lasts))
    still = 1.0 - ANNOUNCED * np.clip((t - low) / (high - low), 0.0, 1.0)
    dying = ANNOUNCED * _even(onset, low, high) + setback * still
    moved = INTENSIVE * _moved_within(h)
    soon = (INTENSIVE * _moved_within(h + AHEAD) - moved) / (1.0 - moved)
    turning = INTENSIVE * (_moved_before_turning(h + AHEAD) - _moved_before_turning(h))
    soon_living = turning / max(lasts, 1e-9) / (1.0 - moved)
    fatal, other = prior * float(dying.mean()), (1.0 - prior) * float(setback.mean())
    if fatal + other <= 0.0:
        return prior, 0.0
    in_time = np.where(lengths <= t + AHEAD, 1.0, soon)
    return fatal / (fatal + other), (prior * float((dying * in_time).mean()) + other * soon_living) / (fatal + other)


def _even(at: Array, low: Array, high: Array) -> Array:
    """The density at `at` of what is even between `low` and `high`."""
    return ((low <= at) & (at <= high)) / (high - low)


def _setback(lengths: Array, onset: Array, hours: Array, lasts: Array) -> Array:
    """The density of a setback that began at `onset` and still gets worse `hours` later, which `lasts` of them do."""
    return _even(onset, FIRST * lengths, LAST * lengths) * (hours < TURNS_BY * (lengths - onset)) * lasts


def _moved_within(hours: float) -> float:
    """How many of those that move to intensive care have done so by then."""
    return _log_normal(hours, *INTENSIVE_HOURS)


@lru_cache(maxsize=4096)
def _log_normal(x: float, median: float, spread: float) -> float:
    """The cumulative log-normal distribution."""
    return 0.5 * (1.0 + math.erf(math.log(x / median) / spread / math.sqrt(2.0))) if x > 0.0 else 0.0


BACK_LASTS: Final = np.array([[1.0 - _log_normal(float(h), *SETBACK_HOURS)] for h in BACK[:, 0]])
MOVED: Final = np.array([[_moved_within(AHEAD - float(h))] for h in WITHIN_DAY[:, 0]])
_HOURS: Final = np.linspace(0.0, 96.0, 961)
_MOVED_IN_TIME: Final = np.cumsum(
    [
        (_moved_within(float(h)) - _moved_within(float(h) - 0.1)) * (1.0 - _log_normal(float(h), *SETBACK_HOURS))
        for h in _HOURS
    ]
)


def _moved_before_turning(hours: float) -> float:
    """How many setbacks, of those that move to intensive care, have done so by then and before they turned."""
    return float(np.interp(hours, _HOURS, _MOVED_IN_TIME))


MOVED_BEFORE_TURNING: Final = np.array([[_moved_before_turning(AHEAD - float(h))] for h in WITHIN_DAY[:, 0]])
_QUANTILES: Final = (np.arange(NODES) + 0.5) / NODES
_GRID: Final = np.linspace(1e-6, 1.0 - 1e-6, 4001)
_INVERSE: Final = np.array([NormalDist().inv_cdf(float(u)) for u in _GRID])


def _lengths(longer_than: Array, log_median: float, spread: float) -> Array:
    """Lengths of stay (hours) beyond each of `longer_than`, each as likely as the others; the last axis is NODES."""
    passed = np.interp((np.log(longer_than) - log_median) / spread, _INVERSE, _GRID)
    normal = np.interp(passed + (1.0 - passed) * _QUANTILES, _GRID, _INVERSE)
    hours: Array = np.clip(np.exp(log_median + spread * normal), np.maximum(longer_than, 9.6), 1440.0)
    return hours
