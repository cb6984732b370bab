"""What outcomes are made of, read once for many rows: stays and episodes as they stand in the end, deaths, plans.

Corrected versions have replaced the first ones, and nothing is hidden by when it became known: a label may see it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import OutcomeEvent, StayPlanned
from services.guidance.outcome_readings import day_after, high_enough
from services.timeline.codes import CodeSet, ValueSets
from services.timeline.instants import DAY, FOREVER, NAT
from services.timeline.timeline import Timeline

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """Encounters in the order of (patient, start, end)."""

    patient: Ints
    resource: Ints
    start: Ints
    end: Ints
    """NAT = still open when the data ends."""

    def __len__(self) -> int:
        return len(self.start)

    def of_rows(self, encounter: NDArray[np.int32], words: int) -> Ints:
        """Which stay each row's encounter is; -1 = none of these."""
        place = np.full(words + 1, -1, dtype=np.int64)  # the last for encounter -1
        place[self.resource] = np.arange(len(self))
        return place[encounter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """Stays joined by transfers, in the order of (patient, start)."""

    of_stay: Ints
    """Stay → its episode."""
    first: Ints
    """Episode → its first stay."""
    patient: Ints
    start: Ints
    end: Ints
    """The latest end of its stays; FOREVER = it goes on."""


class Record:
    """One timeline at the end of the data."""

    def __init__(self, timeline: Timeline, data_end: int) -> None:
        self.timeline = timeline
        self.data_end = data_end
        self.final = timeline.until == FOREVER

    def facts(self, field: str, codes: CodeSet | None = None, *, every_version: bool = False) -> Ints:
        """Timeline rows of one field, last versions only unless asked otherwise, so coded."""
        timeline = self.timeline
        if field not in timeline.fields:
            return np.empty(0, dtype=np.int64)
        named = timeline.field == timeline.fields.index(field)
        rows: Ints = (named if every_version else named & self.final).nonzero()[0]
        if codes is not None:
            rows = rows[codes.matching(timeline.code_words)[timeline.codes[rows]]]
        return rows

    def patients(self, rows: Ints) -> Ints:
        """The patient of each timeline row."""
        return self.timeline.starts.searchsorted(rows, side="right") - 1

    def encounters_with(self, rows: Ints) -> Bools:
        """Per resource word: whether any of these rows is of that encounter."""
        found = np.zeros(len(self.timeline.resource_words), dtype=np.bool_)
        found[self.timeline.encounter[rows]] = True
        found[:1] = False  # word 0 is no encounter
        return found

    def stays(self, classes: CodeSet | None = None) -> Stays:
        """Encounters of some classes that have begun."""
        timeline = self.timeline
        rows = self.facts("Encounter.class", classes)
        start = timeline.time[rows]
        rows = rows[(start != NAT) & (start <= self.data_end) & (timeline.resource[rows] > 0)]
        # Sent twice with different content and without a version, an encounter counts once: as its latest start says.
        rows = rows[np.lexsort((timeline.end[rows], timeline.time[rows], timeline.resource[rows]))]
        resource = timeline.resource[rows]
        rows = rows[np.append(resource[1:] != resource[:-1], np.ones(min(len(rows), 1), dtype=np.bool_))]
        patient, start, end = self.patients(rows), timeline.time[rows], timeline.end[rows]
        end = np.where(end > self.data_end, NAT, end)
        order = np.lexsort((timeline.resource[rows], end, start, patient))
        return Stays(
            patient=patient[order],
            resource=timeline.resource[rows].astype(np.int64)[order],
            start=start[order],
            end=np.where(end == NAT, NAT, np.maximum(start, end))[order],
        )

    def deaths(self, died: CodeSet) -> tuple[Ints, Bools]:
        """Per patient: when they died (NAT), and whether they did without anybody saying when."""
        timeline = self.timeline
        said, left = self.facts("Patient.deceased"), self.facts("Encounter.dischargeDisposition", died)
        rows = np.concatenate((said, left))
        when, who = timeline.time[rows], self.patients(rows)
        dated = (when != NAT) & (when <= self.data_end)
        first = np.full(len(timeline.patients), FOREVER, dtype=np.int64)
        np.minimum.at(first, who[dated], when[dated])
        undated = np.zeros(len(first), dtype=np.bool_)
        undated[who[when == NAT]] = True
        return np.where(first == FOREVER, NAT, first), undated & (first == FOREVER)

    def first_after(
        self, events: Sequence[OutcomeEvent], value_sets: ValueSets, patient: Ints, at: Ints
    ) -> tuple[Ints, Bools]:
        """Per row: the first of these events after its index (FOREVER = none), and whether one has no date at all."""
        first = np.full(len(patient), FOREVER)
        without_date = np.zeros(len(self.timeline.patients) + 1, dtype=np.bool_)  # the last for patient -1
        for event in events:
            rows = self.of_event(event, value_sets)
            when, who = self.timeline.time[rows], self.patients(rows)
            without_date[who[when == NAT]] = True
            dated = (when != NAT) & (when <= self.data_end)
            when, who = when[dated], who[dated]
            order = np.lexsort((when, who))
            when, who = when[order], who[order]
            first = np.minimum(first, day_after(who, when, up_to(who, when, patient, at), patient, event.times))
        return first, without_date[patient]

    def of_event(self, event: OutcomeEvent, value_sets: ValueSets, *, every_version: bool = False) -> Ints:
        """Timeline rows that are this event: so coded, so answered, so high."""
        codes = value_sets.resolve(event.codes)
        rows = np.concatenate(
            [self.facts(field, codes, every_version=every_version) for field in event.source.split("|")]
        )
        if event.answers is not None:
            rows = rows[
                value_sets.resolve(event.answers).matching(self.timeline.answer_words)[self.timeline.answer[rows]]
            ]
        return rows[high_enough(self.timeline, rows, event)]

    def planned(self, stays: Stays, rule: StayPlanned | None, value_sets: ValueSets) -> Bools:
        """Whether each stay was planned.

        In this order: its principal diagnosis always is; it is elective, has a procedure and no acute principal
        diagnosis. Everything else is unplanned.
        """
        if rule is None:
            return np.zeros(len(stays), dtype=np.bool_)
        timeline = self.timeline
        always, acute = (
            self.encounters_with(self._principal(value_sets.resolve(codes))) for codes in (rule.always, rule.acute)
        )
        elective = self.encounters_with(self.facts("Encounter.priority", value_sets.resolve(rule.elective)))
        procedures = self.facts("Procedure.code")
        treated = self.encounters_with(procedures)[stays.resource]
        # A procedure that names no encounter belongs to the stay that it falls into.
        loose = procedures[timeline.encounter[procedures] == 0]
        who, when = self.patients(loose), timeline.time[loose]
        end = np.where(stays.end == NAT, self.data_end, stays.end)
        treated |= up_to(who, when, stays.patient, end) > up_to(who, when, stays.patient, stays.start - 1)
        return always[stays.resource] | (elective[stays.resource] & treated & ~acute[stays.resource])

    def _principal(self, codes: CodeSet) -> Ints:
        """Diagnoses of rank 1, so coded."""
        rows = self.facts("Encounter.diagnosis", codes)
        first: Ints = rows[self.timeline.value[rows] == 1.0]
        return first


@dataclass(frozen=True, slots=True, kw_only=True)
class Deaths:
    """Whether each row's patient died, and when."""

    happened: Bools
    when: Ints
    undated: Bools
    """Died, and nobody says when."""

    @classmethod
    def ever(cls, record: Record, died: CodeSet, patient: NDArray[np.int32]) -> Self:
        """Deaths at any time."""
        deaths, undated = record.deaths(died)
        when = np.append(deaths, NAT)[patient]
        return cls(happened=when != NAT, when=when, undated=np.append(undated, False)[patient])

    @classmethod
    def in_stays(cls, record: Record, died: CodeSet, stays: Stays, own: Ints, patient: NDArray[np.int32]) -> Self:
        """Deaths before the row's own stay ended, by the disposition or by the date of death."""
        start, end = np.append(stays.start, NAT)[own], np.append(stays.end, NAT)[own]
        resource = np.append(stays.resource, 0)[own]
        disposed = record.encounters_with(record.facts("Encounter.dischargeDisposition"))[resource]
        said = record.encounters_with(record.facts("Encounter.dischargeDisposition", died))[resource]
        ever = cls.ever(record, died, patient)
        # A date without a time is midnight: on the day of admission that is before the stay began.
        since = np.where(ever.when % DAY == 0, start // DAY * DAY, start)
        last = np.where(end == NAT, FOREVER, end)
        # On the last day, or at the last moment, the disposition knows better whether the patient left alive.
        last = np.where(disposed & (end != NAT), np.where(ever.when % DAY == 0, end // DAY * DAY, end) - 1, last)
        within = ever.happened & (ever.when >= since) & (ever.when <= last)
        return cls(
            happened=within | (said & (end != NAT)),
            when=np.where(within, np.maximum(ever.when, start), end),
            undated=ever.undated & ~disposed & (end != NAT),
        )


def join_transfers(stays: Stays, transfer: int) -> Episodes:
    """A stay that begins no later than `transfer` after the latest end so far goes on with the same episode."""
    count = len(stays)
    last_of_patient = np.append(stays.patient[1:] != stays.patient[:-1], np.ones(min(count, 1), dtype=np.bool_))
    # Open and the last: it goes on. Open, but others began later: its end was never written down.
    open_end = np.where(last_of_patient, FOREVER, stays.start)
    end = np.where(stays.end == NAT, open_end, stays.end)
    # The running maximum within each patient: of ranks, each patient's above those of the one before.
    order = end.argsort(kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    highest = np.maximum.accumulate(rank + stays.patient * count) - stays.patient * count
    so_far = end[order][highest]
    fresh = np.ones(count, dtype=np.bool_)
    fresh[1:] = (stays.patient[1:] != stays.patient[:-1]) | (stays.start[1:] - transfer > so_far[:-1])
    first = fresh.nonzero()[0]
    return Episodes(
        of_stay=fresh.cumsum() - 1,
        first=first,
        patient=stays.patient[first],
        start=stays.start[first],
        end=so_far[np.append(first[1:], count) - 1] if count else so_far,
    )


def up_to(patient: Ints, time: Ints, asked_patient: Ints, asked_time: Ints) -> Ints:
    """How many of the sorted (patient, time) pairs are not after each asked one."""
    moments = np.unique(time)
    width = len(moments) + 1
    key = patient * width + moments.searchsorted(time)
    asked: Ints = key.searchsorted(asked_patient * width + moments.searchsorted(asked_time, side="right"))
    return asked
