"""For whom it is worse, or unknown: one line for every group, none left out, against limits fixed before the data.

The whole interval inside a limit meets it, wholly outside does not, across it cannot tell. Intervals are widened for
the number of groups looked at. A group too small to judge is listed and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.guidance.evidence import Estimate
from services.guidance.lifecycle import Verdict
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients, auroc_interval, observed_expected, share_of
from services.learner.evidence.metrics import Labels, auroc

UNKNOWN = "unknown"
"""The group of those whose attribute is not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a group may fall behind, fixed before the data."""

    observed_expected: tuple[float, float] = (0.8, 1.25)
    """Limits of observed / expected: 20 % either way."""
    auroc_below: float = 0.05
    """Below the AUROC of all rows."""
    sensitivity_below: float = 0.1
    """Below the share of events caught among all rows: 10 more missed of 100."""
    false_alarms_above: float = 0.1
    fewest: int = 10
    """Patients with the event, and without: with fewer nothing is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A number, its interval, and whether it keeps its limit; no number where it cannot be reckoned."""

    estimate: Estimate | None
    limit: tuple[float | None, float | None]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """One line of the table."""

    attribute: str
    value: str
    rows: int
    patients: int
    events: int | None
    """None: fewer than ten patients, of whom no count and no rate is told."""
    small: bool
    """Too few to judge: listed, flagged, never hidden."""
    auroc: Judged
    observed_expected: Judged
    sensitivity: Judged
    """Of those with the event, caught; missed is the rest."""
    false_alarm_rate: Judged
    alert_rate: Estimate | None
    """Reported, not judged: groups differ in how ill they are."""

    @property
    def verdict(self) -> Verdict:
        """Does not meet if one does not; meets if all do."""
        found = {one.verdict for one in (self.auroc, self.observed_expected, self.sensitivity, self.false_alarm_rate)}
        if "does not meet" in found:
            return "does not meet"
        return "meets" if found == {"meets"} else "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLookedAt:
    """An attribute, or two together, by which nobody could be told apart."""

    attribute: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupTable:
    """All groups of all attributes."""

    groups: tuple[Subgroup, ...]
    threshold: float
    level: float
    """Of each interval, so that all together hold at 95 % (Bonferroni)."""
    comparisons: int = 0
    """Groups and intersections times the numbers that are judged of each."""
    intersections: tuple[Subgroup, ...] = ()
    """Two attributes together (`sex and age`, `male, 80 and over`), where both parts are large enough; flagged if small."""
    not_looked_at: tuple[NotLookedAt, ...] = ()


def subgroup_table(
    y: Labels,
    risk: Numbers,
    patients: Patients,
    attributes: Mapping[str, Sequence[str | None]],
    *,
    threshold: float,
    limits: Limits | None = None,
) -> SubgroupTable:
    """Every value of every attribute (one text for each row; None is `unknown`)."""
    kept = limits or Limits()
    values = {name: np.array([value or UNKNOWN for value in column]) for name, column in attributes.items()}
    groups = [(name, str(value)) for name, column in values.items() for value in np.unique(column)]
    level = 1 - 0.05 / max(len(groups), 1)
    flagged = risk >= threshold
    bounds = _Bounds(
        auroc=auroc(y, risk) - kept.auroc_below,
        sensitivity=float(flagged[y == 1].mean()) - kept.sensitivity_below,
        false_alarms=float(flagged[y == 0].mean()) + kept.false_alarms_above,
    )
    return SubgroupTable(
        groups=tuple(
            _line(name, value, _Rows.of(y, risk, flagged, patients, values[name] == value), kept, bounds, level)
            for name, value in groups
        ),
        threshold=float(threshold),
        level=level,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    auroc: float
    sensitivity: float
    false_alarms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    y: Labels
    risk: Numbers
    flagged: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    patients: Patients

    @classmethod
    def of(
        cls,
        y: Labels,
        risk: Numbers,
        flagged: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
        patients: Patients,
        chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    ) -> _Rows:
        return cls(y=y[chosen], risk=risk[chosen], flagged=flagged[chosen], patients=patients[chosen])


def _line(attribute: str, value: str, rows: _Rows, limits: Limits, bounds: _Bounds, level: float) -> Subgroup:
    happened = rows.y == 1
    with_event = len(np.unique(rows.patients[happened]))
    without = len(np.unique(rows.patients[~happened]))
    small = min(with_event, without) < limits.fewest
    both = 0 < int(rows.y.sum()) < len(rows.y)
    return Subgroup(
        attribute=attribute,
        value=value,
        rows=len(rows.y),
        patients=len(np.unique(rows.patients)),
        events=int(rows.y.sum()),
        small=small,
        auroc=_judge(
            auroc_interval(rows.y, rows.risk, rows.patients, level=level) if both else None,
            (bounds.auroc, None),
            small,
        ),
        observed_expected=_judge(
            observed_expected(rows.y, rows.risk, rows.patients, level=level), limits.observed_expected, small
        ),
        sensitivity=_judge(
            share_of(rows.flagged[happened], rows.patients[happened], level=level) if happened.any() else None,
            (bounds.sensitivity, None),
            small,
        ),
        false_alarm_rate=_judge(
            share_of(rows.flagged[~happened], rows.patients[~happened], level=level) if not happened.all() else None,
            (None, bounds.false_alarms),
            small,
        ),
        alert_rate=share_of(rows.flagged, rows.patients, level=level),
    )


def _judge(estimate: Estimate | None, limit: tuple[float | None, float | None], small: bool) -> Judged:
    verdict: Verdict = "cannot tell"
    if estimate is not None and not small:
        low, high = (-np.inf if limit[0] is None else limit[0]), (np.inf if limit[1] is None else limit[1])
        if low <= estimate.ci[0] and estimate.ci[1] <= high:
            verdict = "meets"
        elif estimate.ci[1] < low or high < estimate.ci[0]:
            verdict = "does not meet"
    return Judged(estimate=estimate, limit=limit, verdict=verdict)
