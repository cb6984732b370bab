"""The Encounter tells where the patient is and what kind of stay it is, at any time of it."""

from __future__ import annotations

from services.demo.as_of import as_of
from services.demo.facts import HOUR, PatientRecord


def test_the_encounter_says_where_the_patient_is(records: list[PatientRecord]) -> None:
    """In intensive care the last location is active and coded so; an hour before it the Encounter knows of none."""
    record, stay = next(
        (r, s)
        for r in records
        for s in r.stays
        if s.kind == "IMP" and r.courses[s.id].intensive_from + 3 * HOUR < r.courses[s.id].intensive_until < s.end
    )
    course = record.courses[stay.id]

    def encounter(at: int) -> dict[str, object]:
        return next(one for one in as_of(record, at) if one["id"] == stay.id)

    before, during = encounter(course.intensive_from - HOUR), encounter(course.intensive_from + HOUR)
    after = encounter(course.intensive_until + 1)
    assert "intensive" not in str(before)
    assert during["contained"][0]["type"][0]["coding"][0]["code"] == "309904001"  # type: ignore[index]
    assert during["location"][-1]["location"]["reference"] == "#intensive"  # type: ignore[index]
    assert [place["status"] for place in during["location"]][-2:] == ["completed", "active"]  # type: ignore[attr-defined]
    assert after["location"][-1]["status"] == "active"  # type: ignore[index]
    assert "intensive" not in after["location"][-1]["location"]["reference"]  # type: ignore[index]
    assert before["meta"]["lastUpdated"] < during["meta"]["lastUpdated"] < after["meta"]["lastUpdated"]  # type: ignore[index]


def test_an_emergency_visit_that_goes_on_changes_its_class(records: list[PatientRecord]) -> None:
    """Until admission the class is EMER; afterwards it is IMP, and the history tells both."""
    record, stay = next(
        (r, s) for r in records for s in r.stays if s.kind == "IMP" and r.courses[s.id].admitted > s.start
    )
    admitted = record.courses[stay.id].admitted
    before = next(one for one in as_of(record, admitted - 1) if one["id"] == stay.id)
    after = next(one for one in as_of(record, admitted) if one["id"] == stay.id)
    assert before["class"]["code"] == "EMER"
    assert after["class"]["code"] == "IMP"
    assert [was["class"]["code"] for was in after["classHistory"]] == ["EMER", "IMP"]
