"""Model files as JSON: one spelling for each model, every float exact, and what is not understood is refused.

Python's `repr` of a float is the shortest text that reads back as the same float, so a model survives the round trip
bit for bit; keys are sorted and nothing is indented, so that the same model always gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, TypeVar

import msgspec

from services.guidance.errors import BadRelease

_REBUILD = "Train the model again with `knowdo learner train`, or fetch the release again from the registry"

Index = Annotated[int, msgspec.Meta(ge=0)]
"""Place of an input in `inputs`."""
File = TypeVar("File", bound=msgspec.Struct)


def write_json(file: msgspec.Struct) -> bytes:
    """The one spelling of a model."""
    said = json.dumps(
        msgspec.to_builtins(file), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return said.encode()


def read_json(data: bytes, kind: type[File]) -> File:
    """Read a model file; a missing, unknown or impossible part is BadRelease with its path."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadRelease(f"the model cannot be read: {fault}", place="model.json", remedy=_REBUILD) from fault


def bad_model(what: str) -> BadRelease:
    """The error for a model file of an unknown kind."""
    return BadRelease(what, place="model.json", remedy=_REBUILD)


def must_be_finite(numbers: Iterable[float], what: str) -> None:
    """A number that is not finite cannot be a part of a model."""
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"`{what}` holds a number that is not finite")


def must_be_cuts(cuts: Sequence[float]) -> None:
    """Cuts are finite and rise strictly."""
    must_be_finite(cuts, "cuts")
    if any(low >= high for low, high in pairwise(cuts)):
        raise ValueError("`cuts` must rise strictly")


def must_be_names(names: Sequence[str]) -> None:
    """Inputs have names, each its own."""
    if not all(names) or len(set(names)) != len(names):
        raise ValueError("`inputs` must be names, each different")


def must_be_known(index: int, inputs: Sequence[str], what: str) -> None:
    """An index must point into `inputs`."""
    if index >= len(inputs):
        raise ValueError(f"`{what}` names input {index}, and there are {len(inputs)}")
