"""Alarms for the outcome having leaked into the inputs: too good to be true is not true.

Three looks: the model as a whole, every input alone (its value and whether it is there), and labels shuffled.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.guidance.evidence import Estimate, Leaks
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients, auroc_interval
from services.learner.evidence.metrics import Labels, auroc
from services.learner.models.fitting import fit_candidates
from services.learner.models.training_rows import TrainingRows

SINGLE_INPUT_ALARM = 0.95
"""AUROC that no single honest input reaches."""
# Known values of fewer events or non-events rank by luck.
_FEWEST_KNOWN = 20
# The canary is a small fit: enough rows to see a leak of the split, few enough to cost seconds.
_CANARY_ROWS = 4000
_CANARY_FOLDS = 3


def find_leaks(rows: TrainingRows, *, aurocs: Mapping[str, float], auroc_alarm: float, seed: int) -> Leaks:
    """Ring every alarm that must ring; `found` has one sentence for each."""
    alone = single_input_aurocs(rows)
    strongest = max(alone, key=lambda name: alone[name])
    shuffled = shuffled_auroc(rows, seed=seed)
    found = [
        f"The {kind.replace('_', ' ')} has an AUROC of {value:.3f}, above the alarm at {auroc_alarm:g}."
        for kind, value in aurocs.items()
        if value > auroc_alarm
    ]
    found += [
        f"The input {name} alone has an AUROC of {value:.3f}, above the alarm at {SINGLE_INPUT_ALARM:g}."
        for name, value in alone.items()
        if value > SINGLE_INPUT_ALARM
    ]
    if not shuffled.ci[0] <= 0.5 <= shuffled.ci[1]:
        found.append(f"With shuffled labels the AUROC is {shuffled.value:.3f}, not 0.5: the folds are not apart.")
    return Leaks(
        shuffled_auroc=shuffled,
        largest_feature=strongest,
        largest_feature_auroc=alone[strongest],
        found=tuple(found),
    )


def single_input_aurocs(rows: TrainingRows) -> dict[str, float]:
    """Per input, how well it ranks on its own: 0.5 or more, whichever direction and whatever missing may mean."""
    return {name: _alone(rows.X[:, place], rows.y) for place, name in enumerate(rows.inputs)}


def _alone(column: Numbers, y: Labels) -> float:
    known = ~np.isnan(column)
    best = 0.5
    if known.any():
        filled = np.where(known, column, column[known].min() - 1)
        readings = [filled, np.where(known, column, column[known].max() + 1), known.astype(np.float64)]
        best = max(_either_way(y, reading) for reading in readings)
    if min(int(y[known].sum()), int((1 - y[known]).sum())) >= _FEWEST_KNOWN:
        best = max(best, _either_way(y[known], column[known]))
    return best


def _either_way(y: Labels, ranking: Numbers) -> float:
    found = auroc(y, ranking)
    return max(found, 1 - found)


def shuffled_auroc(rows: TrainingRows, *, seed: int) -> Estimate:
    """AUROC out of fold after the labels were shuffled (99.9 % interval): anything but about 0.5 is a fault of ours."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(rows.y), dtype=np.bool_)
    chosen[rng.permutation(len(rows.y))[:_CANARY_ROWS]] = True
    some = rows.where(chosen)
    shuffled = rng.permutation(some.y)
    candidate = fit_candidates(
        some.X,
        shuffled,
        some.patients,
        some.inputs,
        reference="shuffled labels",
        kinds=("scorecard_additive",),
        folds=_CANARY_FOLDS,
        seed=seed,
    )["scorecard_additive"]
    # Ranked within each fold: between folds the average risk alone would rank, and against the truth.
    return _mean_over_folds(shuffled, candidate.risk, candidate.fold, some.patients)


def _mean_over_folds(y: Labels, risk: Numbers, fold: Patients, patients: Patients) -> Estimate:
    # 1 false alarm in 1,000 trainings.
    found = [
        auroc_interval(y[fold == one], risk[fold == one], patients[fold == one], level=0.999) for one in np.unique(fold)
    ]
    value = float(np.mean([one.value for one in found]))
    # The folds share most of their training rows, so they err together: the mean varies up to as much as one of them.
    half = float(np.mean([(one.ci[1] - one.ci[0]) / 2 for one in found]))
    return Estimate(value=value, ci=(value - half, value + half))
