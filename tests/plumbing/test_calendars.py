"""The newest moment of a calendar: to the minute, in its own time zone, through the changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.guidance.learning_definition import Calendar
from services.plumbing.calendars import last_moment
from services.timeline.errors import BadInput

CALENDARS = TypeAdapter(Calendar)


@pytest.mark.parametrize(
    ("calendar", "zone", "now", "moment"),
    [
        ("0 2 * * *", "UTC", "2026-11-28T02:00:00", "2026-11-28T02:00:00"),
        ("0 2 * * *", "UTC", "2026-11-28T01:59:59", "2026-11-27T02:00:00"),
        ("0 2 1 * *", "Europe/Berlin", "2026-11-28T12:00:00", "2026-11-01T01:00:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T12:00:00", "2026-03-29T01:00:00"),  # 02:30 is left out that night
        ("0 12 * * 1-5", "UTC", "2026-11-29T12:00:00", "2026-11-27T12:00:00"),
    ],
)
def test_the_newest_moment(calendar: str, zone: str, now: str, moment: str) -> None:
    """The very minute counts, the one before does not."""
    found = last_moment(calendar, zone, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found is not None
    assert found.astimezone(UTC).replace(tzinfo=None) == datetime.fromisoformat(moment)


def test_a_day_that_never_comes_is_said() -> None:
    """30 February."""
    with pytest.raises(BadInput, match="no calendar"):
        last_moment("0 0 30 2 *", "UTC", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "text", ["0 2 * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "@daily", "5-1 2 * * *", ""]
)
def test_what_is_no_calendar_is_a_fault_of_the_guidance(text: str) -> None:
    """Said by `knowdo guidance check`, before any night has passed."""
    with pytest.raises(ValidationError):
        CALENDARS.validate_python(text)


NUMBER = [(0, 59), (0, 23), (1, 28), (1, 12), (0, 7)]


@given(st.data())
def test_what_the_grammar_takes_the_calendar_takes(data: st.DataObject) -> None:
    """Every, one, ranges, lists and steps: each has a newest moment, and it is not in the future."""
    fields = []
    for low, high in NUMBER:
        one = st.integers(low, high)
        item = st.one_of(
            st.just("*"),
            one.map(str),
            st.tuples(one, one).map(lambda ends: f"{min(ends)}-{max(ends)}"),
            st.integers(1, 9).map(lambda step: f"*/{step}"),
        )
        fields.append(",".join(data.draw(st.lists(item, min_size=1, max_size=3))))
    calendar = CALENDARS.validate_python(" ".join(fields))
    now = datetime(2026, 11, 28, 12, 34, 56, tzinfo=UTC)
    moment = last_moment(calendar, "UTC", now)
    assert moment is not None
    assert moment <= now
