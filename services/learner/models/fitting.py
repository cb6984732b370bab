"""Every candidate model, tested on patients it has not seen, then fitted on all.

What is tested is the compiled model with its calibration, as it would speak. Each fit runs on one thread, so the result
depends on the data and the seed, not on how many workers share the fits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from services.guidance.models.explanation import Numbers
from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard
from services.guidance.prediction_definition import Tuning
from services.learner.models.boosting import fit_boosting
from services.learner.models.ebm import fit_ebm
from services.learner.models.logistic import fit_logistic
from services.learner.models.recipes import (
    FROM_FAST_TO_SLOW,
    KINDS,
    RECIPES,
    EbmRecipe,
    LogisticRecipe,
    ModelKind,
    Recipe,
)
from services.learner.models.splits import patient_folds
from services.learner.models.training_rows import TrainingRows
from services.learner.models.tuning import NO_SEARCH, Search, search
from services.learner.workers import worker_pool

Progress = Callable[[int, int, str], None]
"""Called with the fits done, the fits in all, and what was done last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One model, and how many trees each of its bags kept (none for a regression)."""

    model: Scorecard | Forest
    trees: tuple[int, ...]
    seconds: float
    recipe: Recipe
    search: Search | None = None
    """How the recipe was found; None: nothing was searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One kind of model: its risks out of fold, and the model fitted on all rows."""

    kind: ModelKind
    model: Scorecard | Forest
    risk: Numbers
    """For every row, the calibrated risk by a model that saw nothing of its patient."""
    fold: NDArray[np.int64]
    recipe: dict[str, float | int | str]
    trees: tuple[int, ...]
    seconds: float
    """Of one core, for all folds and the last fit; never part of a digest."""
    search: Search | None = None
    """What was tried on all rows, and which setting was taken in each fold; None: nothing was searched."""


def fit_model(kind: ModelKind, rows: TrainingRows, *, seed: int, tuning: Tuning = NO_SEARCH) -> Fitted:
    """Fit one kind of model on these rows, on one thread; its setting is searched on parts of the same rows."""
    began = time.perf_counter()
    with threadpool_limits(1):
        recipe, found = RECIPES[kind], None
        if tuning.settings > 1:
            recipe, found = search(kind, rows, tuning, lambda *given: _fit_recipe(*given)[0], seed=seed)
        model, trees = _fit_recipe(recipe, rows, seed)
    return Fitted(model=model, trees=trees, seconds=time.perf_counter() - began, recipe=recipe, search=found)


def _fit_recipe(recipe: Recipe, rows: TrainingRows, seed: int) -> tuple[Scorecard | Forest, tuple[int, ...]]:
    """The model, and how many trees each bag kept."""
    if isinstance(recipe, LogisticRecipe):
        return fit_logistic(recipe, rows, seed=seed), ()
    if isinstance(recipe, EbmRecipe):
        return fit_ebm(recipe, rows, seed=seed), ()
    boosted = fit_boosting(recipe, rows, seed=seed)
    return boosted.model, boosted.trees


def fit_candidates(
    X: Numbers,
    y: NDArray[np.int8],
    patients: NDArray[np.int64] | Sequence[object],
    inputs: Sequence[str],
    *,
    reference: str,
    directions: Mapping[str, int] | None = None,
    kinds: Sequence[ModelKind] = KINDS,
    folds: int = 5,
    fold: NDArray[np.int64] | None = None,
    seed: int = 0,
    workers: int = 1,
    tuning: Tuning = NO_SEARCH,
    progress: Progress | None = None,
) -> dict[ModelKind, Candidate]:
    """Every kind, cross-validated over the same folds of whole patients, and fitted on all rows.

    `reference` names the rows, as a card will say it; `directions` says per input whether risk may only rise (+1) or
    fall (-1) with it. `fold`: each row's fold, where several outcomes share them. `tuning`: how many settings of each kind
    are tried, anew inside every training part.
    """
    rows = TrainingRows.of(X, y, patients, inputs=inputs, directions=directions, reference=reference)
    if fold is None:
        fold = patient_folds(rows.y, rows.patients, folds, seed=seed)
    # The slowest kinds first, so that no worker is left with a long one at the end.
    tasks = [
        _Task(kind=kind, rows=rows, fold=fold, tested=tested, seed=seed, tuning=tuning)
        for kind in sorted(kinds, key=FROM_FAST_TO_SLOW.index, reverse=True)
        for tested in (*range(folds), None)
    ]
    risk = {kind: np.full(len(rows.y), np.nan) for kind in kinds}
    seconds = dict.fromkeys(kinds, 0.0)
    last: dict[ModelKind, Fitted] = {}
    in_folds: dict[ModelKind, list[Search]] = {kind: [] for kind in kinds}
    with worker_pool(workers) as pool:
        for done, (task, (fitted, tested_risk)) in enumerate(
            zip(tasks, pool.map_in_order(_fit, tasks), strict=True), start=1
        ):
            seconds[task.kind] += fitted.seconds
            if task.tested is None:
                last[task.kind] = fitted
            else:
                risk[task.kind][fold == task.tested] = tested_risk
                in_folds[task.kind] += [fitted.search] if fitted.search else []
            if progress is not None:
                where = "all rows" if task.tested is None else f"fold {task.tested + 1} of {folds}"
                progress(done, len(tasks), f"{task.kind.replace('_', ' ')}, {where}")
    return {
        kind: Candidate(
            kind=kind,
            model=last[kind].model,
            risk=risk[kind],
            fold=fold,
            recipe=last[kind].recipe.declared(),
            trees=last[kind].trees,
            seconds=seconds[kind],
            search=_with_folds(last[kind].search, in_folds[kind]),
        )
        for kind in kinds
    }


def _with_folds(found: Search | None, folds: Sequence[Search]) -> Search | None:
    if found is None:
        return None
    return replace(
        found,
        chosen_in_folds=tuple(one.chosen for one in folds),
        folds_cut_by_the_clock=sum(one.ended_by == "seconds" for one in folds),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    kind: ModelKind
    rows: TrainingRows
    fold: NDArray[np.int64]
    tested: int | None
    seed: int
    tuning: Tuning


def _fit(task: _Task) -> tuple[Fitted, Numbers]:
    if task.tested is None:
        return fit_model(task.kind, task.rows, seed=task.seed, tuning=task.tuning), np.zeros(0)
    tested = task.fold == task.tested
    # Each fold its own seed, so that chance in one is not chance in all.
    seed = task.seed + 1000 * (task.tested + 1)
    fitted = fit_model(task.kind, task.rows.where(~tested), seed=seed, tuning=task.tuning)
    return fitted, fitted.model.risk(task.rows.X[tested])
