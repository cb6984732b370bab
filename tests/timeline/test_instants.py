"""Times of FHIR as microseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.timeline.instants import ALWAYS, DAY, FOREVER, NAT, SECOND, instant_text, parse_instant

NOON = 1_709_294_400 * SECOND  # 2024-03-01T12:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01T12:00:00Z", NOON),
        ("2024-03-01T12:00:00.000Z", NOON),
        ("2024-03-01T12:00:00.123456Z", NOON + 123_456),
        ("2024-03-01T12:00:00.1234567Z", NOON + 123_456),
        ("2024-03-01T14:00:00+02:00", NOON),
        ("2024-03-01T07:00:00-05:00", NOON),
        ("2024-03-01T12:00:00", NOON),
        ("2024-03-01T12:00Z", NOON),
        (" 2024-03-01T12:00:00Z ", NOON),
        ("2024-03-01", NOON - DAY // 2),
        ("2024-03", NOON - DAY // 2),
        ("2024", NOON - DAY // 2 - 60 * DAY),
        ("1970", 0),
        ("1969-12-31T23:59:59Z", -SECOND),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
        ("0001-01-01", -62_135_596_800 * SECOND),
        ("0001-01-01T00:00:00+14:00", -62_135_596_800 * SECOND - 14 * 3600 * SECOND),
    ],
)
def test_fhir_times_are_microseconds_utc(text: str, expected: int) -> None:
    """Every form of FHIR date, dateTime and instant is one number; partial dates are the start of their period."""
    assert parse_instant(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "2023-02-30", "0000", "0000-01-01", "2023-13", "2023-00-01", "yesterday", "2024-03-01T25:00:00Z", "12:00",
     "2024-03-01T12:00:00Z" * 9, "٢٠٢٤", "²⁰²⁴", "-2024", "99999-01-01", "2024-3-1"],
)  # fmt: skip
def test_what_is_no_time_is_missing(text: str) -> None:
    """An impossible date is a missing one, never an error and never another date."""
    assert parse_instant(text) == NAT


@given(st.text(max_size=50))
def test_no_text_raises(text: str) -> None:
    """Whatever stands where a time belongs, the answer is a number."""
    assert NAT <= parse_instant(text) <= FOREVER


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_is_the_same_in_every_zone(moment: datetime) -> None:
    """The zone of a text changes nothing about the moment, and `instant_text` reads back as the same number."""
    exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    offset = moment.utcoffset()
    if offset is not None and offset.total_seconds() % 60 == 0:
        assert parse_instant(moment.isoformat()) == exact
    if shown := instant_text(exact):
        assert parse_instant(shown) == exact


@given(st.dates())
def test_a_day_is_its_first_moment_in_utc(day: date) -> None:
    """A date without a time, and a time without a zone, are what they are in UTC."""
    begins = (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY
    assert parse_instant(day.isoformat()) == begins
    assert (
        parse_instant(f"{day.isoformat()}T00:00:01") == parse_instant(f"{day.isoformat()}T00:00:01Z") == begins + SECOND
    )


def test_the_ends_of_time_have_no_text() -> None:
    """NAT, ALWAYS and FOREVER are no calendar dates."""
    assert instant_text(NAT) == instant_text(ALWAYS) == instant_text(FOREVER) == ""
    assert instant_text(NOON) == "2024-03-01T12:00:00Z"


ZONES = st.sampled_from(["", "Z", "+00:00", "-05:00", "+13:45", "+23:59", "-23:59"])


@given(
    st.datetimes(),
    ZONES,
    st.sampled_from(["", "0", "000", "123", "123456", "999999"]),
    st.sampled_from(["", " ", "\n"]),
)
def test_every_second_of_the_calendar_is_exact(moment: datetime, zone: str, fraction: str, blank: str) -> None:
    """To the microsecond from year 1 to 9999, in every zone, with any fraction: whole numbers, never a float."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    sign, hours, minutes = (zone[0], int(zone[1:3]), int(zone[4:6])) if len(zone) == 6 else ("+", 0, 0)
    ahead = (hours * 3600 + minutes * 60) * (1 if sign == "+" else -1)
    days = moment.toordinal() - datetime(1970, 1, 1).toordinal()
    seconds = days * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second - ahead
    exact = seconds * SECOND + int((fraction or "0").ljust(6, "0"))
    said = f"{text}.{fraction}" if fraction else text
    assert parse_instant(f"{blank}{said}{zone}{blank}") == exact
