"""The alarms for the outcome having leaked into the inputs, on the rows of one training; what rings is `guidance.guards`.

Here is what needs fitting: models on shuffled labels. If they learn anything, the folds are not apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from services.guidance.evidence import Estimate, Leaks
from services.guidance.guards.alarms import mean_of_folds, raise_alarms
from services.guidance.guards.alone import inputs_alone
from services.learner.evidence.intervals import auroc_interval
from services.learner.models.fitting import fit_candidates
from services.learner.models.training_rows import TrainingRows

# Small fits: enough rows and repeats to see a leak of the split within 0.02, few enough to cost seconds.
_SHUFFLED_ROWS: Final = 10_000
_SHUFFLES: Final = 4
_SHUFFLED_FOLDS: Final = 3


def find_leaks(rows: TrainingRows, *, aurocs: Mapping[str, float], auroc_alarm: float, seed: int) -> Leaks:
    """Look at the models as a whole (`aurocs` by kind), at every input alone, and at shuffled labels."""
    return raise_alarms(
        aurocs=aurocs,
        auroc_alarm=auroc_alarm,
        alone=inputs_alone(rows.X, rows.y, rows.inputs),
        shuffled=shuffled_auroc(rows, seed=seed),
    )


def shuffled_auroc(rows: TrainingRows, *, seed: int) -> Estimate:
    """AUROC out of fold after the labels were shuffled (99.9 % interval): anything but about 0.5 is a fault of ours."""
    rng = np.random.default_rng(seed)
    found = [_learned_from_shuffled(rows, rng) for _ in range(_SHUFFLES)]
    value = float(np.mean([one.value for one in found]))
    # Every shuffle is drawn anew: their errors are independent.
    half = float(np.mean([(one.ci[1] - one.ci[0]) / 2 for one in found])) / math.sqrt(len(found))
    return Estimate(value=value, ci=(value - half, value + half))


def _learned_from_shuffled(rows: TrainingRows, rng: np.random.Generator) -> Estimate:
    chosen = np.zeros(len(rows.y), dtype=np.bool_)
    chosen[rng.permutation(len(rows.y))[:_SHUFFLED_ROWS]] = True
    some = rows.where(chosen)
    shuffled = rng.permutation(some.y)
    candidate = fit_candidates(
        some.X,
        shuffled,
        some.patients,
        some.inputs,
        reference="shuffled labels",
        kinds=("scorecard_additive",),
        folds=_SHUFFLED_FOLDS,
        seed=int(rng.integers(2**31)),
    )["scorecard_additive"]
    # Ranked within each fold: between folds the average risk alone would rank, and against the truth.
    fold = candidate.fold
    return mean_of_folds(
        [
            # 1 false alarm in 1,000 trainings.
            auroc_interval(shuffled[fold == one], candidate.risk[fold == one], some.patients[fold == one], level=0.999)
            for one in np.unique(fold)
        ]
    )
