"""services/guidance/models/forest.py, forest_file.py and forest_leaves.py."""

from __future__ import annotations

import json
import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.errors import BadRelease
from services.guidance.models.explanation import CalibrationMap
from services.guidance.models.forest import Forest
from services.guidance.models.forest_file import LEAF, ForestFile, Reference, Tree

STUMP = Tree(
    feature=(0, LEAF, LEAF),
    threshold=(1.5, None, None),
    left=(1, LEAF, LEAF),
    right=(2, LEAF, LEAF),
    missing_left=(True, False, False),
    value=(0.0, -1.0, 2.0),
    cover=(10.0, 4.0, 6.0),
)


def grow(rng: np.random.Generator, *, inputs: int, splits: int) -> Tree:
    """A random tree: any leaf may be split again on any input, the same one too."""
    feature, threshold, left, right = [LEAF], [None], [LEAF], [LEAF]
    missing_left, value, cover = [False], [rng.normal()], [float(rng.integers(50, 500))]
    for _ in range(splits):
        large = [node for node in range(len(feature)) if feature[node] == LEAF and cover[node] > 3]
        if not large:
            break
        leaf = int(rng.choice(large))
        feature[leaf] = int(rng.integers(inputs))
        # One split in ten asks only whether there is a value.
        threshold[leaf] = None if rng.random() < 0.1 else float(rng.integers(-2, 3))  # type: ignore[call-overload]
        missing_left[leaf] = bool(rng.random() < 0.5)
        value[leaf] = 0.0
        part = float(rng.integers(1, int(cover[leaf])))
        left[leaf], right[leaf] = len(feature), len(feature) + 1
        for own in (part, cover[leaf] - part):
            feature.append(LEAF)
            threshold.append(None)
            left.append(LEAF)
            right.append(LEAF)
            missing_left.append(False)
            value.append(rng.normal())
            cover.append(own)
    return Tree(
        feature=tuple(feature), threshold=tuple(threshold), left=tuple(left), right=tuple(right),
        missing_left=tuple(missing_left), value=tuple(value), cover=tuple(cover),
    )  # fmt: skip


def forest_of(seed: int, *, inputs: int = 5, trees: int = 4, splits: int = 9) -> Forest:
    """A random forest."""
    rng = np.random.default_rng(seed)
    return Forest(
        file=ForestFile(
            inputs=tuple(f"input_{index}" for index in range(inputs)),
            intercept=float(rng.normal()),
            trees=tuple(grow(rng, inputs=inputs, splits=int(rng.integers(0, splits + 1))) for _ in range(trees)),
            calibration=CalibrationMap(intercept=0.3, slope=0.7),
            reference=Reference(name="training rows"),
        )
    )


def rows_of(seed: int, rows: int, inputs: int = 5) -> np.ndarray:
    """Values on and between thresholds, missing, and infinite."""
    return np.random.default_rng(seed).choice(
        [-np.inf, -2.5, -2, -1, -0.5, 0, 1, 1.5, 2, np.inf, np.nan], (rows, inputs)
    )


def walk(tree: Tree, x: np.ndarray, known: frozenset[int] | None = None, node: int = 0) -> float:
    """One tree by the definition; inputs outside `known` are averaged over by cover."""
    if tree.feature[node] == LEAF:
        return tree.value[node]
    feature, cut = tree.feature[node], tree.threshold[node]
    left, right = tree.left[node], tree.right[node]
    if known is not None and feature not in known:
        parts = [tree.cover[child] / tree.cover[node] * walk(tree, x, known, child) for child in (left, right)]
        return sum(parts)
    goes_left = tree.missing_left[node] if math.isnan(x[feature]) else x[feature] <= (math.inf if cut is None else cut)
    return walk(tree, x, known, left if goes_left else right)


def brute_force(forest: Forest, x: np.ndarray) -> list[float]:
    """Shapley values by their definition: every subset of the inputs."""
    everything = range(len(x))

    def worth(known: frozenset[int]) -> float:
        return sum(walk(tree, x, known) for tree in forest.file.trees)

    shares = []
    for own in everything:
        others = [index for index in everything if index != own]
        share = 0.0
        for size in range(len(others) + 1):
            weight = math.factorial(size) * math.factorial(len(x) - size - 1) / math.factorial(len(x))
            for subset in combinations(others, size):
                share += weight * (worth(frozenset({*subset, own})) - worth(frozenset(subset)))
        shares.append(share)
    return shares


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_contributions_are_the_shapley_values(seed: int) -> None:
    """Against every subset of the inputs: the closed form over leaves is exact to 1e-10."""
    forest = forest_of(seed)
    x = rows_of(seed + 1, 1)[0]
    found = forest.explain(x)
    assert found.contributions == pytest.approx([0.7 * share for share in brute_force(forest, x)], abs=1e-10)
    nothing = sum(walk(tree, x, frozenset()) for tree in forest.file.trees)
    assert found.base == pytest.approx(0.3 + 0.7 * (forest.file.intercept + nothing), abs=1e-10)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_base_and_contributions_make_the_log_odds(seed: int) -> None:
    """Efficiency, on forests with long paths."""
    forest = forest_of(seed, inputs=20, trees=10, splits=60)
    x = rows_of(seed + 1, 1, inputs=20)[0]
    found = forest.explain(x)
    assert found.base + sum(found.contributions) == pytest.approx(found.log_odds, abs=1e-9)
    assert found.risk == forest.risk(x[None, :])[0]
    assert found.risk == pytest.approx(1 / (1 + math.exp(-found.log_odds)), abs=1e-15)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_walk_is_the_definition_and_one_row_has_the_bits_of_many(seed: int) -> None:
    """All trees at once give what each gives alone, and a row's bits do not depend on its neighbours."""
    forest = forest_of(seed, trees=9)
    X = rows_of(seed + 1, 60)
    many = forest.log_odds(X)
    by_hand = [forest.file.intercept + sum(walk(tree, x) for tree in forest.file.trees) for x in X]
    assert many == pytest.approx(by_hand, abs=1e-12)
    assert [forest.log_odds(x[None, :])[0] for x in X] == many.tolist()


def test_one_row_of_a_large_forest_has_the_bits_of_many() -> None:
    """Sums over hundreds of trees too, and over more rows than are walked at once."""
    forest = forest_of(3, trees=300, splits=3)
    X = rows_of(4, 2000)
    many = forest.log_odds(X)
    assert [forest.log_odds(x[None, :])[0] for x in X[::7]] == many[::7].tolist()


def test_a_forest_of_no_trees_says_its_intercept() -> None:
    """Nothing learned is not an error: everyone gets the average."""
    forest = Forest(file=ForestFile(inputs=("a",), intercept=-1.0, trees=(), reference=Reference(name="training rows")))
    assert forest.log_odds(np.array([[math.nan], [3.0]])).tolist() == [-1.0, -1.0]
    assert forest.explain(np.array([1.0])).contributions == (0.0,)
    assert Forest.from_json(forest.to_json()) == forest


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_forest_survives_the_round_trip_byte_for_byte(seed: int) -> None:
    """Reading what was written gives the same numbers, and writing it again the same bytes."""
    forest = forest_of(seed)
    written = forest.to_json()
    again = Forest.from_json(written)
    assert again == forest
    assert again.to_json() == written
    assert again.method == "path-dependent TreeSHAP, background: training rows"


def _broken(**changes: Any) -> bytes:
    tree = json.loads(json.dumps({name: getattr(STUMP, name) for name in STUMP.__struct_fields__})) | changes
    return json.dumps(
        {"kind": "forest", "inputs": ["a"], "intercept": 0.0, "trees": [tree], "reference": {"name": "rows"}}
    ).encode()


def test_the_stump_of_these_tests_is_sound() -> None:
    """Unbroken, it is read: the refusals below are for what was broken."""
    assert Forest.from_json(_broken()).log_odds(np.array([[1.5], [1.6], [math.nan]])).tolist() == [-1.0, 2.0, -1.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"left": [0, -1, -1]},
        {"left": [2, -1, -1]},
        {"left": [9, -1, -1]},
        {"right": [0, -1, -1]},
        {"feature": [0, 0, -1], "left": [1, 1, -1], "right": [2, 2, -1], "threshold": [1.5, 0.0, None]},
        {"feature": [3, -1, -1]},
        {"feature": [-2, -1, -1]},
        {"feature": [0, -1]},
        {"feature": [], "threshold": [], "left": [], "right": [], "missing_left": [], "value": [], "cover": []},
        {"threshold": ["NaN", None, None]},
        {"threshold": [1.5, 2.0, None]},
        {"value": [0.5, -1.0, 2.0]},
        {"value": [0.0, None, 2.0]},
        {"cover": [10.0, 4.0, 7.0]},
        {"cover": [4.0, 4.0, 0.0]},
        {"cover": [10.0, 14.0, -4.0]},
        {"missing_left": ["yes", False, False]},
        {"code": "print()"},
    ],
)
def test_a_malformed_tree_is_refused(changes: dict[str, Any]) -> None:
    """Cycles, orphans, unknown inputs, wrong lengths and impossible covers are BadRelease, never a walk without end."""
    with pytest.raises(BadRelease):
        Forest.from_json(_broken(**changes))
