"""Everything that is said of one model, reckoned from risks that it gave to patients it had not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Estimate, ModelReport
from services.guidance.models.explanation import Numbers
from services.learner.evidence.bootstrap import draw, percentile_interval
from services.learner.evidence.calibration import CalibrationResult, assess_calibration
from services.learner.evidence.draws import RESAMPLES, PatientDraws
from services.learner.evidence.intervals import Patients, observed_expected
from services.learner.evidence.metrics import Labels, auprc, auroc, squared_errors, surprises


@dataclass(frozen=True, slots=True, kw_only=True)
class OverFolds:
    """Mean and standard deviation over the folds."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """One model, all folds together; 95 % intervals over patients."""

    rows: int
    events: int
    patients: int
    prevalence: float
    """What AUPRC would be by chance."""
    auroc: Estimate
    auroc_over_folds: OverFolds
    auprc: Estimate
    brier: Estimate
    brier_of_average: float
    """Brier score of giving everyone the average risk."""
    log_loss: Estimate
    observed_expected: Estimate
    calibration: CalibrationResult

    def report(self) -> ModelReport:
        """What the evidence pack keeps, and the gates read."""
        return ModelReport(
            auroc=self.auroc.value,
            auroc_ci=self.auroc.ci,
            auprc=self.auprc.value,
            auprc_ci=self.auprc.ci,
            brier=self.brier.value,
            brier_ci=self.brier.ci,
            calibration_intercept=self.calibration.intercept,
            calibration_slope=self.calibration.slope,
        )


def evaluate(
    y: Labels,
    risk: Numbers,
    patients: Patients,
    *,
    fold: NDArray[np.int64] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Performance:
    """Discrimination by bootstrap of whole patients, calibration by regression; `fold` for the spread over folds."""
    draws = draw(y, risk, patients, resamples=resamples, seed=seed)
    folds = np.zeros(len(y), dtype=np.int64) if fold is None else fold
    by_fold = [auroc(y[folds == one], risk[folds == one]) for one in np.unique(folds)]
    prevalence = float(y.mean())
    return Performance(
        rows=len(y),
        events=int(y.sum()),
        patients=len(np.unique(patients)),
        prevalence=prevalence,
        auroc=percentile_interval(auroc(y, risk), draws.auroc),
        auroc_over_folds=OverFolds(mean=float(np.mean(by_fold)), sd=float(np.std(by_fold))),
        auprc=percentile_interval(auprc(y, risk), draws.auprc),
        brier=percentile_interval(float(squared_errors(y, risk).mean()), draws.brier),
        brier_of_average=prevalence * (1 - prevalence),
        log_loss=percentile_interval(float(surprises(y, risk).mean()), draws.log_loss),
        observed_expected=observed_expected(y, risk, patients),
        calibration=assess_calibration(y, risk, patients, draws=PatientDraws(patients, resamples=resamples, seed=seed)),
    )
