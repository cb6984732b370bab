"""What each input of a scorecard adds, as a line to draw, over how many rows of the cohort lie where.

Against the average of the reference, after calibration: the same numbers as the reasons on a card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from services.figures.shapes import Shape
from services.guidance.definition import Guidance
from services.guidance.models.scorecard import Scorecard
from services.guidance.models.shape_line import added_by, line_of

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.feature_matrix import CohortRows

PARTS: Final = 16
"""Equal parts of the range in which rows are counted."""
_TIMES: Final = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours", "min": "minutes"}
_TAIL: Final = 0.005
"""Of the rows, left out of the drawing at either end: one odd value would press all others into a corner."""


def shape_functions(guidance: Guidance, model: Scorecard, rows: CohortRows) -> tuple[Shape, ...]:
    """One for each input, the one that moves risks most first."""
    values = rows.inputs(model.inputs)
    weighed = []
    for place, name in enumerate(model.inputs):
        column = values[:, place]
        known = column[np.isfinite(column)]
        if not len(known):
            continue
        low, high = (float(one) for one in np.quantile(known, [_TAIL, 1 - _TAIL]))
        if high <= low:
            low, high = float(known.min()), float(known.max())
        if high <= low:
            low, high = low - 0.5, high + 0.5
        feature = guidance.features[name]
        edges = np.linspace(low, high, PARTS + 1)
        middles = (edges[:-1] + edges[1:]) / 2
        counted, _ = np.histogram(np.clip(known, low, high), bins=edges)
        added = added_by(model.file, place, column)
        shape = Shape(
            name=feature.label,
            unit=_unit(getattr(feature, "unit", None) or ""),
            line=line_of(model.file, place, low, high),
            edges=[round(float(one), 6) for one in edges],
            adds=[round(float(one), 6) for one in added_by(model.file, place, middles)],
            rows=[int(one) for one in counted],
            missing=round(float(added_by(model.file, place, np.array([np.nan]))[0]), 6),
            missing_rows=int(len(column) - len(known)),
        )
        weighed.append((-float(np.abs(added).mean()), place, shape))
    return tuple(shape for _, _, shape in sorted(weighed, key=lambda one: one[:2]))


def _unit(ucum: str) -> str:
    """As people write it: `mL/min/{1.73_m2}` is mL/min/1.73 m²; an annotation alone is no unit."""
    if ucum in _TIMES:
        return _TIMES[ucum]
    return "" if ucum.startswith("{") else ucum.replace("_m2", " m²").replace("{", "").replace("}", "")
