"""What the wards measure shows the decline before it ends, and is there when early warning scores look for it."""

from __future__ import annotations

from statistics import mean

from services.demo.facts import DAY, HOUR, PatientRecord, Result, Stay
from services.demo.inpatient.course import acuity


def _of(record: PatientRecord, stay: Stay, test: str) -> list[Result]:
    return [result for result in record.results if result.encounter == stay.id and result.test == test]


def test_signs_get_worse_before_death(records: list[PatientRecord]) -> None:
    """In the last 12 hours of those who die breathing and pulse are faster, and pressure and saturation lower, than before the decline."""
    shift: dict[str, list[float]] = {test: [] for test in ("breathing", "pulse", "pressure", "saturation")}
    for record in records:
        for stay in record.stays:
            last = (
                next((d for d in record.courses[stay.id].declines if d.terminal), None) if stay.kind == "IMP" else None
            )
            if last is None or stay.end - last.onset < 20 * HOUR:
                continue
            for test, found in shift.items():
                readings = _of(record, stay, test)
                before = [r.value for r in readings if acuity(record.courses[stay.id].declines, r.taken) == 0.0]
                late = [r.value for r in readings if r.taken > stay.end - 12 * HOUR]
                if before and late:
                    found.append(mean(late) - mean(before))
    assert len(shift["pulse"]) > 15
    assert mean(shift["breathing"]) > 4
    assert mean(shift["pulse"]) > 15
    assert mean(shift["pressure"]) < -12
    assert mean(shift["saturation"]) < -1  # oxygen is given, and helps


def test_every_landmark_finds_vital_signs_of_the_last_four_hours(records: list[PatientRecord]) -> None:
    """One day after admission, two, ... each sign has been read within four hours, consciousness within twelve."""
    seen = 0
    for record in records[:300]:
        for stay in record.stays:
            if stay.kind != "IMP":
                continue
            taken = {
                test: [r.taken for r in _of(record, stay, test)] for test in ("pulse", "breathing", "consciousness")
            }
            for at in range(stay.start + DAY, stay.end, DAY):
                seen += 1
                assert any(at - 4 * HOUR <= one <= at for one in taken["pulse"])
                assert any(at - 4 * HOUR <= one <= at for one in taken["breathing"])
                assert any(at - 12 * HOUR <= one <= at for one in taken["consciousness"])
    assert seen > 500


def test_blood_is_taken_of_who_declines(records: list[PatientRecord]) -> None:
    """Lactate rises and the pH falls with acuity; both are of those who decline, and few others."""
    high: list[float] = []
    low: list[float] = []
    for record in records:
        for stay in record.stays:
            if stay.kind == "IMP":
                for result in _of(record, stay, "lactate"):
                    bad = acuity(record.courses[stay.id].declines, result.taken)
                    (high if bad > 1.5 else low).append(result.value)
    assert mean(high) > mean(low) + 1.5


def test_oxygen_flow_and_room_air(records: list[PatientRecord]) -> None:
    """Flows run from 0 (room air, said so by some) to 15 litres a minute, and only the hypoxic are given any."""
    flows = [result.value for record in records for result in record.results if result.test == "oxygen_flow"]
    assert min(flows) == 0.0
    assert 1.0 < max(flows) <= 15.0
    assert 0.1 < sum(flow == 0.0 for flow in flows) / len(flows) < 0.9


def test_words_and_scores_of_consciousness_agree(records: list[PatientRecord]) -> None:
    """Alert is a coma score of 15, and nobody with less is called alert."""
    for record in records[:400]:
        words = {(r.encounter, r.taken): r.word for r in record.results if r.test == "consciousness"}
        for score in (r for r in record.results if r.test == "gcs"):
            assert (words[score.encounter, score.taken] == "Alert") == (score.value == 15)


def test_blood_pressure_is_possible(records: list[PatientRecord]) -> None:
    """The diastolic pressure is below the systolic one, also in the worst decline."""
    for record in records:
        for result in record.results:
            if result.test == "pressure":
                assert 20 < result.second < result.value
