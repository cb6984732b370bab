"""The features of a guidance, compiled once per release into what the kernels of `features` need.

Features are put in the order of their kinds, so that each kind is one stretch of every array; formulas come last,
each after its inputs. What cannot be computed is BadGuidance here, not a surprise at the bedside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Feature, Guidance, Window
from services.guidance.errors import BadGuidance, Fault
from services.guidance.formulas import FORMULAS, Formula
from services.guidance.reading.feeds import EventWish, Feeding
from services.timeline.codes import ValueSets
from services.timeline.instants import DAY, HOUR

REDUCTIONS = (
    "last", "days_since", "age", "duration", "first", "min", "max", "mean", "slope", "sum", "exists", "tally",
)  # fmt: skip
"""The order of the event features in a plan: each reduction is one stretch."""

MEASURED = frozenset({"last", "first", "min", "max", "mean", "sum", "slope"})
"""Kinds whose events must bring a number, within the range, in the unit."""
RANGED_RESULT = frozenset({"sum", "count", "current", "days_since", "age", "duration"})
"""Kinds whose result must lie in the range."""

_DEFAULT_SOURCE = {"age": "Patient.birthDate", "duration": "Encounter.class"}
_LOWEST, _HIGHEST = float(np.finfo(np.float64).min), float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The distinct windows of a plan, as columns; lengths in microseconds."""

    from_start: NDArray[np.int64]
    """1: counted back from the start of the stay, 0: from the index."""
    length: NDArray[np.int64]
    ever: NDArray[np.int64]
    """Those that reach back for ever."""
    last_of_stay: NDArray[np.int64]
    """Those of a length, as far as it is of this stay."""
    joined: NDArray[np.int64]
    """Those back from the index that take in this stay, too."""
    before: NDArray[np.int64]
    """Those that end where the stay begins."""
    of_stay: NDArray[np.bool_]
    """Without a stay there is no such window."""


def window_columns(windows: Sequence[Window]) -> Windows:
    """The windows of guidance.yaml as columns."""

    def those(holds: Callable[[Window, int], bool]) -> NDArray[np.int64]:
        chosen = [place for place, window in enumerate(windows) if holds(window, _length(window))]
        return np.array(chosen, dtype=np.int64)

    return Windows(
        from_start=np.array([_from_start(window) for window in windows], dtype=np.int64),
        length=np.array([_length(window) for window in windows], dtype=np.int64),
        ever=those(lambda window, length: not length and not window.this_stay),
        last_of_stay=those(lambda window, length: bool(length) and window.this_stay),
        joined=those(lambda window, length: bool(length) and window.or_this_stay and not _of_stay(window)),
        before=those(
            lambda window, _: window.before == "admission" and not window.this_stay and not window.or_this_stay
        ),
        of_stay=np.array([_of_stay(window) for window in windows], dtype=np.bool_),
    )


def _length(window: Window) -> int:
    return round((window.days or 0.0) * DAY + (window.hours or 0.0) * HOUR)


def _of_stay(window: Window) -> bool:
    return window.this_stay or window.before == "admission"


def _from_start(window: Window) -> bool:
    """A length within this stay is counted back from the index."""
    return not _length(window) if window.this_stay else window.before == "admission"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaStep:
    """One formula feature: where its inputs and its result stand among the plan's names."""

    place: int
    formula: Formula
    inputs: NDArray[np.int64]
    """A place per input of the formula; -1 = not given."""
    needed: NDArray[np.int64]
    """The places of the inputs that must have a value."""
    welcome: NDArray[np.int64]
    """The places of the inputs that may be missing."""
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePlan:
    """What `read_features` needs, ready to use. Arrays over event features are in kind order."""

    names: tuple[str, ...]
    """All features, in the order of guidance.yaml."""
    places: NDArray[np.int64]
    """Event feature → its place in `names`."""
    kinds: Mapping[str, slice]
    """Reduction → its stretch of the event features; only those that occur."""
    feeding: Feeding
    windows: Windows
    window: NDArray[np.int64]
    """Event feature → its window."""
    queries: tuple[tuple[str, ...], ...]
    """The distinct sets of queries that serve a feature."""
    query: NDArray[np.int64]
    """Event feature → which of `queries` serves it."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    measured: NDArray[np.bool_]
    """The events must bring a number between low and high."""
    sure: NDArray[np.bool_] | None
    """Events whose known time is only assumed do not count; None: no feature minds."""
    this_encounter: NDArray[np.bool_]
    leading: NDArray[np.int64]
    """Encounters that begin or end within this many microseconds before the stay do not count; 0 = all do."""
    active: NDArray[np.bool_]
    """Only what has not ended at the index counts."""
    by_resource: NDArray[np.bool_]
    """Distinct resources are counted, not distinct codes."""
    levelled: NDArray[np.bool_]
    """The number comes from the answer's level; an answer without one leaves the feature without a value."""
    zero: NDArray[np.bool_]
    """Nothing found where all was asked is the number 0, not an absence."""
    asserting: NDArray[np.bool_]
    """One found settles it, whatever else was not asked."""
    latest: NDArray[np.bool_]
    """The latest settles it, if all since was asked."""
    steps: tuple[FormulaStep, ...]
    ranged: NDArray[np.int64]
    """Event features whose result must lie within `floor` and `ceiling`."""
    floor: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    special: bool
    """Some feature looks at more than times: the encounter, the end, what led to the stay."""

    def __len__(self) -> int:
        return len(self.names)


def compile_features(guidance: Guidance, value_sets: ValueSets, queries: Mapping[str, tuple[str, ...]]) -> FeaturePlan:
    """Compile a guidance's features; `queries` names, per feature, the prefetch queries that must all be covered."""
    features = guidance.features
    names = tuple(features)
    order = sorted(
        (name for name in names if features[name].kind != "formula"),
        key=lambda name: REDUCTIONS.index(_reduction(features[name])),
    )
    if faults := [fault for name in names for fault in _faults(name, features)]:
        raise BadGuidance(faults)
    specs = [features[name] for name in order]
    rules = [Window(this_stay=True) if spec.kind == "duration" else spec.window for spec in specs]
    windows = tuple(dict.fromkeys(rules))
    served = [tuple(queries.get(name, ())) for name in order]
    distinct_queries = tuple(dict.fromkeys(served)) or ((),)
    kinds = [_reduction(spec) for spec in specs]
    ranged = [place for place, spec in enumerate(specs) if spec.kind in RANGED_RESULT and spec.range]
    this_encounter = np.array([spec.this_encounter or spec.kind == "duration" for spec in specs], dtype=np.bool_)
    leading = np.array([round((spec.window.exclude_leading_hours or 0.0) * HOUR) for spec in specs], dtype=np.int64)
    active = np.array([spec.kind == "current" for spec in specs], dtype=np.bool_)
    sure = [not spec.assume_known for spec in specs]
    return FeaturePlan(
        names=names,
        places=np.array([names.index(name) for name in order], dtype=np.int64),
        kinds={kind: slice(kinds.index(kind), kinds.index(kind) + kinds.count(kind)) for kind in dict.fromkeys(kinds)},
        feeding=Feeding([_wish(spec, value_sets) for spec in specs]),
        windows=window_columns(windows),
        window=np.array([windows.index(rule) for rule in rules], dtype=np.int64),
        queries=distinct_queries,
        query=np.array([distinct_queries.index(one) for one in served], dtype=np.int64),
        low=np.array([bounds(spec)[0] for spec in specs], dtype=np.float64),
        high=np.array([bounds(spec)[1] for spec in specs], dtype=np.float64),
        measured=np.array([_measured(spec) for spec in specs], dtype=np.bool_),
        sure=np.array(sure, dtype=np.bool_) if any(sure) else None,
        this_encounter=this_encounter,
        leading=leading,
        active=active,
        by_resource=np.array([(spec.distinct or "resource") == "resource" for spec in specs], dtype=np.bool_),
        levelled=np.array([bool(spec.levels) and spec.kind in MEASURED for spec in specs], dtype=np.bool_),
        zero=np.array([kind in ("sum", "exists", "tally") for kind in kinds], dtype=np.bool_),
        asserting=np.array([kind == "exists" for kind in kinds], dtype=np.bool_),
        latest=np.array([kind in ("last", "days_since", "age", "duration") for kind in kinds], dtype=np.bool_),
        steps=tuple(_steps(features)),
        ranged=np.array(ranged, dtype=np.int64),
        floor=np.array([bounds(specs[place])[0] for place in ranged], dtype=np.float64),
        ceiling=np.array([bounds(specs[place])[1] for place in ranged], dtype=np.float64),
        special=bool((this_encounter | (leading > 0) | active).any()),
    )


def bounds(spec: Feature) -> tuple[float, float]:
    """The plausible range; without one, all finite numbers."""
    return spec.range or (_LOWEST, _HIGHEST)


def _measured(spec: Feature) -> bool:
    """Whether an event counts only with a number; `exists` asks for one if it says which."""
    if spec.kind == "exists":
        return spec.range is not None or spec.unit is not None
    return spec.kind in MEASURED and not spec.levels


def _reduction(spec: Feature) -> str:
    """`current` with `distinct` counts, too: how many medicines are active."""
    if spec.kind == "count" or (spec.kind == "current" and spec.distinct is not None):
        return "tally"
    return "exists" if spec.kind == "current" else spec.kind


def sources_of(feature: Feature) -> tuple[str, ...]:
    """The event fields that a feature reads; `a|b` names several."""
    said = feature.source or _DEFAULT_SOURCE.get(feature.kind, "")
    return tuple(part.strip() for part in said.split("|") if part.strip())


def _wish(spec: Feature, value_sets: ValueSets) -> EventWish:
    return EventWish(
        fields=sources_of(spec),
        codes=value_sets.resolve(spec.codes) if spec.codes else None,
        answers=value_sets.resolve(spec.answers) if spec.answers else None,
        unit=spec.unit if _measured(spec) else None,
        levels=dict(spec.levels) if spec.kind in MEASURED else {},
        distinct=spec.distinct if _reduction(spec) == "tally" else None,
    )


def _faults(name: str, features: Mapping[str, Feature]) -> Iterator[Fault]:
    """What is wrong with one feature beyond the grammar."""
    spec = features[name]

    def fault(key: str, message: str) -> Fault:
        return Fault(file="guidance.yaml", line=0, path=f"features.{name}.{key}", message=message)

    if spec.kind != "formula":
        if not sources_of(spec):
            yield fault("from", f"a feature of kind `{spec.kind}` must name the event field it reads")
        return
    formula = FORMULAS.get(spec.formula or "")
    if formula is None:
        yield fault("formula", f"there is no formula `{spec.formula}`; there are {', '.join(FORMULAS)}")
        return
    for argument in formula.arguments:
        if argument not in spec.inputs:
            yield fault("inputs", f"the formula `{spec.formula}` needs `{argument}`")
    for argument, given in spec.inputs.items():
        if argument not in formula.inputs:
            yield fault("inputs", f"the formula `{spec.formula}` has no argument `{argument}`")
        if given not in features:
            yield fault(f"inputs.{argument}", f"there is no feature `{given}`")
    if name in _reached(name, features):
        yield fault("inputs", "the formula is computed from itself, in a circle")


def _reached(name: str, features: Mapping[str, Feature]) -> set[str]:
    """Every feature that a formula is computed from, near or far."""
    reached: set[str] = set()
    ahead = [name]
    while ahead:
        for given in features[ahead.pop()].inputs.values():
            if given in features and given not in reached:
                reached.add(given)
                ahead.append(given)
    return reached


def _steps(features: Mapping[str, Feature]) -> Iterator[FormulaStep]:
    """The formulas, each after those it is computed from. There are no circles: `_faults` has seen to it."""
    names = list(features)
    formulas = [name for name in names if features[name].kind == "formula"]
    # What a formula is computed from reaches strictly fewer features than the formula itself.
    for name in sorted(formulas, key=lambda one: len(_reached(one, features))):
        spec = features[name]
        formula = FORMULAS[spec.formula or ""]
        given = [names.index(spec.inputs[one]) if one in spec.inputs else -1 for one in formula.inputs]
        welcome = [place for place in given[len(formula.arguments) :] if place >= 0]
        yield FormulaStep(
            place=names.index(name),
            formula=formula,
            inputs=np.array(given, dtype=np.int64),
            needed=np.array(given[: len(formula.arguments)], dtype=np.int64),
            welcome=np.array(welcome, dtype=np.int64),
            low=bounds(spec)[0],
            high=bounds(spec)[1],
        )
