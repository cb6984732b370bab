"""services/guidance/models/scorecard.py, scorecard_one_row.py and scorecard_file.py."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.errors import BadRelease
from services.guidance.models.explanation import CalibrationMap, sigmoid, sigmoid_of_one
from services.guidance.models.scorecard import Scorecard
from services.guidance.models.scorecard_file import Linear, Pair, Reference, ScorecardFile, Step
from services.guidance.models.scorecard_one_row import OneRowTerms
from services.timeline.errors import BadInput

SMALL = Scorecard(
    file=ScorecardFile(
        inputs=("age", "sodium", "urea"),
        intercept=-2.0,
        linear=(Linear(input=2, coefficient=0.5, missing=0.25),),
        steps=(Step(input=0, cuts=(40.0, 65.0), values=(-1.0, 0.0, 1.0), missing=0.5),),
        pairs=(
            Pair(
                inputs=(0, 1),
                cuts=((65.0,), (130.0,)),
                values=((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), (0.7, 0.8, 0.9)),
            ),
        ),
        calibration=CalibrationMap(intercept=0.1, slope=0.8),
        reference=Reference(name="the ward", linear=(1.0,), steps=(0.2,), pairs=(0.4,)),
    )
)

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
modest = st.floats(-50, 50)
cuts = st.lists(modest, max_size=5, unique=True).map(sorted)


@st.composite
def scorecards(draw: st.DrawFn, numbers: st.SearchStrategy[float] = modest) -> Scorecard:
    """Any scorecard of 1 to 4 inputs."""
    count = draw(st.integers(1, 4))
    steps = []
    for index in draw(st.sets(st.integers(0, count - 1))):
        own = draw(cuts)
        steps.append(
            Step(
                input=index,
                cuts=tuple(own),
                values=tuple(draw(numbers) for _ in range(len(own) + 1)),
                missing=draw(numbers),
            )
        )
    pairs = []
    for first, second in (
        draw(st.sets(st.sampled_from([(i, j) for j in range(count) for i in range(j)]))) if count > 1 else ()
    ):
        rows, columns = draw(cuts), draw(cuts)
        pairs.append(
            Pair(
                inputs=(first, second),
                cuts=(tuple(rows), tuple(columns)),
                values=tuple(tuple(draw(numbers) for _ in range(len(columns) + 2)) for _ in range(len(rows) + 2)),
            )
        )
    linear = tuple(
        Linear(input=index, coefficient=draw(numbers), missing=draw(numbers))
        for index in draw(st.sets(st.integers(0, count - 1)))
    )
    return Scorecard(
        file=ScorecardFile(
            inputs=tuple(f"input_{index}" for index in range(count)),
            intercept=draw(numbers),
            linear=linear,
            steps=tuple(steps),
            pairs=tuple(pairs),
            calibration=CalibrationMap(intercept=draw(numbers), slope=abs(draw(numbers))),
            reference=Reference(
                name="a reference",
                linear=tuple(draw(numbers) for _ in linear),
                steps=tuple(draw(numbers) for _ in steps),
                pairs=tuple(draw(numbers) for _ in pairs),
            ),
        )
    )


def by_hand(file: ScorecardFile, x: list[float]) -> float:
    """The definition, term by term."""

    def bin_of(value: float, own: tuple[float, ...]) -> int:
        return len(own) + 1 if math.isnan(value) else sum(cut < value for cut in own)

    total = file.intercept
    total += sum(
        term.coefficient * x[term.input] if math.isfinite(x[term.input]) else term.missing for term in file.linear
    )
    total += sum((*step.values, step.missing)[bin_of(x[step.input], step.cuts)] for step in file.steps)
    return total + sum(
        pair.values[bin_of(x[pair.inputs[0]], pair.cuts[0])][bin_of(x[pair.inputs[1]], pair.cuts[1])]
        for pair in file.pairs
    )


@pytest.mark.parametrize(
    ("x", "terms"),
    [
        ([40.0, 130.0, 2.0], [1.0, -1.0, 0.1]),
        ([np.nextafter(40.0, 99.0), 130.0, 2.0], [1.0, 0.0, 0.1]),
        ([65.0, 131.0, 2.0], [1.0, 0.0, 0.2]),
        ([65.1, math.nan, math.nan], [0.25, 1.0, 0.6]),
        ([math.nan, math.nan, 0.0], [0.0, 0.5, 0.9]),
        ([math.inf, -math.inf, math.inf], [0.25, 1.0, 0.4]),
        ([-math.inf, math.inf, -math.inf], [0.25, -1.0, 0.2]),
    ],
)
def test_a_value_on_a_cut_goes_left_and_missing_has_its_own_place(x: list[float], terms: list[float]) -> None:
    """`x <= cut` goes left, NaN takes the value for missing, and infinite values never make an infinite risk."""
    row = np.array([x])
    assert SMALL.terms(row)[0].tolist() == terms
    assert SMALL.log_odds(row)[0] == pytest.approx(-2.0 + sum(terms), abs=1e-15)


@given(scorecards(), st.data())
@settings(max_examples=150, deadline=None)
def test_the_kernel_is_the_definition(scorecard: Scorecard, data: st.DataObject) -> None:
    """The vectorised look-up gives what the terms say one by one, on cuts, beyond them and where values are missing."""
    on_cuts = [cut for step in scorecard.file.steps for cut in step.cuts]
    on_cuts += [cut for pair in scorecard.file.pairs for own in pair.cuts for cut in own]
    value = st.one_of(modest, st.sampled_from([math.nan, math.inf, -math.inf, *on_cuts]))
    width = len(scorecard.inputs)
    rows = data.draw(st.lists(st.lists(value, min_size=width, max_size=width), min_size=1, max_size=20))
    said = scorecard.log_odds(np.array(rows))
    for row, got in zip(rows, said, strict=True):
        assert got == pytest.approx(by_hand(scorecard.file, row), rel=1e-12, abs=1e-9)


@given(scorecards(), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_one_row_and_many_rows_give_the_same_bits(scorecard: Scorecard, seed: int) -> None:
    """The bedside's single row and the same row in history differ in no bit."""
    rng = np.random.default_rng(seed)
    X = np.where(
        rng.random((200, len(scorecard.inputs))) < 0.2, np.nan, rng.normal(0, 30, (200, len(scorecard.inputs)))
    )
    many = scorecard.log_odds(X)
    assert [scorecard.log_odds(row[None, :])[0] for row in X] == many.tolist()
    risks, calibrated = scorecard.risk(X), scorecard.file.calibration.log_odds(many)
    explained = [scorecard.explain(row) for row in X[:40]]
    assert [one.risk for one in explained] == risks[:40].tolist()
    assert [one.log_odds for one in explained] == calibrated[:40].tolist()


@given(scorecards(), st.data())
@settings(max_examples=150, deadline=None)
def test_each_term_and_each_share_of_one_row_has_the_bits_of_many(scorecard: Scorecard, data: st.DataObject) -> None:
    """Plain Python and numpy agree to the last bit: on cuts, beyond them, at infinity and where values are missing."""
    file, width = scorecard.file, len(scorecard.inputs)
    on_cuts = [cut for step in file.steps for cut in step.cuts] + [
        cut for pair in file.pairs for own in pair.cuts for cut in own
    ]
    value = st.one_of(modest, st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, *on_cuts]))
    X = np.array(data.draw(st.lists(st.lists(value, min_size=width, max_size=width), min_size=1, max_size=20)))
    plain = OneRowTerms.of(file)
    terms = scorecard.terms(X)
    assert np.array([plain.terms(row) for row in X.tolist()]).reshape(terms.shape).tobytes() == terms.tobytes()
    above = (terms - np.array([*file.reference.linear, *file.reference.steps, *file.reference.pairs])) * (
        file.calibration.slope
    )
    singles = terms.shape[1] - len(file.pairs)
    owners = [term.input for term in file.linear] + [step.input for step in file.steps]
    owners += [pair.inputs[place] for place in (0, 1) for pair in file.pairs]
    for x, own in zip(X, above, strict=True):
        weights = np.concatenate((own[:singles], own[singles:] * 0.5, own[singles:] * 0.5))
        shares = np.bincount(np.array(owners, dtype=np.int64), weights=weights, minlength=width)
        assert np.array(scorecard.explain(x).contributions).tobytes() == shares.tobytes()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 30, 127, 128, 129, 300])
def test_one_row_and_many_rows_give_the_same_bits_for_any_number_of_terms(count: int) -> None:
    """Long sums are added up in the same order too, and so are those of more rows than are reckoned at once."""
    rng = np.random.default_rng(count)
    scorecard = Scorecard(
        file=ScorecardFile(
            inputs=tuple(f"input_{index}" for index in range(count)),
            intercept=0.1,
            steps=tuple(
                Step(input=index, cuts=(-0.5, 0.5), values=tuple(rng.normal(size=3).tolist()), missing=0.3)
                for index in range(count)
            ),
            reference=Reference(name="none", steps=(0.0,) * count),
        )
    )
    X = rng.normal(size=(5000, count))
    many = scorecard.log_odds(X)
    assert [scorecard.log_odds(row[None, :])[0] for row in X[::50]] == many[::50].tolist()
    assert [scorecard.explain(row).log_odds for row in X[::50]] == many[::50].tolist()
    assert [scorecard.explain(row).risk for row in X[::50]] == scorecard.risk(X)[::50].tolist()
    assert scorecard.log_odds(np.asfortranarray(X)).tolist() == many.tolist()


@given(scorecards(), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_contributions_add_up_and_each_is_the_distance_from_the_reference(scorecard: Scorecard, seed: int) -> None:
    """Base and contributions make the log-odds; a term counts for its input, a pair half for each."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(len(scorecard.inputs)) < 0.3, np.nan, rng.normal(0, 30, len(scorecard.inputs)))
    found = scorecard.explain(x)
    size = 1 + sum(map(abs, found.contributions)) + abs(found.base)
    assert found.base + sum(found.contributions) == pytest.approx(found.log_odds, abs=1e-12 * size)
    file = scorecard.file
    terms = iter(scorecard.terms(x[None, :])[0])
    expected = [0.0] * len(scorecard.inputs)
    for term, mean in zip(file.linear, file.reference.linear, strict=True):
        expected[term.input] += next(terms) - mean
    for step, mean in zip(file.steps, file.reference.steps, strict=True):
        expected[step.input] += next(terms) - mean
    for pair, mean in zip(file.pairs, file.reference.pairs, strict=True):
        half = (next(terms) - mean) / 2
        for index in pair.inputs:
            expected[index] += half
    assert found.contributions == pytest.approx(
        [file.calibration.slope * share for share in expected], abs=1e-10 * size
    )


def test_the_example_can_be_followed_by_hand() -> None:
    """A patient of 70 with a sodium of 128 and no urea, against the ward."""
    found = SMALL.explain(np.array([70.0, 128.0, math.nan]))
    assert found.log_odds == pytest.approx(0.1 + 0.8 * (-2.0 + 0.25 + 1.0 + 0.4))
    assert found.risk == pytest.approx(1 / (1 + math.exp(-found.log_odds)))
    assert found.base == pytest.approx(0.1 + 0.8 * (-2.0 + 1.0 + 0.2 + 0.4))
    assert found.contributions == pytest.approx((0.8 * 0.8, 0.0, 0.8 * -0.75))
    assert SMALL.method == "exact additive against the reference the ward"


@given(scorecards(finite))
@settings(max_examples=100, deadline=None)
def test_a_scorecard_survives_the_round_trip_byte_for_byte(scorecard: Scorecard) -> None:
    """Reading what was written gives the same numbers, and writing it again the same bytes."""
    written = scorecard.to_json()
    again = Scorecard.from_json(written)
    assert again == scorecard
    assert again.to_json() == written


def _broken(**changes: Any) -> bytes:
    return json.dumps(json.loads(SMALL.to_json()) | changes).encode()


STEP = {"input": 0, "cuts": [40.0], "values": [0.0, 1.0], "missing": 0.0}
PAIR = {"inputs": [0, 1], "cuts": [[1.0], []], "values": [[0.0, 0.0]] * 3}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"kind":"scorecard"}',
        SMALL.to_json().replace(b"-2.0", b"NaN"),
        SMALL.to_json().replace(b"-2.0", b"1e999"),
        _broken(kind="forest"),
        _broken(pickle="gASVBQAAAAAAAABLAS4="),
        _broken(inputs=["age", "age", "urea"]),
        _broken(inputs=["age"]),
        _broken(inputs=["age", "", "urea"]),
        _broken(steps=[STEP | {"input": 7}]),
        _broken(steps=[STEP | {"input": -1}]),
        _broken(steps=[STEP, STEP]),
        _broken(steps=[STEP | {"values": [0.0]}]),
        _broken(steps=[STEP | {"cuts": [41.0, 40.0], "values": [0.0, 1.0, 2.0]}]),
        _broken(steps=[STEP | {"cuts": [40.0, 40.0], "values": [0.0, 1.0, 2.0]}]),
        _broken(steps=[STEP | {"cuts": ["40"]}]),
        _broken(steps=[STEP | {"missing": None}]),
        _broken(pairs=[PAIR | {"inputs": [1, 0]}]),
        _broken(pairs=[PAIR | {"inputs": [0, 0]}]),
        _broken(pairs=[PAIR | {"inputs": [0, 9]}]),
        _broken(pairs=[PAIR, PAIR]),
        _broken(pairs=[PAIR | {"values": [[0.0, 0.0]] * 2}]),
        _broken(pairs=[PAIR | {"values": [[0.0, 0.0], [0.0], [0.0, 0.0]]}]),
        _broken(linear=[{"input": 5, "coefficient": 1.0, "missing": 0.0}]),
        _broken(calibration={"intercept": 0.0, "slope": -1.0}),
        _broken(reference={"name": "x", "linear": [], "steps": [0.0], "pairs": [0.0]}),
        _broken(reference={"linear": [0.0], "steps": [0.0], "pairs": [0.0]}),
    ],
)
def test_a_malformed_scorecard_is_refused(data: bytes) -> None:
    """Nothing that is not wholly understood is served: BadRelease says what is wrong and what to do."""
    with pytest.raises(BadRelease) as refused:
        Scorecard.from_json(data)
    assert refused.value.place == "model.json"
    assert refused.value.remedy


def test_a_row_of_another_width_is_refused() -> None:
    """A matrix with another number of columns never gives a risk."""
    with pytest.raises(BadInput, match="reads 3 inputs"):
        SMALL.risk(np.zeros((2, 4)))


@pytest.mark.parametrize("shape", [(2,), (4,), (1, 3), (3, 1), ()])
def test_one_row_of_another_width_is_not_explained(shape: tuple[int, ...]) -> None:
    """Nor does a single row that lacks an input, has one too many, or is no row."""
    with pytest.raises(BadInput, match="reads 3 inputs"):
        SMALL.explain(np.zeros(shape))


@given(
    st.lists(st.one_of(st.floats(-800, 800), st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan])), min_size=1)
)
def test_the_risk_of_one_has_the_bits_of_many(log_odds: list[float]) -> None:
    """The exponential is numpy's in both ways."""
    ones = [sigmoid_of_one(one) for one in log_odds]
    assert np.array_equal(np.array(ones), sigmoid(np.array(log_odds)), equal_nan=True)
