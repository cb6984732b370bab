"""How far each patient's risk would move with other patients to learn from (Riley and Collins 2023): refits on bootstrap samples.

The whole recipe is repeated, its tuning too, on patients drawn again; what is compared is the risk of the original rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.tools.tools import add_constant

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.guidance.prediction_definition import Tuning
from services.learner.evidence.calibration import FEWEST_FOR_A_CURVE
from services.learner.evidence.metrics import Labels, logit
from services.learner.models.fitting import fit_model
from services.learner.models.recipes import ModelKind
from services.learner.models.training_rows import TrainingRows
from services.learner.models.tuning import NO_SEARCH
from services.learner.workers import worker_pool

_MOST_ROWS: Final = 5000
_BANDS: Final = 20
_CURVE_POINTS: Final = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class InstabilityBand:
    """Rows whose stated risk is alike: where 95 of 100 refitted models put them."""

    stated: float
    low: float
    high: float
    mean_difference: float
    """Mean absolute difference from the stated risk."""
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instability:
    """Of the kind that was chosen."""

    kind: str
    samples: int
    """Bootstrap samples that it was refitted on: the declared budget."""
    rows: int
    """Rows of which the risks are compared; a seeded part of them where there are many."""
    mean_difference: float
    """Mean over rows and samples of |refitted risk - stated risk| (MAPE, a share)."""
    half_of_rows: float
    nine_in_ten: float
    """Quantiles over the rows of each row's mean difference."""
    changes_side: float
    """Mean share of rows that another sample would put on the other side of the threshold."""
    bands: tuple[InstabilityBand, ...]
    slope: Estimate
    """Calibration slopes of the refitted models on the original rows: median, and where 95 of 100 lie."""
    observed_expected: Estimate
    curves: tuple[tuple[float, ...], ...]
    """What happens at each of `stated`, one line for each refitted model (calibration instability)."""
    stated: tuple[float, ...]


def find_instability(
    rows: TrainingRows,
    stated: Numbers,
    *,
    kind: ModelKind,
    samples: int,
    threshold: float,
    seed: int,
    workers: int = 1,
    tuning: Tuning = NO_SEARCH,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Instability:
    """Fit the kind again on so many bootstrap samples of patients; `stated` is the risk by the model fitted on all rows."""
    compared = np.sort(np.random.default_rng(seed).permutation(len(rows.y))[:_MOST_ROWS])
    tasks = [
        _Task(kind=kind, rows=rows, compared=compared, seed=seed + 7919 * (place + 1), tuning=tuning)
        for place in range(samples)
    ]
    risks = np.empty((samples, len(compared)))
    with worker_pool(min(workers, samples)) as pool:
        for place, risk in enumerate(pool.map_in_order(_refit, tasks)):
            risks[place] = risk
            progress(place + 1, samples)
    y, said = rows.y[compared], stated[compared]
    by_row = np.abs(risks - said).mean(axis=0)
    half, nine = np.quantile(by_row, [0.5, 0.9])
    lowest, highest = np.quantile(said, [0.01, 0.99])
    at = np.linspace(float(lowest), float(highest), _CURVE_POINTS)
    drawn = min(int(y.sum()), int((1 - y).sum())) >= FEWEST_FOR_A_CURVE
    return Instability(
        kind=kind,
        samples=samples,
        rows=len(compared),
        mean_difference=float(by_row.mean()),
        half_of_rows=float(half),
        nine_in_ten=float(nine),
        changes_side=float(((risks >= threshold) != (said >= threshold)).mean()),
        bands=_bands(risks, said, by_row),
        slope=_middle(np.array([_slope(y, risk) for risk in risks])),
        observed_expected=_middle(y.sum() / risks.sum(axis=1)),
        curves=tuple(_curve(y, risk, at) for risk in risks) if drawn else (),
        stated=tuple(at.tolist()) if drawn else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    kind: ModelKind
    rows: TrainingRows
    compared: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    seed: int
    tuning: Tuning


def _refit(task: _Task) -> Numbers:
    """Whole patients drawn with replacement; a patient drawn twice stays one patient, so no fold holds part of them."""
    rows, rng = task.rows, np.random.default_rng(task.seed)
    names, own = np.unique(rows.patients, return_inverse=True)
    often = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[own]
    places = np.repeat(np.arange(len(rows.y)), often)
    sample = replace(rows, X=rows.X[places], y=rows.y[places], patients=rows.patients[places])
    return fit_model(task.kind, sample, seed=task.seed, tuning=task.tuning).model.risk(rows.X[task.compared])


def _bands(risks: Numbers, said: Numbers, by_row: Numbers) -> tuple[InstabilityBand, ...]:
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), _BANDS) if len(part)]
    found = []
    for part in parts:
        middle = float(said[part].mean())
        low, high = np.quantile(risks[:, part] - said[part], [0.025, 0.975])
        found.append(
            InstabilityBand(
                stated=middle,
                low=max(middle + float(low), 0.0),
                high=min(middle + float(high), 1.0),
                mean_difference=float(by_row[part].mean()),
                rows=len(part),
            )
        )
    return tuple(found)


def _slope(y: Labels, risk: Numbers) -> float:
    if np.ptp(risk) == 0:
        return 0.0
    return float(GLM(y, add_constant(logit(risk)), family=Binomial()).fit().params[1])


def _curve(y: Labels, risk: Numbers, at: Numbers) -> tuple[float, ...]:
    smooth = lowess(y.astype(np.float64), risk, it=0, delta=0.01 * float(np.ptp(risk)), return_sorted=True)
    return tuple(np.clip(np.interp(at, smooth[:, 0], smooth[:, 1]), 0.0, 1.0).tolist())


def _middle(values: Numbers) -> Estimate:
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
    return Estimate(value=float(middle), ci=(float(low), float(high)))
