"""Discharges are found by their time, in order, with the patients made anew."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from services.demo.facts import DAY
from services.demo.hospital import Hospital, write_hospital
from services.demo.replay import BedsideClock, discharges_between


def test_discharges_of_a_month_are_all_there_and_in_order(tmp_path: Path) -> None:
    """Every live discharge between two times is found once, with its true risk, and none outside."""
    hospital = Hospital.ending(date(2026, 6, 1), seed=5, patients=200)
    written = write_hospital(hospital, tmp_path / "h", workers=1)
    since, until = hospital.until - 365 * DAY, hospital.until - 30 * DAY
    found = discharges_between(hospital, written.truth, since, until)
    truly = [
        (risk.encounter, risk.readmission)
        for record in hospital.records()
        for risk in record.risks
        if since <= risk.discharged < until
    ]
    assert len(found) == len(truly) > 30
    assert {one.stay.id for one in found} == {encounter for encounter, _ in truly}
    assert [one.stay.end for one in found] == sorted(one.stay.end for one in found)
    risks = dict(truly)
    assert all(abs(one.true_risk - risks[one.stay.id]) < 1e-9 for one in found)


def test_stays_about_to_end_are_found(tmp_path: Path) -> None:
    """Who leaves on the day after the record's end can be asked about today."""
    hospital = Hospital.ending(date(2026, 6, 1), seed=5, patients=2000)
    written = write_hospital(hospital, tmp_path / "h")
    today = discharges_between(hospital, written.truth, hospital.until, hospital.until + DAY)
    assert today
    assert all(one.stay.start < hospital.until + DAY for one in today)


def test_the_bedside_clock_can_be_turned_and_let_go() -> None:
    """Set, it stands; let go, it is the real time."""
    clock = BedsideClock()
    assert clock() > Hospital.ending(date(2025, 1, 1), seed=0, patients=1).until
    clock.at = 12
    assert clock() == 12
