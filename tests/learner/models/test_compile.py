"""services/learner/models/compile.py, trees.py and tables.py: what speaks is what scikit-learn fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from services.guidance.models.explanation import CalibrationMap
from services.guidance.models.model_file import load_model
from services.guidance.models.scorecard import Scorecard
from services.learner.models.compile import calibrated, compile_forest, compile_logistic, compile_scorecard
from services.learner.models.grid import Grid
from services.learner.models.tables import purify, shares, tabulate
from services.learner.models.trees import average, keep_first, read_trees
from services.timeline.errors import BadInput
from tests.learner.made_up import INPUTS, MadeUp, made_up

ROWS = 10_000


@pytest.fixture(scope="module")
def data() -> MadeUp:
    """10,000 rows, a fifth of the laboratory values missing."""
    return made_up(ROWS)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small fits: threads that wait for one another on a busy machine cost more than they save."""
    with threadpool_limits(1):
        yield


def boosted(data: MadeUp, **changes: object) -> HistGradientBoostingClassifier:
    """A fitted booster."""
    settings = {"max_iter": 60, "max_leaf_nodes": 12, "early_stopping": False, "random_state": 0} | changes
    return HistGradientBoostingClassifier(**settings).fit(data.X, data.y)


def harder(data: MadeUp, booster: HistGradientBoostingClassifier) -> np.ndarray:
    """The rows, with values exactly on thresholds, just above them, infinite, and missing where none was missing."""
    X = data.X.copy()
    rng = np.random.default_rng(1)
    for (predictor,) in booster._predictors:
        nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
        for place, cut in zip(nodes["feature_idx"], nodes["num_threshold"], strict=True):
            on, above = rng.integers(0, ROWS, 2)
            X[on, place], X[above, place] = cut, np.nextafter(cut, np.inf)
    for value in (np.inf, -np.inf, np.nan):
        X[rng.random(X.shape) < 0.02] = value
    return X


def furthest(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference in log-odds."""
    assert np.isfinite(ours).all()
    return float(np.abs(ours - theirs).max())


@pytest.mark.parametrize("interactions", ["no_interactions", "pairwise"])
@pytest.mark.parametrize("directions", [None, [1, 0, 0, 1, 1, -1]])
def test_a_scorecard_is_the_boosted_model(data: MadeUp, interactions: str, directions: list[int] | None) -> None:
    """At most 1e-12 in log-odds over 10,000 rows, through JSON, with and without monotone constraints."""
    booster = boosted(data, interaction_cst=interactions, monotonic_cst=directions)
    scorecard = compile_scorecard(read_trees(booster), inputs=INPUTS, rows=data.X, reference="made-up rows")
    again = load_model(scorecard.to_json())
    X = harder(data, booster)
    assert furthest(again.log_odds(X), booster.decision_function(X)) <= 1e-12
    assert bool(scorecard.file.pairs) is (interactions == "pairwise")


@pytest.mark.parametrize("directions", [None, [1, 0, 0, 1, 1, -1]])
def test_a_forest_is_the_boosted_model(data: MadeUp, directions: list[int] | None) -> None:
    """At most 1e-12 in log-odds over 10,000 rows, through JSON, with and without monotone constraints."""
    booster = boosted(data, monotonic_cst=directions, max_features=0.5)
    forest = load_model(compile_forest(read_trees(booster), inputs=INPUTS, reference="made-up rows").to_json())
    X = harder(data, booster)
    assert furthest(forest.log_odds(X), booster.decision_function(X)) <= 1e-12


def test_a_logistic_regression_is_one_linear_term_an_input(data: MadeUp) -> None:
    """Imputing, missing indicators and scaling are folded in: at most 1e-12 over 10,000 rows."""
    pipeline = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("regress", LogisticRegression()),
        ]
    )
    X = np.column_stack([data.X, np.full(ROWS, np.nan)])
    pipeline.fit(X, data.y)
    model = load_model(
        compile_logistic(pipeline, inputs=(*INPUTS, "never_known"), rows=X, reference="made-up rows").to_json()
    )
    # Missing where none was missing in training, and known where none was known.
    X[::7, 0], X[::5, 6] = np.nan, 3.0
    assert furthest(model.log_odds(X), pipeline.decision_function(X)) <= 1e-12
    X[::11, 3] = np.inf
    assert np.isfinite(model.log_odds(X)).all()


@pytest.mark.parametrize("compiled", [compile_scorecard, None])
def test_a_model_fitted_on_the_codes_of_a_grid_speaks_of_the_values(
    data: MadeUp, compiled: Callable[..., Scorecard] | None
) -> None:
    """Bags on a grid, averaged, give the average of the boosters on the codes: cuts are in the unit of the input."""
    grid = Grid.of(data.X, bins=16)
    codes = grid.codes(data.X)
    boosters = [
        HistGradientBoostingClassifier(
            max_iter=40, random_state=seed, interaction_cst="pairwise" if compiled else None, early_stopping=False
        ).fit(codes[seed::3], data.y[seed::3])
        for seed in range(3)
    ]
    ensemble = average(read_trees(booster, grid=grid, share=1 / 3) for booster in boosters)
    model = (
        compile_scorecard(ensemble, inputs=INPUTS, rows=data.X, reference="made-up rows")
        if compiled
        else compile_forest(ensemble, inputs=INPUTS, reference="made-up rows")
    )
    theirs = np.mean([booster.decision_function(codes) for booster in boosters], axis=0)
    assert furthest(model.log_odds(data.X), theirs) <= 1e-12


def test_trees_beyond_the_best_are_forgotten(data: MadeUp) -> None:
    """Keeping the first trees gives what fitting only so many would have given."""
    long, short = boosted(data, max_iter=30), boosted(data, max_iter=10)
    keep_first(long, 10)
    assert long.decision_function(data.X).tolist() == short.decision_function(data.X).tolist()
    assert read_trees(long) == read_trees(short)


def test_three_inputs_on_a_path_are_no_scorecard(data: MadeUp) -> None:
    """An unrestricted model is refused as a scorecard, with what to do."""
    with pytest.raises(BadInput, match="at most two"):
        compile_scorecard(read_trees(boosted(data)), inputs=INPUTS, rows=data.X, reference="made-up rows")


def test_categories_and_more_than_two_classes_are_refused(data: MadeUp) -> None:
    """What the compiled form cannot say is an error and never a wrong risk."""
    X = data.X.copy()
    X[:, 4] = np.random.default_rng(0).integers(0, 5, ROWS)
    y = (X[:, 4] % 2 == 0).astype(int)
    with pytest.raises(BadInput, match="categories"):
        read_trees(HistGradientBoostingClassifier(max_iter=2, categorical_features=[4]).fit(X, y))
    with pytest.raises(BadInput, match="two classes"):
        read_trees(HistGradientBoostingClassifier(max_iter=2).fit(X, X[:, 4]))


def test_a_pure_pair_says_nothing_of_either_input_alone(data: MadeUp) -> None:
    """Averaged over the rows' values of one input, a pair table is 0 for every value of the other; so is every step."""
    tables = purify(tabulate(read_trees(boosted(data, interaction_cst="pairwise")).trees), data.X)
    assert tables.pairs
    for (first, second), table in tables.pairs.items():
        assert table.values @ shares(data.X[:, second], table.cuts[1]) == pytest.approx(0, abs=1e-12)
        assert shares(data.X[:, first], table.cuts[0]) @ table.values == pytest.approx(0, abs=1e-12)
    for index, table in tables.steps.items():
        assert shares(data.X[:, index], table.cuts[0]) @ table.values == pytest.approx(0, abs=1e-12)


def test_contributions_of_a_compiled_scorecard_are_shapley_values(data: MadeUp) -> None:
    """Against all rows of the reference, by the definition over every subset (interventional): exact to 1e-9."""
    background = data.X[:300]
    booster = boosted(data, interaction_cst="pairwise", max_iter=30)
    scorecard = compile_scorecard(read_trees(booster), inputs=INPUTS, rows=background, reference="300 rows")
    x = data.X[4321]
    found = scorecard.explain(x)

    def worth(known: tuple[int, ...]) -> float:
        mixed = background.copy()
        mixed[:, known] = x[list(known)]
        return float(scorecard.log_odds(mixed).mean())

    count = len(INPUTS)
    for own in range(count):
        others = [index for index in range(count) if index != own]
        share = sum(
            factorial(size) * factorial(count - size - 1) / factorial(count) * (worth((*known, own)) - worth(known))
            for size in range(count)
            for known in combinations(others, size)
        )
        assert found.contributions[own] == pytest.approx(share, abs=1e-9)
    assert found.base == pytest.approx(worth(()), abs=1e-9)


def test_calibration_changes_the_risk_and_not_the_order(data: MadeUp) -> None:
    """The same terms under another line: the log-odds before it stay, the contributions are scaled."""
    model = compile_forest(read_trees(boosted(data)), inputs=INPUTS, reference="made-up rows")
    other = calibrated(model, CalibrationMap(intercept=0.2, slope=0.5))
    assert other.log_odds(data.X).tolist() == model.log_odds(data.X).tolist()
    before, after = model.explain(data.X[0]), other.explain(data.X[0])
    assert after.log_odds == pytest.approx(0.2 + 0.5 * before.log_odds)
    assert after.contributions == pytest.approx([share / 2 for share in before.contributions])
