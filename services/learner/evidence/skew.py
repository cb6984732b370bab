"""Training/serving skew: the features logged at the bedside against the same, read again from the final history.

Bit for bit, value and state. What differs is listed by its cause, found in the versions and times of the events that
the feature reads; what no cause explains is the alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Feature, Guidance
from services.guidance.features import UNKNOWN, VALUE, read_features
from services.guidance.reading.plan import FeaturePlan, sources_of
from services.learner.evidence.decisions_file import LoggedDecision
from services.timeline.codes import ValueSets
from services.timeline.events import RETRACTED, EventColumns
from services.timeline.instants import NAT
from services.timeline.timeline import assemble, index_rows

CORRECTED = "result corrected after the hook"
LATE = "result arrived late"
COVERAGE = "fact not in prefetch window (coverage)"
EARLY = "seen at the bedside before the record says it was known"
PLAN = "the patient left otherwise than planned"
DRAFTED = "a draft at the hook: history has the order from when it was signed, or never"
UNEXPLAINED = "unexplained"
# Before the end of a stay its disposition is what is planned; afterwards it is what came of the plan.
PLANNED_FIELDS = frozenset({"Encounter.dischargeDisposition"})
# Only of guidance that reads what is being ordered; the draft may be changed or dropped before it is signed.
ORDERED_FIELDS = frozenset({"MedicationRequest.medication", "ServiceRequest.code"})
STATES = ("value", "absent", "unknown")

Ints = NDArray[np.int64]


@dataclass(slots=True, kw_only=True)
class SkewFound:
    """How many feature values were compared, and why some differ."""

    compared: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    by_feature: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(feature, cause) → how many."""
    compared_by_feature: Counter[str] = field(default_factory=Counter)
    decisions: dict[str, bool] = field(default_factory=dict)
    """Every decision that was compared, and whether any of its features differs."""
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    """Some unexplained differences: decision, feature, cause."""

    @property
    def different(self) -> int:
        """Values that are not bit-identical."""
        return sum(self.causes.values())

    @property
    def identical(self) -> int:
        """Values that are."""
        return self.compared - self.different

    def add(self, other: SkewFound) -> None:
        """Add what was found in another bucket."""
        self.compared += other.compared
        self.causes.update(other.causes)
        self.by_feature.update(other.by_feature)
        self.compared_by_feature.update(other.compared_by_feature)
        self.decisions |= other.decisions
        self.examples = (self.examples + other.examples)[:20]


def compare_features(
    guidance: Guidance,
    value_sets: ValueSets,
    plan: FeaturePlan,
    columns: EventColumns,
    decisions: Sequence[LoggedDecision],
) -> SkewFound:
    """Rebuild the features of each decision as of its moment, from the final history, and compare value by value."""
    decisions = [one for one in decisions if one.states]
    found = SkewFound()
    if not decisions:
        return found
    timeline = assemble(columns)
    rows = index_rows(
        timeline, [d.person for d in decisions], [d.moment for d in decisions], [d.stay for d in decisions]
    )
    rebuilt = read_features(plan, timeline, rows)
    evidence: _Evidence | None = None
    # What is computed from other features differs because those do: they come first, however deep it goes.
    turn = {step.place: number for number, step in enumerate(plan.steps, start=1)}
    for row, decision in enumerate(decisions):
        differing = []
        for place, name in enumerate(plan.names):
            if name not in decision.states:
                continue
            found.compared += 1
            found.compared_by_feature[name] += 1
            state = STATES[int(rebuilt.states[row, place])]
            value = float(rebuilt.values[row, place])
            if not _same(decision.states[name], decision.features.get(name), state, value):
                differing.append(place)
        found.decisions[decision.decision] = bool(differing)
        if not differing:
            continue
        if evidence is None:
            evidence = _Evidence(guidance, value_sets, columns)
        causes: dict[str, str] = {}
        for place in sorted(differing, key=lambda at: turn.get(at, 0)):
            name = plan.names[place]
            source = int(rebuilt.sources[row, place])
            seen_later = timeline.resource_words[timeline.resource[source]] if source >= 0 else ""
            told = (decision.states[name], int(rebuilt.states[row, place]))
            causes[name] = evidence.cause(name, decision, told, seen_later, causes)
            found.causes[causes[name]] += 1
            found.by_feature[name, causes[name]] += 1
            if causes[name] == UNEXPLAINED and len(found.examples) < 20:
                found.examples.append((decision.decision, name, UNEXPLAINED))
    return found


def _same(logged_state: str, logged: float | None, state: str, value: float) -> bool:
    """Bit for bit: the same state, and where there is a value, the same float."""
    if logged_state != state:
        return False
    return state != STATES[VALUE] or (logged is not None and (logged == value or (isnan(logged) and isnan(value))))


class _Evidence:
    """The versions and times of events, by resource and by patient: what a cause is read from."""

    def __init__(self, guidance: Guidance, value_sets: ValueSets, columns: EventColumns) -> None:
        self._guidance = guidance
        self._value_sets = value_sets
        self._columns = columns
        self._reads_drafts = any(feature.window.this_order for feature in guidance.features.values())
        self._matching: dict[str, NDArray[np.bool_]] = {}
        self._by_patient = _places(columns.patient.index)
        self._by_resource = _places(columns.resource.index)
        self._patients = {word: i for i, word in enumerate(columns.patient.words)}
        self._resources = {word: i for i, word in enumerate(columns.resource.words)}

    def cause(
        self,
        name: str,
        decision: LoggedDecision,
        told: tuple[str, int],
        seen_later: str,
        others: Mapping[str, str],
    ) -> str:
        """Why this feature differs."""
        feature = self._guidance.features[name]
        if feature.is_computed:
            return next((others[given] for given in feature.inputs.values() if given in others), UNEXPLAINED)
        logged_state, rebuilt_state = told
        if logged_state == STATES[UNKNOWN] and rebuilt_state != UNKNOWN:
            return COVERAGE
        if self._reads_drafts and decision.features.get(name) and set(sources_of(feature)) <= ORDERED_FIELDS:
            return DRAFTED
        at = decision.moment
        seen_then = decision.sources.get(name, "")
        named = [resource for resource in (seen_then, seen_later) if resource]
        rows = (
            np.concatenate([self._of_resource(r) for r in named]) if named else self._that_feed(feature, name, decision)
        )
        read = self._read(rows, at, seen_then)
        return PLAN if read != UNEXPLAINED and set(sources_of(feature)) <= PLANNED_FIELDS else read

    def _read(self, rows: Ints, at: int, seen_then: str) -> str:
        columns = self._columns
        stored = columns.updated[rows]
        after = (stored != NAT) & (stored > at)
        versions = {
            r: len(set(columns.updated[self._by_resource[r]].tolist())) for r in columns.resource.index[rows].tolist()
        }
        for row in rows[after].tolist():
            resource = int(columns.resource.index[row])
            # A resource that was seen then, or has an older version, was there and was changed; else it came later.
            if columns.resource.words[resource] == seen_then or versions[resource] > 1:
                return CORRECTED
        if after.any() or columns.assumed[rows].any():
            return LATE
        if (columns.known[rows] > at).any():
            return EARLY
        return UNEXPLAINED

    def _of_resource(self, resource: str) -> Ints:
        place = self._resources.get(resource)
        if place is None:
            return np.empty(0, dtype=np.int64)
        return self._by_resource[place]

    def _that_feed(self, feature: Feature, name: str, decision: LoggedDecision) -> Ints:
        """The patient's events that are of the feature's fields and codes: a count or a sum names no single source."""
        place = self._patients.get(decision.person)
        if place is None:
            return np.empty(0, dtype=np.int64)
        rows = self._by_patient[place]
        columns = self._columns
        fields = set(sources_of(feature)) | set(getattr(feature, "also_from", ()))
        wanted = np.array([word in fields for word in columns.field.words], dtype=bool)
        chosen = wanted[columns.field.index[rows]]
        if feature.codes is not None:
            if name not in self._matching:
                self._matching[name] = self._value_sets.resolve(feature.codes).matching(columns.codes.words)
            chosen &= self._matching[name][columns.codes.index[rows]]
        retracted = np.array([word == RETRACTED for word in columns.field.words], dtype=bool)
        fed: Ints = rows[chosen | retracted[columns.field.index[rows]]]
        return fed


def _places(index: NDArray[np.int32]) -> dict[int, Ints]:
    """The rows of each word."""
    order = np.argsort(index, kind="stable")
    words, starts = np.unique(index[order], return_index=True)
    return dict(zip(words.tolist(), np.split(order, starts[1:]), strict=True)) if len(order) else {}


def causes_of(found: SkewFound) -> dict[str, int]:
    """The named causes, for the report; what is unexplained is left out, and so stands out."""
    return {cause: n for cause, n in sorted(found.causes.items()) if cause != UNEXPLAINED}


def joined(parts: Iterable[SkewFound]) -> SkewFound:
    """What was found in all buckets."""
    whole = SkewFound()
    for part in parts:
        whole.add(part)
    return whole
