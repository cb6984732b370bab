"""Which setting of a kind is fitted: each is tried on parts of the training rows; what is tested is never looked at.

Compared by log loss, out of part and after calibration, over the same parts of whole patients with the same seeds. How
many are tried is a number in the guidance, so the same data and seed give the same choice on any machine; a clock is
minded only where the guidance sets one, and what it cut off is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np

from services.guidance.models.explanation import Numbers
from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard
from services.guidance.prediction_definition import Tuning
from services.learner.models.recipes import GRIDS, ModelKind, Recipe
from services.learner.models.splits import Integers, patient_folds
from services.learner.models.training_rows import TrainingRows

Fit = Callable[[Recipe, TrainingRows, int], Scorecard | Forest]
"""Fits one setting on these rows with this seed."""
Setting = dict[str, float | int | str]
"""What of a recipe is otherwise than in the kind's first; empty for that one."""

PARTS: Final = 3
NO_SEARCH: Final = Tuning()
_SEED: Final = 400
"""Away from the seeds of the fits that are kept."""
# A risk of exactly 0 that happens would be an infinite loss.
_NEARLY_ZERO: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One setting, and how it did on the inner parts."""

    setting: Setting
    log_loss: float
    """Mean over the training rows, each by a fit that saw nothing of its patient."""
    over_parts: float
    """Standard deviation of the log loss over the inner parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was tried of one kind on one training part, and which setting was taken."""

    tried: tuple[Tried, ...]
    chosen: int
    """Its place in `tried`."""
    not_tried: tuple[Setting, ...]
    """Further settings that the kind declares."""
    ended_by: Literal["settings", "seconds", "grid"]
    """What ended it: the declared number, the declared time, or that nothing was left to try."""
    parts: int = PARTS
    chosen_in_folds: tuple[int, ...] = ()
    """The place that was chosen in the training part of each fold of the test; `tried` is of the fit on all rows."""
    folds_cut_by_the_clock: int = 0
    """Searches in these training parts that the declared time ended."""


def search(kind: ModelKind, rows: TrainingRows, budget: Tuning, fit: Fit, *, seed: int) -> tuple[Recipe, Search]:
    """Try the first `budget.settings` of the kind; the lowest log loss is taken, of equals the earlier.

    The first setting is always tried; BadInput of the fit passes through.
    """
    began, grid = time.monotonic(), GRIDS[kind]
    part = patient_folds(rows.y, rows.patients, PARTS, seed=seed + _SEED)
    tried: list[Tried] = []
    clock = False
    for recipe in grid[: budget.settings]:
        if tried and budget.seconds is not None and time.monotonic() - began >= budget.seconds:
            clock = True
            break
        losses = _losses(recipe, rows, part, fit, seed=seed + _SEED)
        by_part = [float(losses[part == one].mean()) for one in range(PARTS)]
        tried.append(
            Tried(
                setting=_otherwise(recipe, grid[0]),
                log_loss=float(losses.mean()),
                over_parts=float(np.std(by_part)),
            )
        )
    chosen = min(range(len(tried)), key=lambda place: tried[place].log_loss)
    return grid[chosen], Search(
        tried=tuple(tried),
        chosen=chosen,
        not_tried=tuple(_otherwise(recipe, grid[0]) for recipe in grid[len(tried) :]),
        ended_by="seconds" if clock else "grid" if len(tried) == len(grid) else "settings",
    )


def _losses(recipe: Recipe, rows: TrainingRows, part: Integers, fit: Fit, *, seed: int) -> Numbers:
    """The log loss of every row, by the fit that left its part out."""
    loss = np.empty(len(rows.y))
    for one in range(PARTS):
        held_out = part == one
        risk = fit(recipe, rows.where(~held_out), seed + one + 1).risk(rows.X[held_out])
        right = np.where(rows.y[held_out] == 1, risk, 1 - risk)
        loss[held_out] = -np.log(np.maximum(right, _NEARLY_ZERO))
    return loss


def _otherwise(recipe: Recipe, first: Recipe) -> Setting:
    before = asdict(first)
    return {name: value for name, value in asdict(recipe).items() if value != before[name]}
