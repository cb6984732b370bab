"""An explainable boosting machine (interpret-core, an extra) as a scorecard: its terms are steps and pair tables already.

The only file that looks inside it. Its bins hold what is at or above a cut, ours what is above one: the cut moves down
by one float, and no value changes sides.
"""

from __future__ import annotations

import warnings
from typing import Any

import msgspec
import numpy as np

from services.guidance.models.explanation import Numbers
from services.guidance.models.scorecard import Scorecard
from services.guidance.models.scorecard_file import Pair, Reference, ScorecardFile, Step
from services.learner.models.compile import against
from services.learner.models.recalibration import fit_calibration
from services.learner.models.recipes import EbmRecipe
from services.learner.models.splits import patient_folds
from services.learner.models.training_rows import TrainingRows
from services.timeline.errors import BadInput


def fit_ebm(recipe: EbmRecipe, rows: TrainingRows, *, seed: int) -> Scorecard:
    """Fit on all rows; the calibration line comes from parts of them that the fit did not see."""
    part = patient_folds(rows.y, rows.patients, recipe.parts, seed=seed)
    held_out = np.empty(len(rows.y))
    for own in range(recipe.parts):
        inside = rows.where(part != own)
        held_out[part == own] = compile_ebm(
            _fitted(recipe, inside, seed=seed + own), inputs=rows.inputs, rows=inside.X, reference=rows.reference
        ).log_odds(rows.X[part == own])
    whole = compile_ebm(_fitted(recipe, rows, seed=seed), inputs=rows.inputs, rows=rows.X, reference=rows.reference)
    return Scorecard(file=msgspec.structs.replace(whole.file, calibration=fit_calibration(held_out, rows.y)))


def compile_ebm(model: Any, *, inputs: tuple[str, ...], rows: Numbers, reference: str) -> Scorecard:
    """A fitted machine on continuous inputs, exactly."""
    steps, pairs = [], []
    for features, scores in zip(model.term_features_, model.term_scores_, strict=True):
        if len(features) > 2:
            raise BadInput("a term of three inputs has no place in a scorecard", remedy="Fit with pairs at most")
        cuts = [_cuts(model.bins_[one], len(features)) for one in features]
        # First missing, then the bins, last what is no number at all.
        values = np.asarray(scores, dtype=np.float64)
        if len(features) == 1:
            steps.append(
                Step(
                    input=int(features[0]),
                    cuts=cuts[0],
                    values=tuple(values[1:-1].tolist()),
                    missing=float(values[0]),
                )
            )
            continue
        order = np.argsort(features)
        table = values if order[0] == 0 else values.T
        for axis in (0, 1):
            count = table.shape[axis]
            table = np.take(table, [*range(1, count - 1), 0], axis=axis)
        first, second = (int(features[one]) for one in order)
        pairs.append(
            Pair(
                inputs=(first, second),
                cuts=(cuts[order[0]], cuts[order[1]]),
                values=tuple(tuple(row) for row in table.tolist()),
            )
        )
    file = ScorecardFile(
        inputs=inputs,
        intercept=float(np.ravel(model.intercept_)[0]),
        steps=tuple(steps),
        pairs=tuple(pairs),
        reference=Reference(name=reference, steps=(0.0,) * len(steps), pairs=(0.0,) * len(pairs)),
    )
    return against(file, rows)


def _cuts(levels: list[Any], size: int) -> tuple[float, ...]:
    """Those of the finest bins that a term of so many inputs may have."""
    found = levels[min(len(levels), size) - 1]
    if isinstance(found, dict):
        raise BadInput("the machine took an input for categories", remedy="Fit with feature_types 'continuous'")
    return tuple(np.nextafter(np.asarray(found, dtype=np.float64), -np.inf).tolist())


def _fitted(recipe: EbmRecipe, rows: TrainingRows, *, seed: int) -> Any:
    try:
        from interpret.glassbox import ExplainableBoostingClassifier
    except ImportError as fault:
        raise BadInput(
            "the kind `ebm` needs interpret-core, which is not installed",
            place="model.candidates",
            remedy="pip install 'knowdo[ebm]', or leave `ebm` out",
        ) from fault
    # Each bag keeps a part of the patients to know when to stop.
    bag = patient_folds(rows.y, rows.patients, recipe.bags + 1, seed=seed)
    bags = np.array([np.where(bag == own, -1, 1) for own in range(recipe.bags)], dtype=np.int8).T
    model = ExplainableBoostingClassifier(
        feature_types=["continuous"] * len(rows.inputs),
        max_bins=recipe.bins,
        max_interaction_bins=recipe.pair_bins,
        interactions=min(recipe.most_pairs, len(rows.inputs) * (len(rows.inputs) - 1) // 2),
        outer_bags=recipe.bags,
        max_rounds=recipe.most_rounds,
        min_samples_leaf=recipe.min_leaf,
        monotone_constraints=list(rows.directions),
        n_jobs=1,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # That its own plots show no missing values, and that an input is constant in these rows.
        warnings.simplefilter("ignore", UserWarning)
        return model.fit(rows.X, rows.y, bags=bags)
