"""Shape functions: the numbers of the model itself, over the rows that it was learned from."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from services.figures.shapes import Shape
from services.guidance.definition import Guidance
from services.guidance.models.scorecard import Scorecard
from services.learner.learn import Found
from services.learner.report.shape_functions import shape_functions


def on_line(shape: Shape, value: float) -> float:
    """What the drawn line says at a value; on a cut, the step on its left."""
    for (start, low), (end, high) in pairwise(shape.line):
        if start < value <= end:
            return low + (high - low) * (value - start) / (end - start)
    raise AssertionError(f"{value} is on no part of the line of {shape.name}")


def test_the_shapes_add_up_to_what_the_model_says(guidance: Guidance, found: Found) -> None:
    """Of a row inside the drawn range, what the shapes add is what the reasons on a card add (pairs apart)."""
    model = found.model
    assert isinstance(model, Scorecard)
    assert not model.file.pairs
    shapes = {shape.name: shape for shape in shape_functions(guidance, model, found.rows)}
    values = found.rows.inputs(model.inputs)
    checked = 0
    for row in values[:50]:
        contributions = model.explain(row).contributions
        for name, value, added in zip(model.inputs, row, contributions, strict=True):
            shape = shapes[guidance.features[name].label]
            if np.isnan(value):
                assert abs(shape.missing - added) < 1e-5
            elif shape.edges[0] < value < shape.edges[-1]:
                assert abs(on_line(shape, float(value)) - added) < 1e-5
                checked += 1
    assert checked > 20


def test_every_row_is_counted_and_the_heaviest_comes_first(guidance: Guidance, found: Found) -> None:
    """In one of the parts, or as missing."""
    model = found.model
    assert isinstance(model, Scorecard)
    shapes = shape_functions(guidance, model, found.rows)
    assert all(sum(shape.rows) + shape.missing_rows == len(found.rows) for shape in shapes)
    reach = [max(abs(y) for _, y in shape.line) for shape in shapes]
    assert reach[0] == max(reach)
