"""Which reader a file is for, by its first bytes. A pickle is known by its own, and is never opened."""

from __future__ import annotations

from typing import Final

from services.learner.models.imported import lightgbm_text, skops_file
from services.learner.models.imported.foreign import CannotConvert, Foreign
from services.learner.models.imported.lightgbm_text import read_lightgbm
from services.learner.models.imported.sklearn_model import convert_sklearn
from services.learner.models.imported.xgboost_json import read_xgboost

LARGEST: Final = 1 << 29
"""Bytes of a model file that is read at all."""
# Pickle from protocol 2 on, and what joblib and others pack it in (zlib, gzip, xz, bzip2, lz4).
_PICKLES: Final = (b"\x80", b"\x78", b"\x1f\x8b", b"\xfd7zXZ", b"BZh", b"\x04\x22M\x18")
_WHAT_IS_READ: Final = (
    "Save it as skops (scikit-learn), as LightGBM's text (`booster.save_model('model.txt')`), or as XGBoost's JSON or "
    "UBJSON (`booster.save_model('model.json')`)"
)


def read_model(data: bytes, *, place: str) -> Foreign:
    """The model in a file; CannotConvert says why it cannot be one of ours."""
    if len(data) > LARGEST:
        raise CannotConvert("a model file of more than 512 MiB", place=place, remedy="Train a smaller model")
    if data.startswith(skops_file.MAGIC):
        return convert_sklearn(skops_file.load_skops(data, place=place), place=place)
    if data.startswith(lightgbm_text.MAGIC) or data.startswith(b"tree\r\n"):
        return read_lightgbm(data.replace(b"\r\n", b"\n"), place=place)
    if data.lstrip()[:1] == b"{":
        return read_xgboost(data, place=place)
    if data.startswith(_PICKLES):
        raise CannotConvert(
            "a pickle (or a packed one) is never loaded: it runs code", place=place, remedy=_WHAT_IS_READ
        )
    raise CannotConvert("no form of a model that is read here", place=place, remedy=_WHAT_IS_READ)
