"""services/guidance/models/model_file.py, model_json.py and explanation.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.errors import BadRelease
from services.guidance.models.explanation import sigmoid
from services.guidance.models.forest import Forest
from services.guidance.models.model_file import load_model
from services.guidance.models.scorecard import Scorecard
from tests.guidance.models.test_forest import forest_of
from tests.guidance.models.test_scorecard import SMALL


def test_the_kind_says_which_model_it_is() -> None:
    """One file name, two kinds, and each comes back as what it was."""
    forest = forest_of(0)
    assert load_model(SMALL.to_json()) == SMALL
    assert isinstance(load_model(SMALL.to_json()), Scorecard)
    assert load_model(forest.to_json()) == forest
    assert isinstance(load_model(forest.to_json()), Forest)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x80\x04K\x01.", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "kind"),
        (b'{"kind":"pickle"}', "no kind of model called 'pickle'"),
        (b'{"kind":7}', "cannot be read"),
        (b'{"kind":"\xff"}', "cannot be read"),
    ],
)
def test_what_is_not_a_model_is_refused(data: bytes, said: str) -> None:
    """Bytes of anything else are BadRelease that says so."""
    with pytest.raises(BadRelease, match=said):
        load_model(data)


def test_keys_are_sorted_and_floats_are_the_shortest_that_read_back() -> None:
    """The spelling is canonical: no spaces, keys in order, 0.1 and not 0.1000000000000000055."""
    written = SMALL.to_json()
    assert written.startswith(b'{"calibration":{"intercept":0.1,"slope":0.8},"inputs":["age","sodium","urea"],')
    assert b" " not in written.replace(b"the ward", b"")


@given(st.floats(allow_nan=False))
def test_sigmoid_never_overflows_and_mirrors(log_odds: float) -> None:
    """A risk is within 0 and 1 for any log-odds, infinite ones too, and the complement is the risk of the contrary."""
    with np.errstate(all="raise", under="ignore"):
        low, high = sigmoid(np.array([log_odds, -log_odds]))
    assert 0.0 <= low <= 1.0
    assert low + high == pytest.approx(1.0, abs=1e-15)
    if abs(log_odds) < 30:
        assert low == pytest.approx(1 / (1 + math.exp(-log_odds)), rel=1e-14)
