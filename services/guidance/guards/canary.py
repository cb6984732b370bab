"""The engine's canary: facts that became known a microsecond too late, which no feature may see.

They are planted in the record of some patients, in memory only, and read by imitations of the guidance's own features
(same kind, window and rules; only the code is the canary's) through the very functions that read the features. One
microsecond later the imitations must see them: a canary that nobody could see would prove nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Codes, Feature, Guidance
from services.guidance.features import VALUE, FeatureMatrix, FeaturePlan, compile_features, read_features
from services.guidance.guards.known_time import KnownTimeProof
from services.timeline.codes import ValueSets
from services.timeline.events import Coded, EventBatch, EventColumns, concatenate
from services.timeline.instants import DAY, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline, assemble, index_rows

CANARY: Final = "urn:knowdo:canary|planted"
"""The code of a planted fact. No coding system has it, so no other feature can read it."""
SAMPLE: Final = 64
"""Patients of a bucket in whose record canaries are planted."""

_FIELD: Final = "Observation.code"
# What reads no coded event: a birth date, the stay itself.
_UNCODED: Final = frozenset({"age", "duration"})
_PLAIN: Final = "the plainest feature"
# So far before the index, and before the stay, that every window in use holds one of them.
_BEFORE_INDEX: Final = (0, HOUR, 6 * HOUR, 36 * HOUR, 3 * DAY, 10 * DAY, 60 * DAY, 300 * DAY, 1000 * DAY)
_BEFORE_STAY: Final = (HOUR, 2 * DAY, 10 * DAY, 60 * DAY, 300 * DAY)


def compile_canaries(guidance: Guidance, value_sets: ValueSets) -> FeaturePlan:
    """An imitation of each feature that reads events, by the feature's name, and the plainest feature there can be."""
    plain = Feature.model_validate(
        {"kind": "last", "from": _FIELD, "codes": {"tokens": [CANARY]}, "unit": "1", "label": "canary"}
    )
    imitations = {
        name: _imitation(feature)
        for name, feature in guidance.features.items()
        if not feature.is_computed and feature.kind not in _UNCODED
    }
    changed = guidance.model_copy(update={"features": {_PLAIN: plain, **imitations}})
    return compile_features(changed, value_sets, {})


def watch_canaries(
    plan: FeaturePlan, events: EventColumns, timeline: Timeline, rows: IndexRows, *, sample: int = SAMPLE
) -> KnownTimeProof:
    """Plant canaries before some of the rows of these events' timeline, and look who sees them."""
    chosen = sample_rows(rows, sample)
    if not len(chosen):
        return KnownTimeProof()
    patients = [timeline.patients[place] for place in rows.patient[chosen].tolist()]
    stays = [timeline.resource_words[place] if place >= 0 else "" for place in rows.encounter[chosen].tolist()]
    planted = plant(events, patients, rows.at[chosen], stays, rows.start[chosen])
    return look_for_canaries(plan, assemble(planted), patients, rows.at[chosen], stays)


def look_for_canaries(
    plan: FeaturePlan, timeline: Timeline, patients: list[str], at: NDArray[np.int64], stays: list[str]
) -> KnownTimeProof:
    """Read the imitations at each moment, where nothing may be seen, and one microsecond later."""
    twice = index_rows(timeline, patients * 2, np.concatenate((at, at + 1)), stays * 2)
    seen = _sees(plan, read_features(plan, timeline, twice))
    return KnownTimeProof(
        rows=len(at), seen=_by_name(plan, seen[: len(at)]), awake=_by_name(plan, seen[len(at) :])
    )  # fmt: skip


def sample_rows(rows: IndexRows, sample: int) -> NDArray[np.int64]:
    """One row of each of so many patients, evenly spaced; now an early, now a late one of those who have several."""
    own = np.flatnonzero(rows.patient >= 0)
    order = own[np.argsort(rows.patient[own], kind="stable")]
    _, first, count = np.unique(rows.patient[order], return_index=True, return_counts=True)
    if not len(first):
        return first
    chosen = np.unique(np.linspace(0, len(first) - 1, num=min(sample, len(first))).round().astype(np.int64))
    # One canary each: before a later row of the same patient an earlier canary would be known.
    return order[first[chosen] + np.arange(len(chosen)) % count[chosen]]


def plant(
    events: EventColumns,
    patients: list[str],
    at: NDArray[np.int64],
    stays: list[str],
    starts: NDArray[np.int64],
) -> EventColumns:
    """The events of these patients, and before each one's moment facts that became known a microsecond after it.

    One fact of all these happened a microsecond too late, too. Each is planted with the stay (`Encounter/x`) and without.
    """
    batch = EventBatch()
    for patient, moment, stay, start in zip(patients, at.tolist(), stays, starts.tolist(), strict=True):
        times = [moment + 1, *(moment - before for before in _BEFORE_INDEX)]
        if start != NAT:
            times += [start - before for before in _BEFORE_STAY]
        for time in times:
            for encounter in dict.fromkeys((stay, "")):
                batch.add(
                    patient=patient, field=_FIELD, codes=CANARY, unit="1", value=float(time - moment),
                    resource=f"Observation/canary-{len(batch)}", encounter=encounter, time=time, known=moment + 1,
                )  # fmt: skip
    return concatenate([_of_patients(events, frozenset(patients)), batch.columns()])


def _imitation(feature: Feature) -> Feature:
    """The feature as it is, but for what it reads: a number in every canary, whatever its range and levels."""
    return feature.model_copy(
        update={
            "source": _FIELD,
            "codes": Codes(tokens=(CANARY,)),
            "answers": None,
            "unit": "1",
            "range": None,
            "levels": {},
            "words": {},
            "distinct": "resource" if feature.distinct else None,
        }
    )


def _sees(plan: FeaturePlan, matrix: FeatureMatrix) -> NDArray[np.bool_]:
    """Rows x features: whether something was read. To count nothing is to see nothing."""
    counts = np.zeros(len(plan), dtype=np.bool_)
    counts[plan.places[plan.zero]] = True
    seen: NDArray[np.bool_] = (matrix.states == VALUE) & ~(counts & (matrix.values == 0))
    return seen


def _by_name(plan: FeaturePlan, seen: NDArray[np.bool_]) -> Counter[str]:
    return Counter({name: int(n) for name, n in zip(plan.names, seen.sum(axis=0).tolist(), strict=True) if n})


def _of_patients(events: EventColumns, patients: frozenset[str]) -> EventColumns:
    """The events of some patients, with only the words that they use."""
    wanted = np.fromiter((word in patients for word in events.patient.words), dtype=np.bool_)
    rows = np.flatnonzero(wanted[events.patient.index])

    def text(column: Coded) -> Coded:
        used, index = np.unique(column.index[rows], return_inverse=True)
        return Coded(index=index.astype(np.int32), words=tuple(column.words[place] for place in used.tolist()))

    return EventColumns(
        patient=text(events.patient), field=text(events.field), codes=text(events.codes), unit=text(events.unit),
        answer=text(events.answer), resource=text(events.resource), encounter=text(events.encounter),
        time=events.time[rows], end=events.end[rows], known=events.known[rows], updated=events.updated[rows],
        assumed=events.assumed[rows], value=events.value[rows],
    )  # fmt: skip
