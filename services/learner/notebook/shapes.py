"""The shape function of one input of a scorecard as a table: what a committee looks at before it approves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard
from services.timeline.errors import BadInput


def shape_of(model: Scorecard | Forest, name: str) -> pd.DataFrame:
    """One line for each step, `above < value <= up_to`, and a last one for missing; a straight line has its slope."""
    if isinstance(model, Forest):
        raise BadInput(
            "a forest has no shape functions: an input's share depends on the others",
            remedy="Fit a scorecard, or explain single rows",
        )
    if name not in model.inputs:
        raise BadInput(f"the model does not read {name!r}", remedy=f"Name one of: {', '.join(model.inputs)}")
    place, slope = model.inputs.index(name), model.file.calibration.slope
    lines = []
    for term, mean in zip(model.file.linear, model.file.reference.linear, strict=True):
        if term.input == place:
            lines += [
                _line(-np.inf, np.inf, -mean * slope, per_unit=term.coefficient * slope),
                _line(np.nan, np.nan, (term.missing - mean) * slope),
            ]
    for step, mean in zip(model.file.steps, model.file.reference.steps, strict=True):
        if step.input == place:
            edges = [-np.inf, *step.cuts, np.inf]
            lines += [
                _line(edges[bin_], edges[bin_ + 1], (value - mean) * slope) for bin_, value in enumerate(step.values)
            ]
            lines.append(_line(np.nan, np.nan, (step.missing - mean) * slope))
    return pd.DataFrame(lines, columns=["above", "up_to", "log_odds", "per_unit"])


def _line(above: float, up_to: float, log_odds: float, *, per_unit: float = 0.0) -> dict[str, float]:
    return {"above": above, "up_to": up_to, "log_odds": log_odds, "per_unit": per_unit}
