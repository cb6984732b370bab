"""How often an input is missing, with and without the outcome (F12): what is not measured may itself tell, or mislead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.guidance.definition import Guidance
from services.guidance.evidence import Estimate
from services.guidance.features import ABSENT, VALUE
from services.learner.evidence.intervals import share_of
from services.learner.feature_matrix import CohortRows


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingInput:
    """One input of the model."""

    name: str
    label: str
    all_rows: Estimate
    """The share of rows without a value."""
    happened: Estimate
    """Of the rows with the event."""
    not_happened: Estimate
    known_absent: float
    """The share of rows of which it is known that there is none; part of `all_rows`."""


def missing_inputs(guidance: Guidance, rows: CohortRows, inputs: Sequence[str]) -> tuple[MissingInput, ...]:
    """Of every input, on rows with a known outcome."""
    found = []
    for name in inputs:
        states = rows.states[:, rows.names.index(name)]
        missing, happened = states != VALUE, rows.y == 1
        found.append(
            MissingInput(
                name=name,
                label=guidance.features[name].label,
                all_rows=share_of(missing, rows.patients),
                happened=share_of(missing[happened], rows.patients[happened]),
                not_happened=share_of(missing[~happened], rows.patients[~happened]),
                known_absent=float((states == ABSENT).mean()),
            )
        )
    return tuple(sorted(found, key=lambda one: -one.all_rows.value))
