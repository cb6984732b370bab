"""What is different from what runs now (F8): who is flagged by both, by one, by neither, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.bootstrap import percentile_interval
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.intervals import Patients, share_of
from services.learner.evidence.metrics import Labels
from services.learner.evidence.rivals import Rival, RivalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One of the four."""

    rows: int
    events: int
    share: Estimate | None
    """With the event; None: nobody is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldAndNew:
    """The model beside what is there, at the same threshold, on the same rows."""

    kind: RivalKind
    old: str
    """What is there, in words."""
    threshold: float
    both: Cell
    only_old: Cell
    """Who would newly lose an alert."""
    only_new: Cell
    neither: Cell
    caught: Estimate
    """New minus old, paired: of the events, the share that is caught more."""
    false_alarms: Estimate
    """Of the non-events, the share that is flagged more."""
    alerts: Estimate
    """Of all rows, the share that is flagged more."""


def old_and_new(
    y: Labels, risk: Numbers, patients: Patients, rival: Rival, *, threshold: float, draws: PatientDraws
) -> OldAndNew:
    """Both at one threshold of risk; a score in points is first brought to risks."""
    new, old = risk >= threshold, rival.risk >= threshold
    return OldAndNew(
        kind=rival.kind,
        old=rival.name,
        threshold=threshold,
        both=_cell(y, patients, new & old),
        only_old=_cell(y, patients, old & ~new),
        only_new=_cell(y, patients, new & ~old),
        neither=_cell(y, patients, ~new & ~old),
        caught=_difference(new, old, y == 1, draws),
        false_alarms=_difference(new, old, y == 0, draws),
        alerts=_difference(new, old, np.ones(len(y), dtype=np.bool_), draws),
    )


def _cell(y: Labels, patients: Patients, chosen: NDArray[np.bool_]) -> Cell:
    return Cell(
        rows=int(chosen.sum()),
        events=int(y[chosen].sum()),
        share=share_of(y[chosen] == 1, patients[chosen]) if chosen.any() else None,
    )


def _difference(
    new: NDArray[np.bool_], old: NDArray[np.bool_], among: NDArray[np.bool_], draws: PatientDraws
) -> Estimate:
    """Of these rows, the share flagged by the new one less that flagged by the old, on the same draws."""
    change = np.where(among, new.astype(np.float64) - old, 0.0)
    sums = draws.sums(np.column_stack((change, among.astype(np.float64))))
    with np.errstate(invalid="ignore"):
        return percentile_interval(float(change.sum() / among.sum()), sums[:, 0] / sums[:, 1])
