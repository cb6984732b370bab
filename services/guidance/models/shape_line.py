"""What one input of a scorecard adds to the log-odds, as a line: the same numbers as the reasons on a card.

Against the average of the reference, after calibration; pair tables belong to two inputs and are left out.
"""

from __future__ import annotations

import itertools

import numpy as np

from services.guidance.models.explanation import Numbers
from services.guidance.models.scorecard_file import ScorecardFile


def added_by(file: ScorecardFile, place: int, values: Numbers) -> Numbers:
    """What the input in that place adds at each of these values (NaN: missing), its linear and its step term together."""
    added = np.zeros(len(values))
    usable = np.isfinite(values)
    known = np.where(usable, values, 0.0)
    for term, mean in zip(file.linear, file.reference.linear, strict=True):
        if term.input == place:
            added += np.where(usable, term.coefficient * known, term.missing) - mean
    for step, mean in zip(file.steps, file.reference.steps, strict=True):
        if step.input == place:
            bins = np.searchsorted(np.array(step.cuts), known, side="left")
            added += np.where(usable, np.array(step.values)[bins], step.missing) - mean
    return file.calibration.slope * added


def cuts_of(file: ScorecardFile, place: int) -> list[float]:
    """Every value at which the line of that input steps, rising."""
    return sorted({cut for step in file.steps if step.input == place for cut in step.cuts})


def line_of(file: ScorecardFile, place: int, low: float, high: float) -> list[tuple[float, float]]:
    """Both ends of every step between low and high; a value on a cut belongs to the step on its left."""
    ends = [low, *(cut for cut in cuts_of(file, place) if low < cut < high), high]
    line = []
    for start, end in itertools.pairwise(ends):
        inside = np.array([np.nextafter(start, end), end])
        for at, added in zip((start, end), added_by(file, place, inside), strict=True):
            line.append((round(float(at), 6), round(float(added), 6)))
    return line
