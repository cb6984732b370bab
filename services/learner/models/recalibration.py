"""The line in log-odds from what a model says to what happens, fitted on rows that the model was not fitted on."""

from __future__ import annotations

import warnings

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from services.guidance.models.explanation import CalibrationMap, Numbers


def fit_calibration(log_odds: Numbers, y: NDArray[np.int8]) -> CalibrationMap:
    """Platt's line: slope at least 0, and finite even if the model separates the classes.

    A model that says nothing, or the contrary of what happens, gets slope 0: everyone is given the average risk.
    """
    events = int(y.sum())
    # Platt's targets: one event and one non-event are added in mind, so that a perfect separation stays finite.
    target = np.where(y == 1, (events + 1) / (events + 2), 1 / (len(y) - events + 2))
    average = float(np.log(target.mean() / (1 - target.mean())))
    if np.ptp(log_odds) == 0:
        return CalibrationMap(intercept=average, slope=0.0)
    centre, scale = float(log_odds.mean()), float(log_odds.std())
    design = sm.add_constant((log_odds - centre) / scale)
    with warnings.catch_warnings():
        # Platt's targets identify the line even then.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        intercept, slope = sm.GLM(target, design, family=sm.families.Binomial()).fit().params
    if slope <= 0:
        return CalibrationMap(intercept=average, slope=0.0)
    return CalibrationMap(intercept=float(intercept - slope * centre / scale), slope=float(slope / scale))
