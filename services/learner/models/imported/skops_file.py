"""A scikit-learn model in a skops file, opened only if every type in it is on our own list: no code of anybody's runs.

The list is checked before skops builds anything, against the file's own schema: skops trusts more by itself than a
model that can be converted ever needs.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any, Final

from services.learner.models.imported.foreign import CannotConvert, cannot, unreadable

MAGIC: Final = b"PK\x03\x04"
_SCHEMA: Final = "schema.json"
_LARGEST: Final = 1 << 30  # bytes unpacked: a forest of a million nodes is a tenth of it
_GRADIENT: Final = "sklearn.ensemble._hist_gradient_boosting"
TYPES: Final = frozenset(
    {
        *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "str", "tuple")),
        *(f"numpy.{name}" for name in ("dtype", "ndarray", "bool", "bool_", "float32", "float64")),
        *(f"numpy.{name}" for name in ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")),
        "numpy.random._generator.Generator",
        "numpy.random.mtrand.RandomState",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.dummy.DummyClassifier",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        f"{_GRADIENT}.binning._BinMapper",
        f"{_GRADIENT}.gradient_boosting.HistGradientBoostingClassifier",
        f"{_GRADIENT}.predictor.TreePredictor",
        "sklearn.frozen._frozen.FrozenEstimator",
        "sklearn.impute._base.MissingIndicator",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._logistic.LogisticRegressionCV",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.MaxAbsScaler",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.RobustScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._tree.Tree",
    }
)
_LOADERS: Final = frozenset(
    {
        "CachedNode", "DTypeNode", "DictNode", "JsonNode", "ListNode", "LossNode", "NdArrayNode", "ObjectNode",
        "RandomGeneratorNode", "RandomStateNode", "TreeNode", "TupleNode", "TypeNode",
    }
)  # fmt: skip
_NO_SUM: Final = "averages probabilities, and the logit of an average is no sum"
# Known, and no sum in log-odds: said as such, and not as a type that is not trusted.
_REFUSED: Final = {
    "RandomForestClassifier": f"a random forest {_NO_SUM}",
    "ExtraTreesClassifier": f"a forest of extra trees {_NO_SUM}",
    "BaggingClassifier": f"bagging {_NO_SUM}",
    "VotingClassifier": f"a vote {_NO_SUM}",
    "ColumnTransformer": "it treats columns or categories apart (ColumnTransformer)",
    "IsotonicRegression": "isotonic calibration is no straight line in log-odds",
}


def load_skops(data: bytes, *, place: str) -> Any:
    """The estimator in the file; CannotConvert names a type that is not on the list."""
    _must_be_known(_schema(data, place), place=place)
    import skops.io

    try:
        # The list again: a release of skops that reads a schema otherwise than we do still asks it.
        return skops.io.loads(data, trusted=sorted(TYPES))
    except (TypeError, ValueError, KeyError, AttributeError, ImportError, zipfile.BadZipFile) as fault:
        raise unreadable(
            f"skops cannot read it ({type(fault).__name__}: {str(fault).splitlines()[0][:160]})", place=place
        ) from fault


def _schema(data: bytes, place: str) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
                raise CannotConvert("it unpacks to more than 1 GiB", place=place, remedy="Train a smaller model")
            return json.loads(archive.read(_SCHEMA))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError) as fault:
        raise unreadable(f"no skops file ({type(fault).__name__})", place=place) from fault


def _must_be_known(schema: Any, *, place: str) -> None:
    found = set(_types(schema))
    for module, name, _ in found:
        if name in _REFUSED and module.startswith("sklearn."):
            raise cannot(
                _REFUSED[name],
                place=place,
                remedy="Train HistGradientBoostingClassifier, GradientBoostingClassifier or LogisticRegression, and calibrate "
                "them by a sigmoid",
            )
    strangers = sorted(
        f"{module}.{name}"
        for module, name, loader in found
        if f"{module}.{name}" not in TYPES or loader not in _LOADERS
    )
    if strangers:
        raise CannotConvert(
            f"it holds what is not trusted: {', '.join(strangers[:5])[:300]}",
            place=place,
            remedy="A pipeline of SimpleImputer, scalers and LogisticRegression, GradientBoostingClassifier or "
            "HistGradientBoostingClassifier is read, calibrated by a sigmoid or not",
        )


def _types(schema: Any) -> Iterator[tuple[str, str, str]]:
    """Every type that the file names, and by which of skops' loaders it would be made."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "__loader__" in part or "__class__" in part or "__module__" in part:
                yield tuple(str(part.get(name, "")) for name in ("__module__", "__class__", "__loader__"))  # type: ignore[misc]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
