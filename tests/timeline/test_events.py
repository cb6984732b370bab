"""Batches and columns of events."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings

from services.timeline.events import COLUMNS, EventBatch, EventColumns, concatenate
from services.timeline.instants import ALWAYS, NAT
from tests.timeline.strategies import batch_from, event_rows


def lists(columns: EventColumns) -> list[list[str]]:
    """Every column, in a form in which NaN equals NaN."""
    texts = [getattr(columns, name).texts() for name in COLUMNS[:7]]
    return texts + [[repr(one) for one in getattr(columns, name).tolist()] for name in COLUMNS[7:]]


@given(event_rows())
def test_columns_say_what_was_added(rows: list[tuple[Any, ...]]) -> None:
    """Row by row, in order, each column of its type."""
    columns = batch_from(rows).columns()
    assert len(columns) == len(batch_from(rows)) == len(rows)
    for place, told in enumerate(lists(columns)):
        expected = [row[place] for row in rows]
        assert told == (expected if place < 7 else [repr(one) for one in expected])
    assert columns.time.dtype == columns.known.dtype == columns.updated.dtype == np.int64
    assert columns.patient.index.dtype == np.int32
    assert columns.value.dtype == np.float64
    assert columns.assumed.dtype == np.bool_


@settings(max_examples=40)
@given(event_rows(), event_rows(), event_rows())
def test_concatenated_parts_are_one(
    one: list[tuple[Any, ...]], two: list[tuple[Any, ...]], three: list[tuple[Any, ...]]
) -> None:
    """Parts with different dictionaries become one with one dictionary."""
    joined = concatenate(batch_from(rows).columns() for rows in (one, two, three))
    assert lists(joined) == lists(batch_from(one + two + three).columns())


def test_nothing_is_a_batch_too() -> None:
    """No events, no columns, no error."""
    assert len(concatenate([])) == 0
    assert len(EventBatch().columns()) == 0


def test_events_can_be_added_by_name() -> None:
    """What is not said is missing."""
    batch = EventBatch()
    batch.add(patient="p", field="Observation.code", known=ALWAYS)
    columns = batch.columns()
    assert columns.time.tolist() == columns.end.tolist() == columns.updated.tolist() == [NAT]
    assert np.isnan(columns.value).all()
    assert columns.codes.texts() == [""]
