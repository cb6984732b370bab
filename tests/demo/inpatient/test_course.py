"""A stay's course: who leaves has recovered, who dies has declined, and places follow one another."""

from __future__ import annotations

from services.demo.facts import HOUR, NEVER, PatientRecord
from services.demo.hospital import Hospital
from services.demo.inpatient.course import ANNOUNCED, acuity, worsening_since


def test_who_leaves_alive_has_recovered(records: list[PatientRecord]) -> None:
    """At a live discharge the acuity is nil, so that the true risk of readmission stays what it was drawn from."""
    seen = 0
    for record in records:
        for stay in record.stays:
            if stay.kind == "IMP" and stay.disposition != "exp":
                course = record.courses[stay.id]
                seen += len(course.declines)
                assert acuity(course.declines, stay.end) == 0.0
                assert worsening_since(course.declines, stay.end - 1) is None
    assert seen > 100


def test_most_deaths_come_after_a_decline(records: list[PatientRecord]) -> None:
    """About `ANNOUNCED` of those who die in a stay get worse for hours before; the others die without a warning."""
    dying = [(r.courses[s.id], s) for r in records for s in r.stays if s.kind == "IMP" and s.disposition == "exp"]
    announced = [course for course, stay in dying if acuity(course.declines, stay.end - 1) > 0.5]
    assert len(dying) > 30
    assert ANNOUNCED - 0.15 < len(announced) / len(dying) < ANNOUNCED + 0.13


def test_deaths_and_intensive_care_are_as_frequent_as_the_page_says(records: list[PatientRecord]) -> None:
    """Of adults' inpatient stays 2.5 to 4.5 % end in death, and 7 to 15 % see intensive care."""
    stays = [(r.courses[s.id], s) for r in records for s in r.stays if s.kind == "IMP"]
    died = sum(stay.disposition == "exp" for _, stay in stays) / len(stays)
    intensive = sum(course.intensive_from < NEVER for course, _ in stays) / len(stays)
    assert 0.025 < died < 0.045
    assert 0.07 < intensive < 0.15


def test_the_life_does_not_depend_on_the_course() -> None:
    """Streams of their own: the number of stays and the risks at discharge are those of the life alone."""
    from services.demo.dice import Dice
    from services.demo.hospital import AHEAD
    from services.demo.patients import draw_person
    from services.demo.stays import Life

    hospital = Hospital(seed=5, patients=60, until=20_600 * 24 * HOUR)
    for index in range(60):
        dice = Dice(hospital.seed, index)
        person = draw_person(dice, index=index, begins=hospital.begins, ends=hospital.until)
        life = Life(dice, person, begins=hospital.begins, horizon=hospital.until + AHEAD).live()
        whole = hospital.patient(index)
        assert life.risks == whole.risks
        assert life.charges == whole.charges
        assert [(s.id, s.start, s.end, s.disposition) for s in life.stays] == [
            (s.id, s.start, s.end, s.disposition) for s in whole.stays
        ]
