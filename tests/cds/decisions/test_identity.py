"""A decision's id: unique, in the order of time, unguessable."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from services.cds.decisions.identity import MICROSECONDS_PER_DAY, day_of, first_id, first_of_day, new_id

# Until the year 10889: the milliseconds of a UUID end there.
MOMENTS = st.integers(min_value=0, max_value=(1 << 48) * 1000 - 1)


@given(MOMENTS)
def test_an_id_is_a_uuid_of_version_7(at: int) -> None:
    """Version, variant and millisecond stand where RFC 9562 puts them."""
    number = uuid.UUID(new_id(at))
    assert (number.version, number.variant) == (7, uuid.RFC_4122)
    assert number.int >> 80 == at // 1000


@given(MOMENTS, MOMENTS)
def test_ids_sort_as_time_does(one: int, other: int) -> None:
    """A later millisecond has the greater id; `first_id` divides them."""
    if one // 1000 < other // 1000:
        assert new_id(one) < first_id(other) < new_id(other)


@given(MOMENTS)
def test_an_id_lies_in_its_day(at: int) -> None:
    """The bounds of a day hold every id of it and none of the next."""
    day = day_of(at)
    assert first_of_day(day) < new_id(at)
    if (day + 1) * MICROSECONDS_PER_DAY // 1000 < 1 << 48:
        assert new_id(at) < first_of_day(day + 1)


def test_no_two_are_the_same() -> None:
    """74 bits are random: ten thousand of one instant differ in them."""
    assert len({new_id(0) for _ in range(10_000)}) == 10_000
