"""Rows that are hard on a converted model: values on every cut, beside it, rounded to float32, zero, and missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.guidance.models.forest import Forest
from services.guidance.models.forest_file import LEAF
from services.learner.models.compile import compile_forest
from services.learner.models.imported.foreign import Foreign
from tests.learner.made_up import INPUTS, MadeUp, made_up

DATA: MadeUp = made_up(3000)


def forest_of(foreign: Foreign) -> Forest:
    """The trees as a forest over the made-up inputs."""
    assert foreign.trees is not None
    return compile_forest(foreign.trees, inputs=INPUTS, reference="made-up rows", calibration=foreign.calibration)


def hard_rows(forest: Forest, *, seed: int = 0) -> NDArray[np.float64]:
    """The made-up rows, with the values that a conversion may get wrong."""
    X = DATA.X.copy()
    rng = np.random.default_rng(seed)
    X[rng.random(X.shape) < 0.03] = 0.0
    X[rng.random(X.shape) < 0.05] = np.nan
    for tree in forest.file.trees:
        for feature, cut in zip(tree.feature, tree.threshold, strict=True):
            if feature == LEAF or cut is None:
                continue
            single = np.float32(cut)
            for value in (cut, np.nextafter(cut, np.inf), single, np.nextafter(single, np.float32(np.inf))):
                X[rng.integers(len(X)), feature] = value
    return X
