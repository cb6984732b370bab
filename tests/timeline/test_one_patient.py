"""One patient's events as plain lists are that patient's rows of the timeline, however they are made."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.timeline.coverage import COMPLETE
from services.timeline.index import index_rows
from services.timeline.one_patient import OnePatient, moment_of, one_patient, patient_of
from services.timeline.timeline import Timeline, assemble
from tests.timeline.strategies import batch_from, event_rows


def said(patient: OnePatient) -> dict[str, list[str]]:
    """Every column, NaN and the sign of zero included."""
    columns = [name for name in OnePatient.__struct_fields__ if name != "coverage"]
    return {name: list(map(repr, getattr(patient, name))) for name in columns}


def place_of(timeline: Timeline, patient: str) -> int:
    """The patient's row; -1 is nobody."""
    return timeline.patients.index(patient) if patient in timeline.patients else -1


@settings(max_examples=300, deadline=None)
@given(event_rows(max_size=14), st.sampled_from(["p", "q", "nobody"]))
def test_lists_from_a_batch_are_lists_from_its_timeline(rows: list[tuple[Any, ...]], patient: str) -> None:
    """With versions and retractions, with pointers to other resources, with events of others."""
    timeline = assemble(batch_from(rows), coverage=COMPLETE, all_known=True)
    found = one_patient(batch_from(rows), patient, coverage=COMPLETE)
    assert said(found) == said(patient_of(timeline, place_of(timeline, patient)))


@settings(max_examples=300, deadline=None)
@given(event_rows(max_size=14), st.integers(-1, 6), st.sampled_from(["", "1", "Encounter/2", "Encounter/none"]))
def test_a_stay_starts_where_the_index_of_many_rows_says(rows: list[tuple[Any, ...]], at: int, encounter: str) -> None:
    """The version of the stay that was visible then, of this patient."""
    timeline = assemble(batch_from(rows))
    for patient in timeline.patients:
        moment = moment_of(patient_of(timeline, place_of(timeline, patient)), at=at, encounter=encounter)
        assert moment.start == index_rows(timeline, [patient], [at], [encounter]).start[0]
