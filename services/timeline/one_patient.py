"""The events of one patient as plain lists: what a timeline says of them, for reading one row without numpy.

At the bedside a patient has some dozens of events: making arrays of them, and lists of the arrays again, would be most of
the work.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.timeline.assemble_small import rows_in_order
from services.timeline.coverage import Coverage
from services.timeline.events import EventBatch
from services.timeline.instants import NAT
from services.timeline.shape import Timeline
from services.timeline.timeline import assemble


class OnePatient(msgspec.Struct, frozen=True, kw_only=True):
    """Events in the timeline's order, by (time, field, codes, value, resource); the words themselves, "" is none."""

    field: Sequence[str]
    codes: Sequence[str]
    unit: Sequence[str]
    answer: Sequence[str]
    resource: Sequence[str]
    encounter: Sequence[str]
    time: Sequence[int]
    end: Sequence[int]
    known: Sequence[int]
    until: Sequence[int]
    assumed: Sequence[bool]
    value: Sequence[float]
    coverage: Coverage

    def __len__(self) -> int:
        return len(self.time)

    def rows_of(self, field: str) -> list[int]:
        """The rows of the events of one field, which are few, in their order."""
        rows, field_of = [], self.field
        row = -1
        for _ in range(field_of.count(field)):
            row = field_of.index(field, row + 1)
            rows.append(row)
        return rows


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The moment of one prediction."""

    at: int
    encounter: str = ""
    """`Encounter/x`, or "" for none."""
    start: int = NAT
    """Start of the stay as known at the index; NAT if none."""


def one_patient(batch: EventBatch, patient: str, *, coverage: Coverage) -> OnePatient:
    """What is known at the bedside of a patient (bare id): everything in the batch is known now."""
    rows = rows_in_order(batch, all_known=True)
    if rows is None:  # several versions of a resource, or one retracted
        timeline = assemble(batch, coverage=coverage, all_known=True)
        return patient_of(timeline, timeline.patients.index(patient) if patient in timeline.patients else -1)
    own = [row for row in rows if row[0] == patient]
    columns = list(zip(*own, strict=True)) if own else [()] * 14
    _, time, field, codes, missing, number, resource, answer, unit, end, known, until, encounter, assumed = columns
    nan = float("nan")
    return OnePatient(
        field=field,
        codes=codes,
        unit=unit,
        answer=answer,
        resource=resource,
        encounter=encounter,
        time=time,
        end=end,
        known=known,
        until=until,
        assumed=assumed,
        value=[nan if gone else value for gone, value in zip(missing, number, strict=True)],
        coverage=coverage,
    )


def patient_of(timeline: Timeline, patient: int) -> OnePatient:
    """One patient of a timeline, by row into its `patients`; -1 is nobody, who has no events."""
    own = slice(int(timeline.starts[patient]), int(timeline.starts[patient + 1])) if patient >= 0 else slice(0)
    resources = timeline.resource_words
    return OnePatient(
        field=[*map(timeline.fields.__getitem__, timeline.field[own].tolist())],
        codes=[*map(timeline.code_words.__getitem__, timeline.codes[own].tolist())],
        unit=[*map(timeline.unit_words.__getitem__, timeline.unit[own].tolist())],
        answer=[*map(timeline.answer_words.__getitem__, timeline.answer[own].tolist())],
        resource=[*map(resources.__getitem__, timeline.resource[own].tolist())],
        encounter=[*map(resources.__getitem__, timeline.encounter[own].tolist())],
        time=timeline.time[own].tolist(),
        end=timeline.end[own].tolist(),
        known=timeline.known[own].tolist(),
        until=timeline.until[own].tolist(),
        assumed=timeline.assumed[own].tolist(),
        value=timeline.value[own].tolist(),
        coverage=timeline.coverage,
    )


def moment_of(patient: OnePatient, *, at: int, encounter: str = "") -> Moment:
    """The moment of a prediction; `encounter` as `Encounter/x` or bare. Its stay began as the version visible then says."""
    stay = f"Encounter/{encounter.removeprefix('Encounter/')}" if encounter else ""
    versions = [
        (patient.known[row], patient.time[row])
        for row in patient.rows_of("Encounter.class")
        if patient.resource[row] == stay and patient.known[row] <= at < patient.until[row]
    ]
    return Moment(at=at, encounter=stay, start=max(versions)[1] if versions and stay else NAT)
