"""The features of a guidance, compiled once per release into what the kernels of `features` need.

Features are put in the order of their kinds, so that each kind is one stretch of every array; those that are computed
from others come last. What cannot be computed is BadGuidance here, not a surprise at the bedside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Feature, Guidance, Window
from services.guidance.errors import BadGuidance, Fault
from services.guidance.reading.feeds import EventWish, Feeding
from services.guidance.reading.steps import HIGHEST, LOWEST, Step, step_faults, steps_of
from services.guidance.reading.windows import Windows, window_columns
from services.timeline.codes import CodeSet, ValueSets
from services.timeline.instants import HOUR

REDUCTIONS = (
    "last", "days_since", "age", "duration", "first", "min", "max", "mean", "median", "rise", "slope", "sum", "exists",
    "tally",
)  # fmt: skip
"""The order of the event features in a plan: each reduction is one stretch."""

MEASURED = frozenset({"last", "first", "min", "max", "mean", "median", "rise", "sum", "slope"})
"""Kinds whose events must bring a number, within the range, in the unit."""
RANGED_RESULT = frozenset({"sum", "count", "current", "days_since", "age", "duration"})
"""Kinds whose result must lie in the range."""

_DEFAULT_SOURCE = {"age": "Patient.birthDate", "duration": "Encounter.class"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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
    not_during: NDArray[np.int64]
    """Which of `classes` an event's encounter may not be in; -1 = any will do."""
    classes: tuple[CodeSet, ...]
    """The distinct sets of classes of Encounter whose events some feature leaves out."""
    latest_days: NDArray[np.int64] | None
    """Only the readings of so many of the latest calendar days count; 0 = all do. None: no feature minds."""
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
    steps: tuple[Step, ...]
    """What is computed from other features, in that order."""
    ranged: NDArray[np.int64]
    """Event features whose result must lie within `floor` and `ceiling`."""
    floor: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    special: bool
    """Some feature looks at more than times: the encounter, its class, the end, what led to the stay."""

    def __len__(self) -> int:
        return len(self.names)


def compile_features(guidance: Guidance, value_sets: ValueSets, queries: Mapping[str, tuple[str, ...]]) -> FeaturePlan:
    """Compile a guidance's features; `queries` names, per feature, the prefetch queries that must all be covered."""
    features = guidance.features
    names = tuple(features)
    order = sorted(
        (name for name in names if not features[name].is_computed),
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
    avoided = [value_sets.resolve(spec.not_during) if spec.not_during else None for spec in specs]
    classes: list[CodeSet] = []
    for one in avoided:
        if one is not None and one not in classes:
            classes.append(one)
    latest_days = [spec.latest_days or 0 for spec in specs]
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
        not_during=np.array([-1 if one is None else classes.index(one) for one in avoided], dtype=np.int64),
        classes=tuple(classes),
        latest_days=np.array(latest_days, dtype=np.int64) if any(latest_days) else None,
        by_resource=np.array([(spec.distinct or "resource") == "resource" for spec in specs], dtype=np.bool_),
        levelled=np.array([bool(spec.levels) and spec.kind in MEASURED for spec in specs], dtype=np.bool_),
        zero=np.array([kind in ("exists", "tally") for kind in kinds], dtype=np.bool_),
        asserting=np.array([kind == "exists" for kind in kinds], dtype=np.bool_),
        latest=np.array([kind in ("last", "days_since", "age", "duration") for kind in kinds], dtype=np.bool_),
        steps=tuple(steps_of(features)),
        ranged=np.array(ranged, dtype=np.int64),
        floor=np.array([bounds(specs[place])[0] for place in ranged], dtype=np.float64),
        ceiling=np.array([bounds(specs[place])[1] for place in ranged], dtype=np.float64),
        special=bool(classes) or bool((this_encounter | (leading > 0) | active).any()),
    )


def bounds(spec: Feature) -> tuple[float, float]:
    """The plausible range; without one, all finite numbers."""
    return spec.range or (LOWEST, HIGHEST)


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
        not_by=value_sets.resolve(spec.not_by) if spec.not_by else None,
    )


def _faults(name: str, features: Mapping[str, Feature]) -> Iterator[Fault]:
    """What is wrong with one feature beyond the grammar."""
    spec = features[name]
    if spec.is_computed:
        yield from step_faults(name, features)
    elif not sources_of(spec):
        message = f"a feature of kind `{spec.kind}` must name the event field it reads"
        yield Fault(file="guidance.yaml", line=0, path=f"features.{name}.from", message=message)
