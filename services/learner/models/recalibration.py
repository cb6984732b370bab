"""The line in log-odds from what a model says to what happens, fitted on rows that the model was not fitted on.

Of bags that are averaged, each row was kept from one only: what that one says of it varies more than the average will, and
a line fitted to it as it is leaves risks too close together (true risks in the demo hospital: slope 1.01 to 1.05).
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning
from statsmodels.tools.tools import add_constant

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
    design = add_constant((log_odds - centre) / scale)
    with warnings.catch_warnings():
        # Platt's targets identify the line even then.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        intercept, slope = GLM(target, design, family=Binomial()).fit().params
    if slope <= 0:
        return CalibrationMap(intercept=average, slope=0.0)
    return CalibrationMap(intercept=float(intercept - slope * centre / scale), slope=float(slope / scale))


def averaged_calibration(scores: Numbers, held_out_by: NDArray[np.int64], y: NDArray[np.int8]) -> CalibrationMap:
    """Platt's line for the average of bags. `scores`: bags x rows, log-odds; `held_out_by`: the bag that did not see the row.

    What chance puts into one bag makes its line flatter by the variance it adds, and the average has less of it. How much
    less, on rows that no bag saw, is known: what a bag says of a row that it did not see goes together with what another
    says of it as on new rows, though that one saw it, for what it kept of the row's own outcome is unknown to the first.
    """
    bags, count = scores.shape
    own = np.arange(count)
    alone = scores[held_out_by, own]
    line = fit_calibration(alone, y)
    if line.slope == 0 or bags == 1:
        return line
    others = (scores.sum(axis=0) - alone) / (bags - 1)
    together = np.cov(alone, others)
    variance, shared = float(together[0, 0]), float(together[0, 1])
    # Never flatter than for one bag, and at most as if the bags had nothing but chance in them.
    share = 1 / bags + (1 - 1 / bags) * min(max(shared / variance, 0.0), 1.0)
    slope = line.slope / share
    centre = float(alone.mean())
    # As far apart as the averages will be, so that the risks still add up to what happened.
    as_average = centre + (alone - centre) * np.sqrt(share)
    return CalibrationMap(intercept=_level(slope * as_average, y), slope=slope)


def _level(log_odds: Numbers, y: NDArray[np.int8]) -> float:
    """What is added to log-odds so that the risks add up to the events, with Platt's one of each added in mind."""
    wanted = (y.sum() + 1) / (len(y) + 2)
    low, high = -50.0 - float(log_odds.max()), 50.0 - float(log_odds.min())
    while high - low > 1e-9:
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-(log_odds + middle)))).mean() < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
