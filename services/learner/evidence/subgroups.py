"""For whom it is worse, or unknown: one line for every group, none left out, against limits fixed before the data.

The whole interval inside a limit meets it, wholly outside does not, across it cannot tell. Intervals are widened for
the number of groups looked at. A group too small to judge is listed and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Estimate
from services.guidance.evidence_limits import EvidenceLimits
from services.guidance.lifecycle import Verdict
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients, auroc_interval, observed_expected, share_of
from services.learner.evidence.metrics import Labels, auroc

Words = NDArray[np.str_]
_JUDGED: Final = 4  # numbers of each group
HIDDEN_BELOW: Final = 10
"""Patients: of fewer no number is told, as it might be told of whom."""
ABOUT_THE_PERSON: Final = ("sex", "age", "race", "ethnicity")
"""Attributes that are looked at two by two as well."""
UNKNOWN = "unknown"
"""The group of those whose attribute is not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A number, its interval, and whether it keeps its limit; no number where it cannot be reckoned."""

    estimate: Estimate | None
    limit: tuple[float | None, float | None]
    verdict: Verdict
    by_its_risks: float | None = None
    """Of an error rate: what it would be at this threshold if each risk of the group were right. A group that is less ill is
    flagged less often even then; a rate beyond it is the model's own."""


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
    """Two attributes together (`sex and age`: `male, 80 and over`) of at least ten patients, with intervals of their own level."""
    not_looked_at: tuple[NotLookedAt, ...] = ()


def subgroup_table(
    y: Labels,
    risk: Numbers,
    patients: Patients,
    attributes: Mapping[str, Sequence[str | None]],
    *,
    threshold: float,
    limits: EvidenceLimits | None = None,
    not_looked_at: Sequence[NotLookedAt] = (),
    carded: NDArray[np.bool_] | None = None,
) -> SubgroupTable:
    """Every value of every attribute (one text for each row; None is `unknown`).

    `carded`: who was flagged, where that is known from what was decided and not only from the threshold.
    """
    kept = limits or EvidenceLimits()
    values = {name: np.array([value or UNKNOWN for value in column]) for name, column in attributes.items()}
    flagged = risk >= threshold if carded is None else carded
    bounds = _Bounds(
        auroc=auroc(y, risk) - kept.auroc_below,
        sensitivity=float(flagged[y == 1].mean()) - kept.missed_above,
        false_alarms=float(flagged[y == 0].mean()) + kept.false_alarms_above,
    )

    def lines(columns: Mapping[str, Words], fewest: int) -> tuple[tuple[Subgroup, ...], float]:
        groups = [
            (name, str(value), column == value)
            for name, column in columns.items()
            for value in np.unique(column)
            if not fewest or len(np.unique(patients[column == value])) >= fewest
        ]
        level = 1 - 0.05 / max(len(groups), 1)
        rows = [(name, value, _Rows.of(y, risk, flagged, patients, chosen)) for name, value, chosen in groups]
        return tuple(_line(name, value, part, kept, bounds, level) for name, value, part in rows), level

    groups, level = lines(values, 0)
    # An intersection of fewer than ten patients is of nobody in particular, and is only counted.
    intersections, _ = lines(pairs_of(values), HIDDEN_BELOW)
    return SubgroupTable(
        groups=groups,
        threshold=float(threshold),
        level=level,
        comparisons=_JUDGED * (len(groups) + len(intersections)),
        intersections=intersections,
        not_looked_at=tuple(not_looked_at),
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


def _line(attribute: str, value: str, rows: _Rows, limits: EvidenceLimits, bounds: _Bounds, level: float) -> Subgroup:
    happened = rows.y == 1
    with_event = len(np.unique(rows.patients[happened]))
    without = len(np.unique(rows.patients[~happened]))
    people = len(np.unique(rows.patients))
    if people < HIDDEN_BELOW:
        return _hidden(attribute, value, len(rows.y), people, limits, bounds)
    small = min(with_event, without) < limits.fewest
    both = 0 < int(rows.y.sum()) < len(rows.y)
    return Subgroup(
        attribute=attribute,
        value=value,
        rows=len(rows.y),
        patients=people,
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
            by_its_risks=_flagged_part(rows.risk, rows.flagged),
        ),
        false_alarm_rate=_judge(
            share_of(rows.flagged[~happened], rows.patients[~happened], level=level) if not happened.all() else None,
            (None, bounds.false_alarms),
            small,
            by_its_risks=_flagged_part(1 - rows.risk, rows.flagged),
        ),
        alert_rate=share_of(rows.flagged, rows.patients, level=level),
    )


def _hidden(attribute: str, value: str, rows: int, people: int, limits: EvidenceLimits, bounds: _Bounds) -> Subgroup:
    """So few that no number is told of them."""
    return Subgroup(
        attribute=attribute,
        value=value,
        rows=rows,
        patients=people,
        events=None,
        small=True,
        auroc=_judge(None, (bounds.auroc, None), True),
        observed_expected=_judge(None, limits.observed_expected, True),
        sensitivity=_judge(None, (bounds.sensitivity, None), True),
        false_alarm_rate=_judge(None, (None, bounds.false_alarms), True),
        alert_rate=None,
    )


def pairs_of(values: Mapping[str, Words]) -> dict[str, Words]:
    """Two attributes together, of those about the person: `sex and age`, with values like `female, 80 and over`."""
    about = [name for name in ABOUT_THE_PERSON if name in values and len(np.unique(values[name])) > 1]
    return {
        f"{one} and {other}": np.array(
            [f"{first}, {second}" for first, second in zip(values[one], values[other], strict=True)]
        )
        for one, other in combinations(about, 2)
    }


def _flagged_part(weight: Numbers, flagged: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float | None:
    """Of those with the event (weighed by the risk) or without it (by the rest) the part that is flagged."""
    whole = float(weight.sum())
    return float(weight[flagged].sum()) / whole if whole > 0 else None


def _judge(
    estimate: Estimate | None,
    limit: tuple[float | None, float | None],
    small: bool,
    *,
    by_its_risks: float | None = None,
) -> Judged:
    verdict: Verdict = "cannot tell"
    if estimate is not None and not small:
        low, high = (-np.inf if limit[0] is None else limit[0]), (np.inf if limit[1] is None else limit[1])
        if low <= estimate.ci[0] and estimate.ci[1] <= high:
            verdict = "meets"
        elif estimate.ci[1] < low or high < estimate.ci[0]:
            verdict = "does not meet"
    return Judged(estimate=estimate, limit=limit, verdict=verdict, by_its_risks=by_its_risks)
