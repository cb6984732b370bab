"""What became of the rows by one prediction's outcome: the labels, until when each row was followed, and the count of every state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.conditions import parse
from services.guidance.definition import Prediction
from services.guidance.features import VALUE
from services.guidance.outcome import Labels, horizon_passed
from services.learner.cohort import FeatureColumns
from services.timeline.instants import NAT

PENDING: Final = -1

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of the rows by one prediction's outcome."""

    y: NDArray[np.int8]
    """1 happened, 0 did not, -1 cannot be learned from (pending, censored, competing, not computed for this row)."""
    computed: NDArray[np.bool_]
    """Rows for which the prediction would be computed: what it needs holds, and a published score has its value."""
    states: Mapping[str, int]
    """Rows by the state of their outcome."""
    looked_for: NDArray[np.bool_]
    """Rows of whom the outcome was looked for (`outcome.looked_for`); none where nothing says how."""
    happened: Ints
    """When it happened; NAT where it did not, or nobody can say."""
    until: Ints
    """Until when a row was followed (`Labels.until`); NAT where it is not computed, or nobody knows."""


def outcomes_of(
    prediction: Prediction,
    labels: Labels,
    tested: NDArray[np.bool_],
    columns: FeatureColumns,
    at: Ints,
    data_end: int,
) -> Outcomes:
    """The labels of the rows for which the prediction would be computed; the others are counted by why it would not."""
    computed = np.ones(len(labels.y), dtype=np.bool_)
    states = np.array(labels.state, dtype=object)
    model, y = prediction.model, labels.y
    early = (y >= 0) & ~horizon_passed(prediction.outcome, at, data_end)
    states[early] = "horizon-not-passed"
    y = np.where(early, PENDING, y)
    if model.needs is not None and len(computed):
        computed = parse(model.needs).evaluate(columns) == 1
        states[~computed] = "not-meant"
    if model.published is not None:
        withheld = computed & (columns[model.published][1] != VALUE)
        states[withheld] = "score-withheld"
        computed = computed & ~withheld
    return Outcomes(
        y=np.where(computed, y, PENDING).astype(np.int8),
        computed=computed,
        states=Counter(states.tolist()),
        looked_for=tested,
        happened=np.where(computed & (y == 1), labels.at, NAT),
        until=np.where(computed & ~early, labels.until, NAT),
    )


def all_of(parts: list[Outcomes]) -> Outcomes:
    """The rows of all buckets."""
    states = Counter[str]()
    for part in parts:
        states.update(part.states)
    return Outcomes(
        y=np.concatenate([part.y for part in parts]),
        computed=np.concatenate([part.computed for part in parts]),
        looked_for=np.concatenate([part.looked_for for part in parts]),
        happened=np.concatenate([part.happened for part in parts]),
        until=np.concatenate([part.until for part in parts]),
        states=dict(sorted(states.items())),
    )
