"""sklearn_model.py and skops_file.py: scikit-learn's own risks from a skops file in which nothing can run."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from threadpoolctl import threadpool_limits

from services.learner.models.imported.convert import Names, convert
from services.learner.models.imported.foreign import CannotConvert
from services.learner.models.imported.read_model import read_model
from services.timeline.errors import BadInput
from tests.learner.made_up import INPUTS
from tests.learner.models.imported.rows import DATA, forest_of, hard_rows

FRAME = pd.DataFrame(DATA.X, columns=list(INPUTS))
EVERYTHING = Names(columns=INPUTS, used=tuple(range(len(INPUTS))))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small fits."""
    with threadpool_limits(1):
        yield


def boosted(**changes: Any) -> HistGradientBoostingClassifier:
    """Not fitted yet."""
    return HistGradientBoostingClassifier(**({"max_iter": 20, "random_state": 0} | changes))


def older(**changes: Any) -> GradientBoostingClassifier:
    """The one whose trees round to float32."""
    return GradientBoostingClassifier(**({"n_estimators": 20, "random_state": 0} | changes))


def saved(model: Any) -> bytes:
    """A skops file of the model, fitted on the made-up rows."""
    return bytes(skops.io.dumps(model.fit(FRAME, DATA.y)))


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), SimpleImputer(strategy="median"), RobustScaler(), LogisticRegression()),
        make_pipeline(SimpleImputer(strategy="constant", fill_value=-1), MinMaxScaler(), LogisticRegression(C=0.1)),
        make_pipeline(SimpleImputer(), make_pipeline(MaxAbsScaler(), LogisticRegression())),
        boosted(),
        boosted(interaction_cst="pairwise", monotonic_cst=[1, 0, 0, 1, 1, -1]),
        make_pipeline(SimpleImputer(add_indicator=True), boosted()),
        make_pipeline(SimpleImputer(add_indicator=True), older()),
        make_pipeline(SimpleImputer(), older(init="zero", subsample=0.5)),
        CalibratedClassifierCV(boosted(max_iter=5), ensemble=False, cv=2),
        CalibratedClassifierCV(make_pipeline(SimpleImputer(), LogisticRegression()), ensemble=False, cv=2),
    ],
    ids=lambda model: (
        type(model).__name__ if not hasattr(model, "steps") else "+".join(name for name, _ in model.steps)
    ),
)
def test_its_risks_are_scikit_learns(model: Any) -> None:
    """At most 1e-12 over 3,000 rows with values on and beside every cut, and missing where none was missing."""
    foreign = read_model(saved(model), place="model.skops")
    assert foreign.names == INPUTS
    assert foreign.own_risk is not None
    if foreign.trees is None:
        X = DATA.X.copy()
        X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
        ours: Any = convert(foreign, EVERYTHING, DATA.X, reference="made-up rows", place="m")
    else:
        ours = forest_of(foreign)
        X = hard_rows(ours)
    assert float(np.abs(ours.risk(X) - model.predict_proba(pd.DataFrame(X, columns=list(INPUTS)))[:, 1]).max()) <= 1e-12
    assert foreign.own_risk(X).tolist() == model.predict_proba(pd.DataFrame(X, columns=list(INPUTS)))[:, 1].tolist()


def test_a_frozen_model_with_a_sigmoid_around_it_is_read() -> None:
    """As scikit-learn calibrates a model that exists already."""
    model = CalibratedClassifierCV(FrozenEstimator(boosted().fit(FRAME, DATA.y)))
    forest = forest_of(read_model(saved(model), place="m"))
    assert forest.file.calibration.slope > 0
    assert float(np.abs(forest.risk(DATA.X) - model.predict_proba(FRAME)[:, 1]).max()) <= 1e-12


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (make_pipeline(SimpleImputer(), RandomForestClassifier(3)), "averages probabilities"),
        (CalibratedClassifierCV(boosted(max_iter=3), cv=2), "average of 2 calibrated models"),
        (CalibratedClassifierCV(boosted(max_iter=3), method="isotonic", ensemble=False, cv=2), "no straight line"),
        (make_pipeline(StandardScaler(), boosted(max_iter=3)), "scaled inputs"),
        (make_pipeline(SimpleImputer(), MinMaxScaler(clip=True), LogisticRegression()), "clips"),
        (make_pipeline(SimpleImputer(), PolynomialFeatures(), LogisticRegression()), "not trusted"),
        (make_pipeline(SimpleImputer(), FunctionTransformer(np.abs), LogisticRegression()), "not trusted"),
        (boosted(max_iter=3, categorical_features=[1]), "categories"),
    ],
)
def test_what_has_no_exact_form_is_refused_with_the_reason(model: Any, why: str) -> None:
    """And with what to train instead."""
    data = saved(model)
    with pytest.raises(CannotConvert, match=why) as fault:
        read_model(data, place="m")
    assert fault.value.remedy


def test_a_model_without_a_word_on_missing_values_is_refused() -> None:
    """At the bedside any value may be missing."""
    for model in (LogisticRegression(max_iter=1000), older(n_estimators=3)):
        model.fit(FRAME.fillna(0.0), DATA.y)
        with pytest.raises(CannotConvert, match="nothing of missing values"):
            read_model(bytes(skops.io.dumps(model)), place="m")


def test_other_labels_and_models_that_are_not_fitted_are_refused() -> None:
    """Which class is the outcome must not be guessed."""
    with pytest.raises(CannotConvert, match="classes"):
        read_model(bytes(skops.io.dumps(boosted(max_iter=2).fit(FRAME, np.where(DATA.y, "yes", "no")))), place="m")
    with pytest.raises(CannotConvert, match="no fitted classifier"):
        read_model(bytes(skops.io.dumps(boosted())), place="m")


class Runs:
    """What would run code when it is unpickled, or built by its reduce function."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch /nowhere/ran",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_known_and_never_loaded(protocol: int) -> None:
    """Whatever it holds."""
    with pytest.raises(CannotConvert, match="never loaded"):
        read_model(pickle.dumps(Runs(), protocol=protocol), place="model.pkl")


@pytest.mark.parametrize(
    ("module", "name", "loader"),
    [
        ("os", "system", "FunctionNode"),
        ("builtins", "eval", "TypeNode"),
        ("operator", "methodcaller", "OperatorFuncNode"),
        ("sklearn.linear_model._logistic", "LogisticRegression", "MethodNode"),
        ("sklearn.externals.array_api_compat", "x", "ObjectNode"),
        ("builtins", "list", "ConstructorFromReduceNode"),
    ],
)
def test_a_skops_file_with_anything_else_in_it_is_refused_before_it_is_built(
    module: str, name: str, loader: str
) -> None:
    """Types and loaders must both be on the list, wherever in the file they stand."""
    data = saved(make_pipeline(SimpleImputer(), LogisticRegression()))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    schema = json.loads(files["schema.json"])
    schema["content"]["hidden"] = {"deep": [{"__module__": module, "__class__": name, "__loader__": loader}]}
    files["schema.json"] = json.dumps(schema).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for entry, content in files.items():
            archive.writestr(entry, content)
    with pytest.raises(CannotConvert, match="not trusted"):
        read_model(packed.getvalue(), place="m")


def test_a_file_of_no_known_form_is_a_clear_fault() -> None:
    """With the forms that are read; an archive without a schema, text, nothing."""
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("a.txt", "a")
    for data in (b"", b"hello", b"{}", b"tree\n", empty.getvalue(), b"PK\x03\x04"):
        with pytest.raises(BadInput) as fault:
            read_model(data, place="m")
        assert fault.value.remedy
