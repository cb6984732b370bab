"""xgboost_json.py and ubjson.py: XGBoost's own leaves for every value, its sum to the last bit when added up as it does."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.learner.models.imported.foreign import CannotConvert
from services.learner.models.imported.read_model import read_model
from services.learner.models.imported.ubjson import read_ubjson
from services.learner.models.imported.xgboost_json import read_xgboost
from tests.learner.made_up import INPUTS
from tests.learner.models.imported.rows import DATA, forest_of, hard_rows

xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed: nothing to compare with")


def fitted(y: Any = DATA.y, X: Any = DATA.X, trees: int = 30, **changes: Any) -> Any:
    """A booster on the made-up rows."""
    told = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1, "seed": 0, "verbosity": 0} | changes
    return xgboost.train(told, xgboost.DMatrix(X, y, feature_names=list(INPUTS)), trees)


def saved(booster: Any, form: str = "json") -> bytes:
    """The file that `save_model` writes."""
    return bytes(booster.save_raw(form))


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"base_score": 0.3},
        {"booster": "dart", "rate_drop": 0.3},
        {"objective": "reg:logistic", "tree_method": "exact"},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"grow_policy": "lossguide", "max_leaves": 9, "monotone_constraints": "(1,0,0,1,1,-1)"},
    ],
    ids=str,
)
def test_its_leaves_are_xgboosts(form: str, changes: dict[str, Any]) -> None:
    """Added up in float32 in their order they are XGBoost's margin to the last bit; our float64 sum is within its rounding."""
    booster = fitted(**changes)
    foreign = read_model(saved(booster, form), place="model")
    forest = forest_of(foreign)
    X = hard_rows(forest)
    theirs = booster.predict(xgboost.DMatrix(X, feature_names=list(INPUTS)), output_margin=True)
    leaves = forest._walk(X).astype(np.float32)
    single = np.full(len(X), forest.file.intercept, dtype=np.float32)
    for tree in range(leaves.shape[1]):
        single += leaves[:, tree]
    assert single.tolist() == theirs.tolist()
    rounding = leaves.shape[1] * np.finfo(np.float32).eps * float(np.abs(leaves).sum(axis=1).max())
    assert float(np.abs(forest.log_odds(X) - theirs).max()) <= rounding
    assert foreign.names == INPUTS


def test_both_forms_of_a_file_are_the_same_model() -> None:
    """UBJSON holds float32 as such, JSON as decimals: the same bits."""
    booster = fitted()
    assert read_xgboost(saved(booster, "json"), place="m") == read_xgboost(saved(booster, "ubj"), place="m")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"booster": "gblinear"}, "booster is gblinear"),
        ({"objective": "binary:logitraw"}, "no log-odds"),
        ({"objective": "reg:squarederror"}, "no log-odds"),
        ({"objective": "binary:hinge"}, "no log-odds"),
    ],
)
def test_what_has_no_exact_form_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    """And with what to train instead."""
    with pytest.raises(CannotConvert, match=why) as fault:
        read_xgboost(saved(fitted(trees=3, **changes)), place="m")
    assert fault.value.remedy


def test_categories_are_refused() -> None:
    """A set of categories is no cut."""
    X = DATA.X.copy()
    X[:, 4] = np.random.default_rng(0).integers(0, 12, len(X))
    types = ["float", "float", "float", "float", "c", "float"]
    data = xgboost.DMatrix(
        X, (X[:, 4] % 3 == 0).astype(int), feature_names=list(INPUTS), feature_types=types, enable_categorical=True
    )
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1, "max_cat_to_onehot": 1}, data, 3)
    with pytest.raises(CannotConvert, match="set of categories"):
        read_xgboost(saved(booster), place="m")


def test_after_early_stopping_the_file_must_say_what_is_meant() -> None:
    """Some callers of XGBoost use the best rounds and others all: only a file with the one or the other is taken."""
    data = xgboost.DMatrix(DATA.X[:300], DATA.y[:300], feature_names=list(INPUTS))
    test = xgboost.DMatrix(DATA.X[300:], DATA.y[300:], feature_names=list(INPUTS))
    told = {"objective": "binary:logistic", "nthread": 1, "eta": 1.0}
    booster = xgboost.train(told, data, 30, evals=[(test, "t")], early_stopping_rounds=5, verbose_eval=False)
    with pytest.raises(CannotConvert, match=f"its first {booster.best_iteration + 1} rounds"):
        read_xgboost(saved(booster), place="m")
    best = booster[: booster.best_iteration + 1]
    best.set_attr(best_iteration=None, best_score=None)
    assert read_xgboost(saved(best), place="m").trees is not None


def damaged(change: Any) -> bytes:
    """A saved model with one part changed."""
    content = json.loads(saved(fitted(trees=2)))
    change(content["learner"])
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda learner: learner.pop("objective"),
        lambda learner: learner["gradient_booster"]["model"]["trees"][0].update(left_children=[0] * 31),
        lambda learner: learner["gradient_booster"]["model"]["trees"][0].update(left_children=[99] * 31),
        lambda learner: learner["gradient_booster"]["model"]["trees"][0].update(split_indices=[6] * 31),
        lambda learner: learner["gradient_booster"]["model"]["trees"][0].update(split_conditions=[None] * 31),
        lambda learner: learner["learner_model_param"].update(base_score="2"),
        lambda learner: learner.update(gradient_booster=[]),
    ],
)
def test_a_damaged_file_is_a_clear_fault(change: Any) -> None:
    """Missing, out of range, or going round in a circle: never a wrong model, never a crash."""
    with pytest.raises(CannotConvert):
        read_xgboost(damaged(change), place="m")


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 400), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_ubjson_file_is_a_clear_fault(cut: int, at: int, byte: int) -> None:
    """Cut off anywhere or with any byte changed: it is read, or refused in words."""
    data = bytearray(UBJSON)
    data[at % len(data)] = byte
    for broken in (UBJSON[:cut], bytes(data)):
        with suppress(CannotConvert):
            read_ubjson(broken, place="m")


UBJSON = saved(fitted(trees=1, max_depth=2), "ubj")
