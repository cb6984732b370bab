"""Whether a model's risk only rises (or only falls) with an input, where the guidance says that it must.

Every row is asked again with each of the model's own cuts put in the place of the input, in their order: over these
rows that is the whole of the curve, and nothing but a difference beyond rounding counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from services.guidance.models.explanation import Numbers
from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard

_ROWS: Final = 200
_MOST_POINTS: Final = 256
_ROUNDING: Final = 1e-9


def turns_against(model: Scorecard | Forest, directions: Mapping[str, int], X: Numbers) -> list[str]:
    """The inputs in whose direction the log-odds once go the other way."""
    rows = X[np.linspace(0, len(X) - 1, min(_ROWS, len(X))).astype(np.int64)] if len(X) else X
    found = []
    for place, name in enumerate(model.inputs):
        sign = directions.get(name, 0)
        points = _points(model, place, X[:, place])
        if sign == 0 or len(points) < 2 or not len(rows):
            continue
        asked = np.repeat(rows, len(points), axis=0)
        asked[:, place] = np.tile(points, len(rows))
        curve = model.log_odds(asked).reshape(len(rows), len(points))
        if (np.diff(curve, axis=1) * sign * model.file.calibration.slope < -_ROUNDING).any():
            found.append(name)
    return found


def _points(model: Scorecard | Forest, place: int, column: Numbers) -> Numbers:
    """One value in every bin of the input, and the ends of what was seen."""
    cuts: set[float] = set()
    if isinstance(model, Forest):
        for tree in model.file.trees:
            cuts |= {
                cut for one, cut in zip(tree.feature, tree.threshold, strict=True) if one == place and cut is not None
            }
    else:
        for step in model.file.steps:
            cuts |= set(step.cuts) if step.input == place else set()
        for pair in model.file.pairs:
            for one, own in zip(pair.inputs, pair.cuts, strict=True):
                cuts |= set(own) if one == place else set()
    seen = column[np.isfinite(column)]
    ends = {float(seen.min()), float(seen.max())} if len(seen) else set()
    points = np.array(sorted(cuts | ends))
    if len(points) and cuts:
        points = np.append(points, np.nextafter(points[-1], np.inf))
    if len(points) <= _MOST_POINTS:
        return points
    return points[np.linspace(0, len(points) - 1, _MOST_POINTS).astype(np.int64)]
