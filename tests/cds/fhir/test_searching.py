"""Search parameters: read strictly, whatever is sent."""

from __future__ import annotations

import contextlib
import dataclasses
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.decisions.identity import new_id
from services.cds.fhir.searching import LARGEST, cursor_of, read_search, searchset
from services.timeline.errors import BadInput

DAY = 86_400_000_000
FIRST = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("date", "since", "until"),
    [
        ("2026-01-01", FIRST, FIRST + DAY),
        ("ge2026-01-01", FIRST, None),
        ("gt2026-01-01", FIRST + DAY, None),
        ("le2026-01-01", None, FIRST + DAY),
        ("lt2026-01-01", None, FIRST),
        ("2026-01", FIRST, FIRST + 31 * DAY),
        ("2026", FIRST, FIRST + 365 * DAY),
        ("ge2026-01-01T00:00:00Z", FIRST, None),
        ("le2026-01-01T00:00:00+00:00", None, FIRST + 1_000_000),
        ("eq2026-01-01T00:00:00.5Z", FIRST + 500_000, FIRST + 500_001),
    ],
)
def test_a_date_covers_what_its_precision_says(date: str, since: int | None, until: int | None) -> None:
    """A day is a day, a month a month; prefixes cut on the right side of it."""
    asked = read_search([("date", date)])
    assert (asked.since, asked.until) == (since, until)


def test_two_dates_are_a_span() -> None:
    """The later beginning and the earlier end hold."""
    asked = read_search([("date", "ge2026-01-01"), ("date", "lt2026-01-03"), ("date", "ge2025")])
    assert (asked.since, asked.until) == (FIRST, FIRST + 2 * DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        [("name", "x")], [("date", "soon")], [("date", "2026-02-30")], [("date", "2026-13")], [("date", "ap2026")],
        [("date", "9999")], [("date", "2026-01-01Tnoon")], [("_count", "0")], [("_count", "-1")], [("_count", "x")],
        [("_count", "9" * 40)], [("_cursor", "x")], [("_cursor", "%%%")], [("_cursor", "")],
        [("patient", "a"), ("patient", "b")],
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(wrong: list[tuple[str, str]]) -> None:
    """A filter that cannot be applied is refused, never passed over."""
    with pytest.raises(BadInput, match=wrong[0][0]):
        read_search(wrong)


def test_a_count_has_a_limit_and_a_cursor_comes_back() -> None:
    """A page is never larger than ours; where it went on is where the cursor says."""
    number = new_id(FIRST)
    asked = read_search([("_count", "100000"), ("_cursor", cursor_of(number)), ("patient", "Patient/p1")])
    assert (asked.count, asked.before, asked.patient) == (LARGEST, number, "p1")


@given(
    st.lists(st.tuples(st.sampled_from(["date", "_count", "_cursor", "patient", "guidance"]), st.text()), max_size=4)
)
def test_whatever_is_sent_it_is_read_or_refused(given: list[tuple[str, str]]) -> None:
    """No query string is a fault of ours."""
    with contextlib.suppress(BadInput):
        read_search(given)


dates = st.tuples(
    st.sampled_from(["", "eq", "ge", "gt", "le", "lt"]), st.dates().map(str), st.sampled_from([4, 7, 10])
).map(lambda parts: parts[0] + parts[1][: parts[2]])


@given(
    st.lists(dates, max_size=3),
    st.dictionaries(st.sampled_from(["patient", "guidance"]), st.text("abcXYZ-._0/", min_size=1, max_size=9)),
    st.integers(1, 2 * LARGEST),
    st.integers(0, 2**42).map(lambda milliseconds: new_id(milliseconds * 1000)),
)
def test_the_next_page_asks_for_the_same_as_the_first(
    dates: list[str], one: dict[str, str], count: int, last: str
) -> None:
    """Nothing of what was asked for gets lost on the way through a link: a page never shows more than the first."""
    try:
        first = read_search([*(("date", date) for date in dates), *one.items(), ("_count", str(count))])
    except BadInput:
        assert any("0001" in date or "9999" in date for date in dates)  # what no calendar ends
        return
    page = searchset("https://x", "AuditEvent", first, [], last=last)
    links = {link["relation"]: link["url"] for link in page["link"]}
    again = read_search(parse_qsl(urlsplit(links["next"]).query, keep_blank_values=True))
    assert dataclasses.replace(again, before="") == first
    assert again.before == last
    assert read_search(parse_qsl(urlsplit(links["self"]).query, keep_blank_values=True)) == first


@given(dates)
def test_a_prefix_cuts_where_its_date_begins_or_ends(date: str) -> None:
    """Before, within and after are parted without a gap: each moment is in one of lt, eq and gt."""
    plain = date.lstrip("eqgtl")
    try:
        within = read_search([("date", plain)])
        before, after = read_search([("date", f"lt{plain}")]), read_search([("date", f"gt{plain}")])
    except BadInput:
        return
    assert within.since is not None
    assert within.until is not None
    assert before.until == within.since < within.until == after.since
