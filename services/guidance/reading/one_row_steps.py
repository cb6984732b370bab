"""What is computed from other features, for one row: the same result as `steps` for many, to the last bit.

Sums of points are added up in plain Python. Any other formula is the same numpy arithmetic, given one column: its powers
and logarithms are numpy's own, and those of Python's `math` may differ from them in the last bit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from services.guidance.reading.kernels import ABSENT, UNKNOWN, VALUE
from services.guidance.reading.steps import FormulaStep, Step
from services.guidance.scores.formula import Formula


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFormula:
    """What `FormulaStep` says, as plain numbers."""

    place: int
    name: str
    formula: Formula
    inputs: tuple[int, ...]
    needed: tuple[int, ...]
    welcome: tuple[int, ...]
    low: float
    high: float

    def compute(self, values: list[float], states: list[int], problems: Counter[str]) -> None:
        """Its number: unknown if an input is that might change it, absent if nothing comes out.

        The last of `values` and `states` stands for what is not given: absent.
        """
        given = [values[place] for place in self.inputs]
        one = self.formula.one
        number = one(given) if one is not None else float(self.formula.function(_column(given))[0])
        state = VALUE if self.low <= number <= self.high else ABSENT
        if state == ABSENT and number == number:
            problems[f"{self.name}: out of range"] += 1
        if self.welcome and UNKNOWN in [states[place] for place in self.welcome]:
            settled = self.formula.settled
            if settled is None or not settled(_column(given))[0]:
                state = UNKNOWN
        state = max([state, *[states[place] for place in self.needed]])
        values[self.place] = number if state == VALUE else nan
        states[self.place] = state


@dataclass(frozen=True, slots=True, kw_only=True)
class OneAbsent:
    """What `AbsentStep` says."""

    place: int
    of: int

    def compute(self, values: list[float], states: list[int], _: Counter[str]) -> None:
        """1 if the other was asked for and has no value, 0 if it has one, unknown if it is unknown."""
        state = states[self.of]
        values[self.place] = nan if state == UNKNOWN else float(state == ABSENT)
        states[self.place] = UNKNOWN if state == UNKNOWN else VALUE


def _column(given: list[float]) -> NDArray[np.float64]:
    return np.array(given).reshape(-1, 1)


OneStep = OneFormula | OneAbsent


def one_step(step: Step) -> OneStep:
    """A step taken apart."""
    if not isinstance(step, FormulaStep):
        return OneAbsent(place=step.place, of=step.of)
    return OneFormula(
        place=step.place,
        name=step.name,
        formula=step.formula,
        inputs=tuple(step.inputs.tolist()),
        needed=tuple(step.needed.tolist()),
        welcome=tuple(step.welcome.tolist()),
        low=step.low,
        high=step.high,
    )
