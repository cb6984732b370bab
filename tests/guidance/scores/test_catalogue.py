"""Claims about `guidance.scores.catalogue`: what holds for every formula."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.scores.catalogue import FORMULAS
from services.guidance.scores.formula import Formula, Numbers
from services.timeline.unit_grammar import read_unit

ARITHMETIC = {"map", "body-mass-index", "highest-grade", "any-of", "all-of", "alert", "first-known"}
WITHOUT_DOI = {"news2", "news2-largest"}  # a report of the Royal College, not a paper
POINT_SCORES = {
    "charlson-1987", "charlson-quan-2011", "charlson-lace", "hospital-2016", "hospital-2013", "lace", "cha2ds2-vasc",
    "news2", "qsofa",
}  # fmt: skip


SETTLED = {
    "map": {"mean": 70.0},
    "body-mass-index": {"measured": 31.0},
    "highest-grade": {"two": 1.0},
    "any-of": {"two": 1.0},
    "all-of": {"two": 0.0},
    "first-known": {"one": 0.0},
    "alert": {"gcs": 14.0},
    "kdigo-aki-stage": {"current": 3.0, "baseline": 1.0},
}
"""What can be known without the rest, and an example."""


def plausible(formula: Formula, random: np.random.Generator, size: int) -> Numbers:
    """Rows for a formula, where it is valid: many numbers whole, what is not measured 0 or 1."""
    x = random.integers(0, 2, (len(formula.inputs), size)).astype(np.float64)
    for row, name in zip(x, formula.inputs, strict=True):
        if name in formula.units:
            low, high = formula.valid.get(name, (0.0, 200.0))
            row[:] = random.uniform(low, min(high, 400.0), size)
            row[:] = np.where(random.random(size) < 0.3, np.round(row), row)
    return x


def people(data: st.DataObject, formula: Formula) -> Numbers:
    """A few plausible rows, with gaps."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = plausible(formula, random, data.draw(st.integers(1, 70)))
    x[random.random(x.shape) < 0.05] = math.nan
    return x


@given(st.data())
def test_a_formula_has_the_same_bits_for_one_patient_and_for_many(data: st.DataObject) -> None:
    """Every column depends on itself alone, at any place and in any company: powers, logarithms and sums too."""
    formula = FORMULAS[data.draw(st.sampled_from(sorted(FORMULAS)))]
    x = people(data, formula)
    many = formula.function(x)
    alone = [formula.function(np.ascontiguousarray(x[:, [place]])) for place in range(x.shape[1])]
    assert np.concatenate(alone).tobytes() == many.tobytes()


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_a_patient_among_a_hundred_thousand_has_the_bits_of_one_alone(name: str) -> None:
    """Not only in small company: some of 100,000 columns are asked for alone."""
    formula = FORMULAS[name]
    random = np.random.default_rng(6)
    x = plausible(formula, random, 100_000)
    many = formula.function(x)
    assert np.isfinite(many).any()
    for place in random.integers(0, 100_000, 50):
        assert formula.function(np.ascontiguousarray(x[:, [place]])).tobytes() == many[[place]].tobytes()


@given(st.data())
def test_the_parts_of_a_score_sum_to_it_exactly(data: st.DataObject) -> None:
    """One part per argument, whole numbers; where one is unknown the score is withheld."""
    formula = FORMULAS[data.draw(st.sampled_from(sorted(POINT_SCORES)))]
    assert formula.parts is not None
    x = people(data, formula)
    parts = formula.parts(x)
    assert parts.shape == x.shape
    np.testing.assert_array_equal(parts.sum(axis=0), formula.function(x))
    known = parts[np.isfinite(parts)]
    assert (known == np.round(known)).all()
    missing = np.isnan(x[: len(formula.arguments)])
    assert np.isnan(parts[: len(formula.arguments)][missing]).all()


IN_PLAIN_PYTHON = {name: formula.one for name, formula in FORMULAS.items() if formula.one is not None}


def test_these_are_read_in_plain_python_at_the_bedside() -> None:
    """Sums of points that look at nothing else, LACE's expected share, a look-up, and the filtration rate."""
    assert set(IN_PLAIN_PYTHON) == {
        "hospital-2013", "hospital-2016", "lace", "lace-expected-percent", "qsofa", "charlson-1987", "charlson-quan-2011",
        "charlson-lace", "ckd-epi-2021",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(IN_PLAIN_PYTHON))
@settings(deadline=None)
@given(st.data())
def test_one_patient_in_plain_python_is_a_column_of_many(name: str, data: st.DataObject) -> None:
    """To the last bit, with missing and infinite numbers, and on every boundary."""
    formula, one = FORMULAS[name], IN_PLAIN_PYTHON[name]
    x = people(data, formula)
    x.ravel()[:: data.draw(st.integers(3, 50))] = data.draw(st.sampled_from([math.inf, -math.inf, -0.0, 1.0]))
    with np.errstate(invalid="ignore"):
        many = formula.function(x)
    alone = np.array([one(column) for column in x.T.tolist()])
    np.testing.assert_array_equal(alone, many)


@given(st.data())
def test_a_result_is_in_its_range_or_withheld(data: st.DataObject) -> None:
    """And it is withheld whenever a required argument is missing or outside the range of its source."""
    formula = FORMULAS[data.draw(st.sampled_from(sorted(FORMULAS)))]
    x = people(data, formula)
    result = formula.function(x)
    low, high = formula.range
    known = result[np.isfinite(result)]
    assert ((known >= low) & (known <= high)).all()
    assert np.isnan(result[np.isnan(x[: len(formula.arguments)]).any(axis=0)]).all()


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_every_formula_declares_what_it_is(name: str) -> None:
    """Published or arithmetic, a unit and a range of its result, units and valid ranges only of its own arguments."""
    formula = FORMULAS[name]
    assert formula.published == (name not in ARITHMETIC)
    assert (formula.parts is not None) == (name in POINT_SCORES)
    assert formula.range[0] < formula.range[1]
    assert len(set(formula.inputs)) == len(formula.inputs)
    assert {*formula.units, *formula.valid} <= set(formula.inputs)
    assert set(formula.valid) <= set(formula.units)
    for unit in (formula.unit, *formula.units.values()):
        assert read_unit(unit) is not None, f"{unit} is not UCUM"


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_every_score_names_its_source(name: str) -> None:
    """A published score cites its paper, with a DOI where there is one; arithmetic says what it computes."""
    formula = FORMULAS[name]
    if name in ARITHMETIC:
        assert len(formula.source) > 20
    elif name in WITHOUT_DOI:
        assert re.search(r"London: RCP, 2017$", formula.source)
    else:
        assert re.search(r"\b(19|20)\d\d;\d+:\d+", formula.source)
        assert re.search(r"doi:10\.\d{4,}/\S+", formula.source)


def test_a_risk_is_from_0_to_1() -> None:
    """So that a guidance may take it for its risk."""
    risks = {name for name, formula in FORMULAS.items() if name.startswith("prevent-")}
    assert len(risks) == 4
    assert all(FORMULAS[name].unit == "1" and FORMULAS[name].range == (0.0, 1.0) for name in risks)


@given(st.data())
def test_what_is_settled_cannot_be_changed_by_an_optional_argument_that_is_missing(data: st.DataObject) -> None:
    """Whatever it turns out to be, the result stays; and where nothing optional is missing there is nothing to settle."""
    formula = FORMULAS[data.draw(st.sampled_from(sorted(SETTLED)))]
    assert formula.settled is not None
    x = people(data, formula)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x[len(formula.arguments) :][random.random((len(formula.optional), x.shape[1])) < 0.5] = math.nan
    settled = formula.settled(x)
    assert settled.shape == (x.shape[1],)
    for _ in range(5):
        learned = np.where(np.isnan(x), plausible(formula, random, x.shape[1]), x)
        learned[: len(formula.arguments)] = x[: len(formula.arguments)]
        np.testing.assert_array_equal(formula.function(learned)[settled], formula.function(x)[settled])


def test_what_can_be_settled_is_said() -> None:
    """A mean pressure that was measured, a body mass index, a severe grade, a finding, a scale, stage 3."""
    assert {name for name, formula in FORMULAS.items() if formula.settled is not None} == set(SETTLED)
    for name, given_ in SETTLED.items():
        formula = FORMULAS[name]
        assert formula.settled is not None
        assert formula.settled(formula.stacked(**given_)).tolist() == [True]
        assert formula.settled(formula.stacked()).tolist() == [False]
