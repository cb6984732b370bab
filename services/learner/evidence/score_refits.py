"""A published score beside what could be made of it here: its level and slope fitted, or a regression on its own inputs.

Both are tested on patients that they were not fitted on. Neither is the published score: what speaks is what the guidance
names, and these say what it costs to leave the score as it was printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Guidance
from services.guidance.models.explanation import Numbers
from services.guidance.models.published import Published, PublishedFile
from services.learner.evidence.evaluation import Performance, evaluate
from services.learner.feature_matrix import CohortRows
from services.learner.models.fitting import fit_candidates
from services.learner.models.recalibration import fit_calibration

RECALIBRATED: Final = "recalibrated"
REFITTED: Final = "refitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeOfScore:
    """One way to fit a score to this site: its risks out of fold, and how they did."""

    kind: str
    risk: Numbers
    performance: Performance
    recipe: dict[str, Any]


def made_of_score(
    guidance: Guidance, score: str, rows: CohortRows, fold: NDArray[np.int64], *, seed: int, workers: int = 1
) -> Iterator[MadeOfScore]:
    """Recalibrated, and refitted where an input of the score is a feature that varies; `rows` have a known outcome."""
    log_odds = Published(file=PublishedFile(feature=score)).log_odds(rows.inputs((score,)))
    risk = np.empty(len(rows))
    for own in np.unique(fold):
        tested = fold == own
        line = fit_calibration(log_odds[~tested], rows.y[~tested])
        risk[tested] = line.risk(log_odds[tested])
    yield _made(
        RECALIBRATED,
        rows,
        risk,
        fold,
        seed,
        {"algorithm": "published score, intercept and slope fitted here", "score": score},
    )
    inputs = tuple(name for name in inputs_of(guidance, score) if _varies(rows.inputs((name,))[:, 0]))
    if not inputs:
        return
    refitted = fit_candidates(
        rows.inputs(inputs),
        rows.y,
        rows.patients,
        inputs,
        reference="stays of the data",
        directions={name: guidance.features[name].direction for name in inputs},
        kinds=("logistic",),
        folds=int(fold.max()) + 1,
        fold=fold,
        seed=seed,
        workers=workers,
    )["logistic"]
    told = refitted.recipe | {"score": score, "inputs": ", ".join(inputs)}
    yield _made(REFITTED, rows, refitted.risk, fold, seed, told)


def inputs_of(guidance: Guidance, score: str) -> tuple[str, ...]:
    """The features that the score reads, each once, in the order of its arguments."""
    return tuple(dict.fromkeys(guidance.features[score].inputs.values()))


def _varies(column: Numbers) -> bool:
    return len(np.unique(column[~np.isnan(column)])) > 1


def _made(
    kind: str, rows: CohortRows, risk: Numbers, fold: NDArray[np.int64], seed: int, recipe: dict[str, Any]
) -> MadeOfScore:
    performance = evaluate(rows.y, risk, rows.patients, fold=fold, seed=seed)
    return MadeOfScore(kind=kind, risk=risk, performance=performance, recipe=recipe)
