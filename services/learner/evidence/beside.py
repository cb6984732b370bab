"""What was learned beside the predictions of others, on the same rows: those for which every one of them is known.

Compared on rows of their own each would look as good as its patients were easy. Differences are of the same draws of patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from services.guidance.comparison import Compared, Predictor
from services.guidance.models.explanation import Numbers
from services.guidance.prediction_definition import Beside
from services.learner.evidence.bootstrap import Draws, draw, percentile_interval
from services.learner.evidence.calibration import assess_calibration
from services.learner.evidence.metrics import Labels, auroc, squared_errors
from services.learner.feature_matrix import CohortRows

RESAMPLES: Final = 1000
FEWEST: Final = 100
"""Rows with the outcome, and without, that all have; with fewer nothing is compared."""
# People say 0 and 100 %: no log-odds can be made of these, and one such row would be the whole slope.
NEARLY: Final = 1e-3


def compare(
    rows: CohortRows,
    learned: Mapping[str, Numbers],
    others: tuple[Beside, ...],
    *,
    chosen: str,
    seed: int,
    resamples: int = RESAMPLES,
) -> Compared:
    """`learned`: risks by kind of model, given to patients that it was not fitted on."""
    stated = {other.label: _risk(other, rows) for other in others}
    known = np.all([~np.isnan(risk) for risk in stated.values()], axis=0)
    y, patients = rows.y[known], rows.patients[known]
    here = Compared(rows=len(y), events=int(y.sum()), patients=len(np.unique(patients)))
    if min(int(y.sum()), int((1 - y).sum())) < FEWEST:
        told = f"Too few rows have all predictions to compare them: {FEWEST} of each outcome are needed."
        return replace(here, unjudged=told)
    caveats = {other.label: other.caveat for other in others}
    risks = {
        **{name: risk[known] for name, risk in learned.items()},
        **{name: risk[known] for name, risk in stated.items()},
    }
    draws = {name: draw(y, risk, patients, resamples=resamples, seed=seed) for name, risk in risks.items()}
    return replace(
        here,
        predictors=tuple(
            _line(
                name,
                y,
                risk,
                patients,
                draws,
                best=(chosen, risks[chosen]),
                ours=name in learned,
                caveat=caveats.get(name, ""),
            )
            for name, risk in risks.items()
        ),
    )


def _risk(other: Beside, rows: CohortRows) -> Numbers:
    """The risk that it states; what is no probability is not known."""
    told = rows.inputs((other.feature,))[:, 0]
    told = np.where((told >= 0) & (told <= 1), told, np.nan)
    return told if other.tells == "happens" else 1 - told


def _line(
    name: str,
    y: Labels,
    risk: Numbers,
    patients: NDArray[np.int64],
    draws: Mapping[str, Draws],
    *,
    best: tuple[str, Numbers],
    ours: bool,
    caveat: str,
) -> Predictor:
    chosen, its_risk = best
    found = auroc(y, risk)
    calibration = assess_calibration(y, np.clip(risk, NEARLY, 1 - NEARLY), patients)
    return Predictor(
        name=name,
        caveat=caveat,
        ours=ours,
        auroc=percentile_interval(found, draws[name].auroc),
        brier=percentile_interval(float(squared_errors(y, risk).mean()), draws[name].brier),
        calibration_intercept=calibration.intercept,
        calibration_slope=calibration.slope,
        auroc_more=percentile_interval(found - auroc(y, its_risk), draws[name].auroc - draws[chosen].auroc),
    )
