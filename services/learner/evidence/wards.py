"""Alerts for one ward in one day: what the work feels like where it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Estimate
from services.learner.evidence.intervals import Patients, share_of
from services.learner.feature_matrix import CohortRows
from services.learner.setting import WARD
from services.timeline.instants import DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class PerWardDay:
    """Over all wards that had a moment of prediction, and all days from the first to the last."""

    wards: int
    days: int
    mean: Estimate
    busiest: float
    """The mean of the ward that has the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wards:
    """In which ward each row was; rows of no known ward are left out."""

    of_row: NDArray[np.int32]
    patients: Patients
    wards: int
    days: int

    @classmethod
    def of_rows(cls, rows: CohortRows) -> Self | None:
        """None: of fewer than half of the rows a ward is known."""
        told = rows.setting.told.get(WARD)
        if told is None or (told.of >= 0).mean() < 0.5:
            return None
        return cls(
            of_row=told.of,
            patients=rows.patients,
            wards=len(np.unique(told.of[told.of >= 0])),
            days=int(rows.at.max() // DAY - rows.at.min() // DAY) + 1,
        )

    def of(self, alerts: NDArray[np.bool_]) -> PerWardDay:
        """How many of these alerts a ward has in a day."""
        placed = self.of_row >= 0
        scale = float(placed.sum()) / (self.wards * self.days)
        share = share_of(alerts[placed], self.patients[placed])
        by_ward = np.bincount(self.of_row[alerts & placed], minlength=1)
        return PerWardDay(
            wards=self.wards,
            days=self.days,
            mean=Estimate(value=share.value * scale, ci=(share.ci[0] * scale, share.ci[1] * scale)),
            busiest=float(by_ward.max() / self.days),
        )
