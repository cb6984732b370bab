"""Tested where it was not fitted: in later time, and at each site that it had not seen. The chosen kind is fitted anew.

No patient is on both sides of a fit. In later time every row is tested, by the fit on earlier rows that left the patient's
fold out: to drop who comes back, from either side, would choose patients by what happened to them. Of a site every row is
tested, too; who was both there and elsewhere is few, and is not fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Validation
from services.guidance.models.explanation import Numbers
from services.guidance.prediction_definition import LaterTime, Tuning
from services.learner.evidence.calibration import assess_calibration
from services.learner.evidence.intervals import auroc_interval, observed_expected
from services.learner.feature_matrix import CohortRows
from services.learner.models.fitting import fit_model
from services.learner.models.recipes import ModelKind
from services.learner.models.training_rows import FEWEST_PATIENTS, TrainingRows
from services.learner.models.tuning import NO_SEARCH
from services.learner.workers import worker_pool
from services.timeline.instants import DAY, HOUR, NAT, instant_text

Mask = NDArray[np.bool_]

MOST_SITES: Final = 20
"""The largest are left out one by one, each at the price of a fit; the smaller ones are one line of the evidence."""
FEWEST_TESTED: Final = 10
"""Patients with the outcome, and without: of fewer no figure is told."""
_SEED: Final = 7_000
"""Far from the seeds of the folds."""

Progress = Callable[[int, int], None]
"""Done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows to fit on and rows to test on, and how the evidence names the test."""

    scheme: Literal["temporal", "site"]
    name: str
    fitted: Mask
    tested: Mask
    unjudged: str = ""
    """Why it need not be tried."""
    fold: NDArray[np.int64] | None = None
    """Each row's fold of whole patients, if the two sides share patients; None: they do not."""

    def sides(self) -> list[tuple[Mask, Mask]]:
        """For each fit the rows that it is fitted on, and those that it is tested on."""
        if self.fold is None:
            return [(self.fitted, self.tested)]
        each = [(self.fitted & (self.fold != one), self.tested & (self.fold == one)) for one in np.unique(self.fold)]
        return [(fitted, tested) for fitted, tested in each if tested.any()]


def validate(
    rows: TrainingRows,
    cohort: CohortRows,
    *,
    kind: ModelKind,
    later: LaterTime,
    horizon_hours: float | None,
    fold: NDArray[np.int64],
    seed: int,
    workers: int = 1,
    tuning: Tuning = NO_SEARCH,
    progress: Progress = lambda *_: None,
) -> tuple[Validation, ...]:
    """Later time first, then the sites by name; `rows`, `cohort` and `fold` are of the same rows, with a known outcome; each fit is tuned anew."""
    parts = [later_time(cohort, later, fold, horizon_hours=horizon_hours), *unseen_sites(cohort)]
    why = [part.unjudged or _too_few(rows, part) for part in parts]
    tasks = [
        _Task(
            kind=kind, rows=rows, fitted=fitted, tested=tested, seed=seed + _SEED + 1000 * number + one, tuning=tuning
        )
        for number, part in enumerate(parts)
        if not why[number]
        for one, (fitted, tested) in enumerate(part.sides())
    ]
    risk = [np.full(len(rows.y), np.nan) for _ in parts]
    owner = [number for number, part in enumerate(parts) if not why[number] for _ in part.sides()]
    with worker_pool(workers) as pool:
        found = zip(owner, tasks, pool.map_in_order(_risk_elsewhere, tasks), strict=True)
        for done, (number, task, given) in enumerate(found, start=1):
            risk[number][task.tested] = given
            progress(done, len(tasks))
    return tuple(
        _counted(rows, part, unjudged=said) if said else _judged(rows, part, given[part.tested])
        for part, said, given in zip(parts, why, risk, strict=True)
    )


def later_time(cohort: CohortRows, later: LaterTime, fold: NDArray[np.int64], *, horizon_hours: float | None) -> Part:
    """The latest share of the rows against those whose outcome was sure before the first of them.

    The gap between them is so at least the horizon; without one, what settled the row had come before. An event that comes
    early is no reason to take a row in: the rows would be the sicker ones. A day is not parted.
    """
    nobody = np.zeros(len(cohort), dtype=np.bool_)
    if later.impossible is not None:
        return Part(scheme="temporal", name="", fitted=nobody, tested=nobody, unjudged=later.impossible)
    begins = int(np.quantile(cohort.at, 1 - later.share, method="lower")) // DAY * DAY
    # Of a readmission the horizon is counted from the discharge, which may come after the index.
    sure = np.maximum(cohort.until, cohort.at + round((horizon_hours or 0) * HOUR))
    return Part(
        scheme="temporal",
        name=f"{_day(begins)} to {_day(int(cohort.at.max()))}",
        fitted=(cohort.until != NAT) & (sure < begins),
        tested=cohort.at >= begins,
        fold=fold,
    )


def unseen_sites(cohort: CohortRows) -> Iterator[Part]:
    """Each of the largest sites, against the others; rows of which no site is said are on neither side."""
    sites = cohort.sites
    said = sites.of >= 0
    count = np.bincount(sites.of[said], minlength=len(sites.names))
    present = np.flatnonzero(count)
    everywhere = np.zeros(len(cohort), dtype=np.bool_)
    if len(present) < 2:
        why = "All rows are of one site." if len(present) else "The Encounters name no site (serviceProvider)."
        yield Part(scheme="site", name="", fitted=everywhere, tested=everywhere, unjudged=why)
        return
    # Of sites with as many rows the first by name.
    largest = present[np.argsort(-count[present], kind="stable")][:MOST_SITES]
    for site in np.sort(largest).tolist():
        tested = sites.of == site
        fitted = said & ~tested & ~np.isin(cohort.patients, cohort.patients[tested])
        yield Part(scheme="site", name=sites.names[site], fitted=fitted, tested=tested)
    if len(rest := np.setdiff1d(present, largest)):
        why = f"Only the {MOST_SITES} largest sites are left out one by one."
        tested = np.isin(sites.of, rest)
        yield Part(scheme="site", name=f"{len(rest)} smaller sites", fitted=everywhere, tested=tested, unjudged=why)


def _day(moment: int) -> str:
    return instant_text(moment)[:10]


def _too_few(rows: TrainingRows, part: Part) -> str:
    """The sentence that says which side lacks which patients; empty if both have enough."""
    sides = [("tested on", part.tested, FEWEST_TESTED)]
    sides += [("fitted on", fitted, FEWEST_PATIENTS) for fitted, _ in part.sides()]
    for side, chosen, fewest in sides:
        y, patients = rows.y[chosen], rows.patients[chosen]
        happened, others = (len(np.unique(patients[y == label])) for label in (1, 0))
        if min(happened, others) < fewest:
            return (
                f"The rows {side} are of {happened:,} patients with the outcome and {others:,} without; "
                f"at least {fewest} of each are needed."
            )
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    kind: ModelKind
    rows: TrainingRows
    fitted: Mask
    tested: Mask
    seed: int
    tuning: Tuning


def _risk_elsewhere(task: _Task) -> Numbers:
    """Fitted on the one side, the risks of the other. Runs in worker processes."""
    fitted = fit_model(task.kind, task.rows.where(task.fitted), seed=task.seed, tuning=task.tuning)
    return fitted.model.risk(task.rows.X[task.tested])


def _judged(rows: TrainingRows, part: Part, risk: Numbers) -> Validation:
    y, patients = rows.y[part.tested], rows.patients[part.tested]
    if np.ptp(risk) == 0:
        return _counted(rows, part, unjudged="Fitted on the other rows, it gives everyone here the same risk.")
    calibration = assess_calibration(y, risk, patients)
    return msgspec.structs.replace(
        _counted(rows, part),
        auroc=auroc_interval(y, risk, patients),
        observed_expected=observed_expected(y, risk, patients),
        calibration_intercept=calibration.intercept,
        calibration_slope=calibration.slope,
    )


def _counted(rows: TrainingRows, part: Part, *, unjudged: str = "") -> Validation:
    return Validation(
        scheme=part.scheme,
        name=part.name,
        fitted_rows=int(part.fitted.sum()),
        rows=int(part.tested.sum()),
        events=int(rows.y[part.tested].sum()),
        patients=len(np.unique(rows.patients[part.tested])),
        unjudged=unjudged,
    )
