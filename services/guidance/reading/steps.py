"""Features that are computed from other features: formulas, published scores, and the indicator of what is absent.

They come after all that is read from the record, each after what it is computed from; they nest in any depth. What was
not asked never gives another number than what it would give had it been asked: the result is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.errors import Fault
from services.guidance.feature_definition import Feature
from services.guidance.reading.kernels import ABSENT, UNKNOWN, VALUE
from services.guidance.scores.catalogue import FORMULAS
from services.guidance.scores.formula import Formula

Ints = NDArray[np.int64]
Numbers = NDArray[np.float64]
States = NDArray[np.uint8]

LOWEST, HIGHEST = float(np.finfo(np.float64).min), float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaStep:
    """One formula or score: where its inputs and its result stand among the plan's names."""

    place: int
    name: str
    formula: Formula
    inputs: Ints
    """A place per input of the formula; -1 = not given."""
    needed: Ints
    """The places of the inputs that must have a value."""
    welcome: Ints
    """The places of the inputs that may be missing."""
    low: float
    high: float

    def compute(self, values: Numbers, states: States, problems: Counter[str]) -> None:
        """Its number for every row: unknown if an input is that might change it, absent if nothing comes out.

        `values` and `states` are (feature, row), the last feature standing for what is not given: absent.
        """
        given = values[self.inputs]
        number = self.formula.function(given)
        usable = (number >= self.low) & (number <= self.high)
        if np.count_nonzero(usable) < len(usable) and (outside := np.count_nonzero(~usable & ~np.isnan(number))):
            problems[f"{self.name}: out of range"] += int(outside)
        state = (~usable).astype(np.uint8)  # VALUE is 0, ABSENT is 1
        if len(self.welcome):
            unasked = (states[self.welcome] == UNKNOWN).any(axis=0)
            if self.formula.settled is not None and np.count_nonzero(unasked):
                unasked &= ~self.formula.settled(given)
            state[unasked] = UNKNOWN
        if len(self.needed):
            np.maximum(state, np.maximum.reduce(states[self.needed]), out=state)
        values[self.place] = np.where(state == VALUE, number, np.nan)
        states[self.place] = state


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentStep:
    """The indicator of a feature's absence: a known-absent value beside the missing one."""

    place: int
    of: int

    def compute(self, values: Numbers, states: States, _: Counter[str]) -> None:
        """1 where the other was asked for and has no value, 0 where it has one, unknown where it is unknown."""
        state = states[self.of]
        values[self.place] = np.where(state == UNKNOWN, np.nan, state == ABSENT)
        states[self.place] = np.where(state == UNKNOWN, UNKNOWN, VALUE)


Step = FormulaStep | AbsentStep


def steps_of(features: Mapping[str, Feature]) -> Iterator[Step]:
    """The computed features, each after those it is computed from. There are no circles: `step_faults` has seen to it."""
    names = list(features)
    computed = [name for name in names if features[name].is_computed]
    # What a feature is computed from reaches strictly fewer features than the feature itself.
    for name in sorted(computed, key=lambda one: len(reached(one, features))):
        spec = features[name]
        if spec.of is not None:
            yield AbsentStep(place=names.index(name), of=names.index(spec.of))
            continue
        formula = FORMULAS[spec.formula or ""]
        given = [names.index(spec.inputs[one]) if one in spec.inputs else -1 for one in formula.inputs]
        welcome = [place for place in given[len(formula.arguments) :] if place >= 0]
        low, high = spec.range or (LOWEST, HIGHEST)
        yield FormulaStep(
            place=names.index(name),
            name=name,
            formula=formula,
            inputs=np.array(given, dtype=np.int64),
            needed=np.array(given[: len(formula.arguments)], dtype=np.int64),
            welcome=np.array(welcome, dtype=np.int64),
            low=low,
            high=high,
        )


def step_faults(name: str, features: Mapping[str, Feature]) -> Iterator[Fault]:
    """Why one computed feature cannot be computed."""
    spec = features[name]

    def fault(key: str, message: str) -> Fault:
        return Fault(file="guidance.yaml", line=0, path=f"features.{name}.{key}", message=message)

    if spec.kind == "absent":
        if spec.of is None or spec.inputs or spec.formula:
            yield fault("of", "`absent` is of one other feature, named by `of`, and of nothing else")
        elif spec.of not in features:
            yield fault("of", f"there is no feature `{spec.of}`")
    elif (formula := FORMULAS.get(spec.formula or "")) is None or spec.of is not None:
        known = ", ".join(FORMULAS)
        yield fault("formula", f"there is no formula `{spec.formula}`; there are {known}; `of` belongs to `absent`")
    else:
        for argument in formula.arguments:
            if argument not in spec.inputs:
                yield fault("inputs", f"`{spec.formula}` needs `{argument}`")
        for argument, given in spec.inputs.items():
            if argument not in formula.inputs:
                yield fault("inputs", f"`{spec.formula}` has no argument `{argument}`")
            if given not in features:
                yield fault(f"inputs.{argument}", f"there is no feature `{given}`")
    if name in reached(name, features):
        yield fault("inputs", "it is computed from itself, in a circle")


def reached(name: str, features: Mapping[str, Feature]) -> set[str]:
    """Every feature that one is computed from, near or far; itself too if it goes in a circle."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        for given in features[ahead.pop()].computed_from:
            if given in features and given not in found:
                found.add(given)
                ahead.append(given)
    return found
