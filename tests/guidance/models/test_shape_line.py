"""The line of one input: the numbers of the model itself, at every value."""

from __future__ import annotations

import numpy as np
import pytest

from services.guidance.models.scorecard import Scorecard
from services.guidance.models.shape_line import added_by, cuts_of, line_of
from tests.registry import samples


@pytest.fixture
def model() -> Scorecard:
    """A scorecard on age and haemoglobin."""
    return Scorecard.from_json(samples.model())


def test_what_the_lines_add_is_what_the_model_explains(model: Scorecard) -> None:
    """At every pair of values, missing ones among them, each contribution is the line of its input."""
    for age in (40.0, 65.0, 65.1, np.nan):
        for hb in (8.0, 10.0, 13.0, np.nan):
            contributions = model.explain(np.array([age, hb])).contributions
            for place, value in enumerate((age, hb)):
                assert added_by(model.file, place, np.array([value]))[0] == pytest.approx(
                    contributions[place], abs=1e-12
                )


def test_a_value_on_a_cut_belongs_to_the_step_on_its_left(model: Scorecard) -> None:
    """The line goes up to the cut at the lower step, and on from it at the higher."""
    assert cuts_of(model.file, 0) == [65.0]
    assert line_of(model.file, 0, 50.0, 80.0) == [(50.0, -0.3), (65.0, -0.3), (65.0, 0.4), (80.0, 0.4)]
    assert line_of(model.file, 0, 70.0, 80.0) == [(70.0, 0.4), (80.0, 0.4)]
