"""lightgbm_text.py: LightGBM's own risks from its own text, for every mode of missing values, or a reason why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.learner.models.imported.foreign import CannotConvert
from services.learner.models.imported.lightgbm_text import ZERO, read_lightgbm
from services.learner.models.imported.read_model import read_model
from tests.learner.made_up import INPUTS
from tests.learner.models.imported.rows import DATA, forest_of, hard_rows

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed: nothing to compare with")


def fitted(
    y: Any = DATA.y, X: Any = DATA.X, trees: int = 30, dataset: dict[str, Any] | None = None, **changes: Any
) -> Any:
    """A booster on the made-up rows."""
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 15, "seed": 0} | changes
    data = lightgbm.Dataset(X, y, feature_name=list(INPUTS), **(dataset or {}))
    return lightgbm.train(settings, data, trees)


def text_of(booster: Any) -> bytes:
    """Its text form."""
    return str(booster.model_to_string()).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use_missing": False},
        {"boosting": "dart"},
        {"boosting": "goss"},
        {"objective": "cross_entropy"},
        {"sigmoid": 2.0},
        {"extra_trees": True, "max_bin": 15},
        {"monotone_constraints": [1, 0, 0, 1, 1, -1]},
        {"is_unbalance": True, "bagging_fraction": 0.5, "bagging_freq": 1},
    ],
    ids=str,
)
def test_its_risks_are_lightgbms(changes: dict[str, Any]) -> None:
    """At most 1e-12 over 3,000 rows with values on and beside every cut, zeros and missing values."""
    booster = fitted(**changes)
    foreign = read_model(text_of(booster), place="model.txt")
    forest = forest_of(foreign)
    X = hard_rows(forest)
    assert foreign.names == INPUTS
    assert float(np.abs(forest.risk(X) - booster.predict(X)).max()) <= 1e-12
    if "sigmoid" not in changes:
        assert float(np.abs(forest.log_odds(X) - booster.predict(X, raw_score=True)).max()) <= 1e-12


def test_what_is_next_to_nothing_is_zero_as_in_lightgbm() -> None:
    """Values within 1e-35 of 0 go where 0 goes, on either side of a split at 0."""
    X = DATA.X.copy()
    X[:, 5] = np.where(DATA.X[:, 5] > 0.3, 1.0, np.where(DATA.X[:, 5] < -0.3, -1.0, 0.0))
    booster = fitted(y=(X[:, 5] > 0).astype(int), X=X, trees=3)
    forest = forest_of(read_lightgbm(text_of(booster), place="m"))
    rows = np.repeat(X[:1], 8, axis=0)
    rows[:, 5] = [0.0, -0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), -np.nextafter(ZERO, 1), 5e-324, np.nan]
    assert float(np.abs(forest.risk(rows) - booster.predict(rows)).max()) <= 1e-12


def test_a_model_that_learned_nothing_is_its_constant() -> None:
    """Trees of one leaf."""
    booster = fitted(trees=1, min_data_in_leaf=3000)
    forest = forest_of(read_lightgbm(text_of(booster), place="m"))
    assert forest.risk(DATA.X[:5]) == pytest.approx(booster.predict(DATA.X[:5]), abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged"),
        ({"linear_tree": True}, "linear models"),
        ({"objective": "regression"}, "objective is regression"),
        ({"zero_as_missing": True}, "0 for missing"),
    ],
)
def test_what_has_no_exact_form_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    """And with what to train instead."""
    with pytest.raises(CannotConvert, match=why) as fault:
        read_lightgbm(text_of(fitted(trees=5, **changes)), place="m")
    assert fault.value.remedy


def test_more_classes_and_categories_are_refused() -> None:
    """What no sum of numbers can say."""
    with pytest.raises(CannotConvert, match="objective is multiclass"):
        read_lightgbm(
            text_of(fitted(y=DATA.X[:, 4].clip(0, 2), objective="multiclass", num_class=3, trees=2)), place="m"
        )
    X = DATA.X.copy()
    X[:, 4] = np.random.default_rng(0).integers(0, 12, len(X))
    booster = fitted(y=(X[:, 4] % 3 == 0).astype(int), X=X, trees=3, dataset={"categorical_feature": [4]})
    with pytest.raises(CannotConvert, match="set of categories"):
        read_lightgbm(text_of(booster), place="m")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("end of trees", ""),
        ("max_feature_idx=5", "max_feature_idx=1"),
        ("left_child=", "left_child=0 "),
        ("num_leaves=15", "num_leaves=many"),
        ("threshold=", "threshold=nan "),
        ("feature_names=age", "feature_names=age sex"),
        ("split_feature=", "threshold="),
    ],
)
def test_a_damaged_file_is_a_clear_fault(old: str, new: str) -> None:
    """Cut off, out of range, or going round in a circle: never a wrong model, never a crash."""
    with pytest.raises(CannotConvert):
        read_lightgbm(text_of(fitted(trees=2)).replace(old.encode(), new.encode()), place="m")
