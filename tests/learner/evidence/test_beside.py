"""Beside the predictions of others: on the rows that all have, with differences that are drawn together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from services.guidance.prediction_definition import Beside
from services.learner.evidence.beside import compare
from services.learner.feature_matrix import CohortRows

OTHERS = (
    Beside(
        feature="model", label="the published model", tells="happens-not", caveat="developed partly on these patients"
    ),
    Beside(feature="people", label="the physicians"),
)


@dataclass
class Rows:
    """Of a cohort what is read here."""

    y: NDArray[np.int8]
    patients: NDArray[np.int64]
    columns: dict[str, NDArray[np.float64]]

    def inputs(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """The columns asked for."""
        return np.column_stack([self.columns[name] for name in names])


def made(count: int = 2000) -> tuple[CohortRows, NDArray[np.float64]]:
    """Rows whose true risk is known; the model says it as a survival, people know it badly and not always."""
    rng = np.random.default_rng(0)
    risk = rng.beta(2, 3, count)
    y = (rng.random(count) < risk).astype(np.int8)
    people = np.clip(np.round(risk + rng.normal(scale=0.3, size=count), 1), 0, 1)
    people[:200] = np.nan
    rows = Rows(y=y, patients=np.arange(count), columns={"model": 1 - risk, "people": people})
    return rows, risk  # type: ignore[return-value]


def test_all_are_weighed_on_the_rows_that_all_have() -> None:
    """The rows without a word of the physicians count for nobody; a survival is turned into a risk; caveats are kept."""
    rows, risk = made()
    compared = compare(rows, {"forest": risk}, OTHERS, chosen="forest", seed=0, resamples=200)
    assert (compared.rows, compared.events) == (1800, int(rows.y[200:].sum()))
    forest, model, people = compared.predictors
    assert [one.ours for one in compared.predictors] == [True, False, False]
    assert model.auroc == forest.auroc
    assert model.auroc_more.ci == pytest.approx((0.0, 0.0))
    assert model.caveat == "developed partly on these patients"
    assert people.auroc.value < forest.auroc.value
    assert people.auroc_more.ci[1] < 0
    assert 0.8 < forest.calibration_slope.value < 1.2
    assert people.calibration_slope.value < 0.5


def test_too_few_rows_are_said_and_not_weighed() -> None:
    """A sentence instead of numbers."""
    rows, risk = made(350)
    compared = compare(rows, {"forest": risk}, OTHERS, chosen="forest", seed=0)
    assert compared.predictors == ()
    assert compared.unjudged.startswith("Too few rows")
