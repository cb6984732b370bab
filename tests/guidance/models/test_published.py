"""A published score as a model: its own value, withheld where it has none, and a file like the others'."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.errors import BadRelease
from services.guidance.models.explanation import CalibrationMap
from services.guidance.models.model_file import load_model
from services.guidance.models.published import Published, PublishedFile
from services.timeline.errors import BadInput

MODEL = Published(file=PublishedFile(feature="prevent"))


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), min_size=1, max_size=20))
def test_the_risk_is_the_score_to_the_bit_and_withheld_where_the_score_is(scores: list[float]) -> None:
    """Nothing is recalibrated; one row says what it says among many."""
    column = np.array([[score] for score in scores])
    assert np.array_equal(MODEL.risk(column), column[:, 0], equal_nan=True)
    for row, score in zip(column, scores, strict=True):
        explained = MODEL.explain(row)
        assert explained.risk == score or (math.isnan(explained.risk) and math.isnan(score))
        assert explained.base + sum(explained.contributions) == explained.log_odds or math.isnan(score)


@pytest.mark.parametrize("strange", [-0.1, 1.1, math.inf, -math.inf])
def test_what_is_no_risk_is_withheld(strange: float) -> None:
    """A score outside 0 to 1 is never clipped into a risk."""
    assert math.isnan(MODEL.explain(np.array([strange])).risk)


def test_log_odds_are_finite_at_both_ends() -> None:
    """A decision is kept as JSON, which knows no infinity."""
    assert np.isfinite(MODEL.log_odds(np.array([[0.0], [0.5], [1.0]]))).all()
    assert MODEL.log_odds(np.array([[0.5]]))[0] == 0.0


def test_the_file_says_which_feature_and_nothing_else() -> None:
    """The same bytes come back; an unknown key, or no feature, is refused."""
    assert MODEL.to_json() == b'{"feature":"prevent","kind":"published"}'
    assert load_model(MODEL.to_json()) == MODEL
    assert MODEL.inputs == ("prevent",)
    for broken in (
        b'{"kind":"published"}',
        b'{"kind":"published","feature":""}',
        b'{"kind":"published","feature":"x","y":1}',
    ):
        with pytest.raises(BadRelease):
            load_model(broken)


def test_rows_must_have_one_column() -> None:
    """A matrix of another shape is a fault of the caller."""
    with pytest.raises(BadInput):
        MODEL.risk(np.zeros((2, 2)))


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), min_size=1, max_size=20))
def test_recalibrated_it_keeps_its_order_and_what_is_withheld(scores: list[float]) -> None:
    """A line in log-odds, through JSON; one row says what it says among many, and explains the risk that it states."""
    line = CalibrationMap(intercept=-0.4, slope=0.7)
    model = load_model(Published(file=PublishedFile(feature="prevent", calibration=line)).to_json())
    assert isinstance(model, Published)
    column = np.sort(np.array(scores))[:, None]
    risk = model.risk(column)
    assert np.isnan(risk).tolist() == np.isnan(column[:, 0]).tolist()
    assert (np.diff(risk[~np.isnan(risk)]) >= 0).all()
    for row, stated in zip(column[~np.isnan(risk)], risk[~np.isnan(risk)], strict=True):
        explained = model.explain(row)
        assert explained.risk == stated
        assert explained.contributions == (explained.log_odds,)
        assert stated == pytest.approx(1 / (1 + math.exp(-explained.log_odds)), abs=1e-12)
