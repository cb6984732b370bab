"""The report on what data are like."""

from __future__ import annotations

from typing import Any

import msgspec

from services.learner.intake.quality import Quality, Weighed, report_of, weigh_events
from services.timeline.events import EventBatch
from services.timeline.instants import NAT, parse_instant

LOINC = "http://loinc.org|2160-0"
LOCAL = "https://hospital.example/codes|NT-X"


RANK = {"field": "Encounter.diagnosis", "codes": "", "value": 1.0}
"""A number that is no measurement."""


def batch_of(*rows: dict[str, Any]) -> EventBatch:
    """Each row ten times: what is rarer is not named."""
    batch = EventBatch()
    for row in rows:
        for number in range(10):
            usual = {"patient": "p", "field": "Observation.code", "codes": LOINC, "known": 5, "resource": f"O/{number}"}
            batch.add(**(usual | row))
    return batch


def report(*batches: EventBatch) -> Quality:
    """The report on some buckets."""
    whole = Weighed()
    for batch in batches:
        whole.add(weigh_events(batch.columns()))
    return report_of(whole)


def test_events_are_counted_by_field_and_year() -> None:
    """The year in which it happened; an undated event is said to be, and births are nobody's business here."""
    found = report(
        batch_of({"time": parse_instant("2024-03-01")}, {"time": parse_instant("2025-01-01T00:00:00Z")}),
        batch_of({"time": NAT}, {"time": parse_instant("1890-05-05"), "field": "Patient.birthDate", "codes": ""}),
    )
    assert found.by_year == {"Observation.code": {"2024": 10, "2025": 10, "undated": 10}}


def test_the_share_with_a_known_time_leaves_retractions_out() -> None:
    """Half is assumed."""
    found = report(batch_of({"assumed": True}, {}, {"field": "retracted", "codes": "", "assumed": True}))
    assert found.with_known_time == 0.5


def test_codes_of_the_site_that_no_map_translates_are_named() -> None:
    """A local code beside a LOINC code is translated; a text is counted and never shown."""
    found = report(
        batch_of(
            {"codes": LOCAL}, {"codes": f"{LOINC}\n{LOCAL}"}, {"codes": "|Mrs Example's creatinine"}, {"codes": ""}
        )
    )
    assert [(one.field, one.code, one.events) for one in found.unmapped] == [("Observation.code", LOCAL, 10)]
    assert (found.unmapped_events, found.text_only) == (10, 10)
    assert b"Example" not in msgspec.json.encode(found)


def test_units_that_do_not_convert_are_named_with_what_they_are_compared_in() -> None:
    """And numbers without a unit are counted."""
    found = report(batch_of({"value": 1.0, "unit": "mg/L"}, {"value": 1.0, "unit": "mg/furlong"}, {"value": 1.0}, RANK))
    assert [(one.code, one.unit, one.compared_in, one.events) for one in found.unconverted] == [
        (LOINC, "mg/furlong", "mg/dL", 10)
    ]
    assert found.without_unit == 10


def test_what_is_rare_is_not_named() -> None:
    """A code or a unit that a handful of events have could tell of one patient."""
    batch = batch_of({"value": 1.0, "unit": "mg/dL"})
    for codes, unit in ((LOCAL, "mg/dL"), (LOINC, "in Mrs Example's words")):
        batch.add(patient="p", field="Observation.code", codes=codes, unit=unit, value=1.0, known=5)
    found = report(batch)
    assert (found.unmapped, found.unconverted, found.unmapped_events) == ([], [], 1)


def test_a_mislabelled_unit_is_named_with_its_site() -> None:
    """Thirty values of a site that fit in umol/L only."""
    batch = EventBatch()
    for number in range(30):
        stay = f"Encounter/{number}"
        batch.add(patient="p", field="Encounter.serviceProvider", answer="Organization/s", resource=stay, known=5)
        batch.add(
            patient="p",
            field="Observation.code",
            codes=LOINC,
            unit="mg/dL",
            value=80.0 + number,
            encounter=stay,
            known=5,
        )
    (doubted,) = report(batch).mislabelled
    assert (doubted.code, doubted.unit, doubted.site) == (LOINC, "mg/dL", "Organization/s")
    assert (doubted.events, doubted.looks_like) == (30, ["umol/L"])


def test_what_belongs_to_no_patient_is_not_counted() -> None:
    """Every bucket brings the shared resources that it points to."""
    found = report(batch_of({"patient": "", "field": "Medication.code", "codes": LOCAL}))
    assert (found.by_year, found.unmapped_events) == ({}, 0)


def test_an_empty_store_is_reported_as_empty() -> None:
    """No events, no report of any."""
    found = report(EventBatch())
    assert (found.by_year, found.with_known_time, found.mislabelled) == ({}, 0.0, [])
