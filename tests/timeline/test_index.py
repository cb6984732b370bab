"""Index moments in a timeline."""

from __future__ import annotations

import pytest

from services.timeline.timeline import NAT, Timeline, assemble, index_rows
from tests.timeline.made import at, batch_of, encounter, observation

START = at("2024-03-01T08:00:00Z")


@pytest.fixture
def timeline() -> Timeline:
    """Two patients; the stay of one was corrected to have begun a day earlier."""
    return assemble(
        batch_of(
            encounter(meta={"lastUpdated": "2024-03-01T08:05:00Z"}),
            encounter(period={"start": "2024-02-29T08:00:00Z"}, meta={"lastUpdated": "2024-03-05"}),
            encounter("t", subject={"reference": "Patient/q"}),
            observation(subject={"reference": "Patient/q"}, encounter={"reference": "Encounter/u"}),
        )
    )


def test_ids_come_bare_or_as_references(timeline: Timeline) -> None:
    """A hook sends `encounterId: s`, a store `Encounter/s`: the same rows."""
    when = at("2024-03-02")
    bare = index_rows(timeline, ["p", "q"], [when, when], ["s", "t"])
    full = index_rows(timeline, ["Patient/p", "Patient/q"], [when, when], ["Encounter/s", "Encounter/t"])
    for rows in (bare, full):
        assert rows.patient.tolist() == [0, 1]
        assert [timeline.resource_words[place] for place in rows.encounter] == ["Encounter/s", "Encounter/t"]
        assert rows.start.tolist() == [START, START]


def test_a_stay_begins_when_it_was_then_thought_to(timeline: Timeline) -> None:
    """The start is that of the version visible at the index; before the stay there is none."""
    moments = [at("2024-02-28"), at("2024-03-04"), at("2024-03-06")]
    rows = index_rows(timeline, ["p"] * 3, moments, ["s"] * 3)
    assert rows.start.tolist() == [NAT, START, at("2024-02-29T08:00:00Z")]


def test_what_is_not_known_has_no_place(timeline: Timeline) -> None:
    """Unknown patients and stays are -1; a stay that is only named, or another's, has no start."""
    when = at("2024-03-06")
    rows = index_rows(timeline, ["x", "q", "q", "q"], [when] * 4, ["", "nowhere", "u", "s"])
    assert rows.patient.tolist() == [-1, 1, 1, 1]
    assert rows.encounter.tolist()[:2] == [-1, -1]
    assert timeline.resource_words[rows.encounter[2]] == "Encounter/u"
    assert rows.start.tolist() == [NAT] * 4
    assert len(rows) == 4


def test_one_row_is_found_as_many_are(timeline: Timeline) -> None:
    """A single call bisects, many calls use a dictionary: the same places."""
    when = at("2024-03-06")
    patients, stays = ["p", "q", "x"] * 40, ["s", "t", "u"] * 40
    many = index_rows(timeline, patients, [when] * 120, stays)
    for place, (patient, stay) in enumerate(zip(patients, stays, strict=True)):
        one = index_rows(timeline, [patient], when, [stay])
        assert one.patient[0] == many.patient[place]
        assert one.encounter[0] == many.encounter[place]
        assert one.start[0] == many.start[place]


def test_an_empty_timeline_knows_nobody() -> None:
    """No events: every row is -1 and has no start."""
    rows = index_rows(assemble(batch_of()), ["p"], 0, ["s"])
    assert (rows.patient.tolist(), rows.encounter.tolist(), rows.start.tolist()) == ([-1], [-1], [NAT])
