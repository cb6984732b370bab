"""Claims about `guidance.scores.cha2ds2_vasc`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guidance.scores.one_patient import compute

FINDINGS = ("chf", "hypertension", "diabetes", "stroke", "vascular")
WELL = {"age": 40.0, "sex": 0.0, **dict.fromkeys(FINDINGS, 0.0)}


@pytest.mark.parametrize(
    ("changed", "score"),
    [
        ({}, 0), ({"sex": 1.0}, 1), ({"chf": 1.0}, 1), ({"hypertension": 1.0}, 1), ({"diabetes": 1.0}, 1),
        ({"stroke": 1.0}, 2), ({"vascular": 1.0}, 1),
        ({"age": 64.0}, 0), ({"age": 65.0}, 1), ({"age": 74.0}, 1), ({"age": 75.0}, 2), ({"age": 120.0}, 2),
        ({"age": 75.0, "sex": 1.0, **dict.fromkeys(FINDINGS, 1.0)}, 9),
    ],
)  # fmt: skip
def test_the_points_of_each_letter(changed: dict[str, float], score: float) -> None:
    """Lip 2010: stroke and age from 75 on count 2, everything else 1; 9 is the most."""
    assert compute("cha2ds2-vasc", **WELL | changed) == score


@pytest.mark.parametrize("changed", [{"age": 17.0}, {"sex": 0.5}, *({name: math.nan} for name in WELL)])
def test_for_children_and_with_anything_missing_it_is_withheld(changed: dict[str, float]) -> None:
    """It was made for adults of a known sex."""
    assert math.isnan(compute("cha2ds2-vasc", **WELL | changed))


@given(st.integers(18, 120), st.integers(18, 120), st.sets(st.sampled_from(FINDINGS)), st.sampled_from(FINDINGS))
def test_older_or_one_more_disease_never_takes_a_point(one: int, other: int, present: set[str], more: str) -> None:
    """Rising in everything."""
    found = WELL | dict.fromkeys(present, 1.0)
    low, high = sorted((one, other))
    assert compute("cha2ds2-vasc", **found | {"age": low}) <= compute(
        "cha2ds2-vasc", **found | {"age": high, more: 1.0}
    )
