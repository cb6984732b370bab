"""The record as it stood: open stays are open, orders run, results are preliminary, later versions unseen."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from services.demo.as_of import as_of
from services.demo.facts import DAY, HOUR, PatientRecord, Stay
from services.demo.hospital import Hospital


def _find(resources: list[dict[str, Any]], identity: str) -> dict[str, Any] | None:
    return next((resource for resource in resources if resource["id"] == identity), None)


@pytest.fixture(scope="module")
def discharge(records: list[PatientRecord]) -> tuple[PatientRecord, Stay]:
    """A live discharge home of a long stay whose plan was kept."""
    for record in records:
        for stay in record.stays:
            if (
                stay.kind == "IMP"
                and stay.disposition == "home" == stay.planned_disposition
                and stay.end - stay.start > 4 * DAY
            ):
                return record, stay
    pytest.fail("no such stay")


def test_a_stay_is_in_progress_up_to_its_end(discharge: tuple[PatientRecord, Stay]) -> None:
    """At the very moment of discharge the Encounter is in progress, without an end, with the planned disposition."""
    record, stay = discharge
    encounter = _find(as_of(record, stay.end), stay.id)
    assert encounter is not None
    assert encounter["status"] == "in-progress"
    assert "end" not in encounter["period"]
    assert encounter["hospitalization"]["dischargeDisposition"]["coding"][0]["code"] == "home"
    afterwards = _find(as_of(record, stay.end + 1_000_000), stay.id)
    assert afterwards is not None
    assert afterwards["status"] == "finished"
    assert "end" in afterwards["period"]


def test_the_plan_is_unseen_before_it_is_announced(discharge: tuple[PatientRecord, Stay]) -> None:
    """Until hours before the end, no disposition stands in the Encounter."""
    record, stay = discharge
    encounter = _find(as_of(record, stay.announced - 1), stay.id)
    assert encounter is not None
    assert "dischargeDisposition" not in encounter.get("hospitalization", {})


def test_a_result_is_preliminary_until_issued_and_corrected_later(records: list[PatientRecord]) -> None:
    """One result, four moments: absent, preliminary without `issued`, final, corrected with another value."""
    record, result = next(
        (record, result)
        for record in records
        for result in record.results
        if result.corrected < 2**62 and not result.withdrawn and result.value != result.corrected_value
    )
    assert _find(as_of(record, result.taken - 1), result.id) is None
    preliminary = _find(as_of(record, result.issued - 1), result.id)
    final = _find(as_of(record, result.issued), result.id)
    corrected = _find(as_of(record, result.corrected), result.id)
    assert preliminary is not None
    assert final is not None
    assert corrected is not None
    assert (preliminary["status"], final["status"], corrected["status"]) == ("preliminary", "final", "corrected")
    assert "issued" not in preliminary
    assert final["valueQuantity"]["value"] != corrected["valueQuantity"]["value"]


def test_an_order_that_runs_has_no_end(records: list[PatientRecord]) -> None:
    """An order is active without an end while it runs; once over, it says when."""
    record, order = next((r, o) for r in records for o in r.orders if o.written + DAY < o.ended < 2**60)
    running = _find(as_of(record, order.ended - HOUR), order.id)
    over = _find(as_of(record, order.ended), order.id)
    assert running is not None
    assert over is not None
    assert running["status"] == "active"
    assert "end" not in running["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
    assert over["status"] in ("completed", "stopped")
    assert over["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["end"]


def test_a_diagnosis_coded_after_discharge_is_unseen_at_discharge(records: list[PatientRecord]) -> None:
    """Neither the Condition nor its place in Encounter.diagnosis is there before it was recorded."""
    record, stay, late = next(
        (r, s, d) for r in records for s in r.stays for d in s.diagnoses if d.recorded > s.end and s.kind == "IMP"
    )
    before = as_of(record, stay.end)
    assert _find(before, late.id) is None
    encounter = _find(before, stay.id)
    assert encounter is not None
    assert f"Condition/{late.id}" not in str(encounter)
    afterwards = _find(as_of(record, late.recorded), stay.id)
    assert f"Condition/{late.id}" in str(afterwards)


def test_the_dead_are_alive_before_they_die(records: list[PatientRecord]) -> None:
    """Patient.deceasedDateTime appears with death."""
    record = next(record for record in records if record.person.died < 2**60)
    before, after = as_of(record, record.person.died - 1), as_of(record, record.person.died)
    assert "deceasedDateTime" not in before[0]
    assert "deceasedDateTime" in after[0]


def test_records_as_of_any_time_are_valid_r4b(hospital: Hospital, records: list[PatientRecord]) -> None:
    """What is open is valid FHIR too: in-progress stays, active orders, preliminary results."""
    seen: dict[tuple[str, str], int] = {}
    for record in records[:60]:
        for stay in record.stays:
            if stay.kind != "IMP":
                continue
            for resource in as_of(record, (stay.start + stay.end) // 2):
                key = (resource["resourceType"], resource.get("status", ""))
                seen[key] = seen.get(key, 0) + 1
                if seen[key] <= 25:
                    kind = resource["resourceType"]
                    getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind).model_validate(
                        resource
                    )
    assert {
        ("Encounter", "in-progress"),
        ("MedicationRequest", "active"),
        ("Observation", "preliminary"),
    } <= seen.keys()


def test_somebody_is_in_hospital_on_the_last_day(hospital: Hospital, records: list[PatientRecord]) -> None:
    """At the end of the record some stays are open, and end within two days after it."""
    open_stays = [s for r in records for s in r.stays if s.kind == "IMP" and s.start < hospital.until <= s.end]
    assert open_stays
