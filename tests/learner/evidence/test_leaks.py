"""services/learner/evidence/leaks.py: the alarms on rows that are fitted, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from services.learner.evidence.leaks import find_leaks
from services.learner.models.training_rows import TrainingRows
from tests.learner.made_up import INPUTS, made_up

DATA = made_up(4000, seed=5)


def rows_with(column: np.ndarray) -> TrainingRows:
    """The made-up rows with one more input."""
    return TrainingRows.of(
        np.column_stack([DATA.X, column]), DATA.y, DATA.patients, inputs=(*INPUTS, "suspect"), reference="made-up rows"
    )


@pytest.mark.parametrize(
    "column",
    [
        DATA.y.astype(np.float64),
        -DATA.y + 0.01 * DATA.truth,
        np.where(DATA.y == 1, 3.0, np.nan),
        np.where(DATA.y == 1, np.nan, np.arange(4000.0)),
        np.where(DATA.y == 1, 2000.5, np.arange(4000.0)),
    ],
    ids=["the outcome", "turned", "only there after the outcome", "missing after it", "a default written after it"],
)
def test_an_input_that_knows_the_outcome_rings(column: np.ndarray) -> None:
    """By its value, in either direction, by being there at all, by one value; the model's own alarm names it, too."""
    found = find_leaks(rows_with(column), aurocs={"scorecard": 0.99}, auroc_alarm=0.87, seed=0)
    assert (found.largest_feature, found.largest_feature_auroc) == ("suspect", pytest.approx(1.0, abs=1e-3))
    assert len(found.found) == 2
    assert "above the alarm at 0.87" in found.found[0]
    assert all("suspect" in said for said in found.found)


def test_honest_inputs_ring_nothing() -> None:
    """The made-up rows are sound: no alarm, and shuffled labels teach nothing."""
    found = find_leaks(rows_with(np.zeros(4000)), aurocs={"scorecard": 0.8}, auroc_alarm=0.87, seed=1)
    assert found.found == ()
    assert found.shuffled_auroc.ci[0] < 0.5 < found.shuffled_auroc.ci[1]
    assert found.largest_feature_auroc < 0.8
