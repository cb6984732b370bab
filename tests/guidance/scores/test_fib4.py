"""Claims about `guidance.scores.fib4`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guidance.scores.one_patient import compute

PERSON = {"age": 60.0, "ast": 80.0, "alt": 50.0, "platelets": 120.0}


@pytest.mark.parametrize(
    ("age", "ast", "alt", "platelets", "score"),
    [
        (65, 40, 64, 100, 3.25), (58, 20, 16, 200, 1.45),  # on the published cut-offs
        (50, 26.1, 36, 150, 1.45), (65, 25.2, 81, 56, 3.25),  # the same, where binary products are not whole
    ],
)  # fmt: skip
def test_who_is_on_a_cut_off_is_on_it(age: float, ast: float, alt: float, platelets: float, score: float) -> None:
    """The number equals the printed one, so that `<` and `>` with it say what they say on paper."""
    assert compute("fib-4", age=age, ast=ast, alt=alt, platelets=platelets) == score


def test_one_platelet_beside_the_cut_off() -> None:
    """At 99 over it, at 101 under it."""
    rest = {"age": 65.0, "ast": 40.0, "alt": 64.0}
    assert compute("fib-4", **rest, platelets=99.0) > 3.25 > compute("fib-4", **rest, platelets=101.0)


@pytest.mark.parametrize("name", sorted(PERSON))
@pytest.mark.parametrize("nothing", [math.nan, 0.0, -1.0])
def test_with_anything_missing_or_impossible_there_is_no_score(name: str, nothing: float) -> None:
    """No division by nothing."""
    assert math.isnan(compute("fib-4", **PERSON | {name: nothing}))


@given(st.sampled_from(sorted(PERSON)), st.floats(1, 2000), st.floats(1, 2000))
def test_it_rises_with_age_and_ast_and_falls_with_alt_and_platelets(name: str, one: float, other: float) -> None:
    """In each argument alone."""
    low, high = (compute("fib-4", **PERSON | {name: value}) for value in sorted((one, other)))
    assert low <= high if name in ("age", "ast") else high <= low
