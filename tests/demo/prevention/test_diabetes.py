"""Diabetes sets in at the hazard that its factors say, is found at visits, and nothing tells of it before."""

from __future__ import annotations

import inspect
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.demo.dice import INPATIENT, PAPERWORK, PREVENTION, SCREENING
from services.demo.facts import DAY, NEVER, YEAR, PatientRecord
from services.demo.hospital import Hospital
from services.demo.prevention import diabetes
from services.demo.prevention.diabetes import diabetes_risks, hazard

UNTIL = 20_600 * DAY
YEARS = 7.5


def onset_of(record: PatientRecord) -> int:
    """When diabetes sets in, by the life or by the hazard."""
    return min((at for name, at in record.person.illnesses.items() if name.startswith("diabetes")), default=NEVER)


def found_at(record: PatientRecord) -> int:
    """When the record first shows it: a diagnosis, or the second day with a raised result of one test."""
    times = [one.onset for one in record.diagnoses if one.illness.startswith("diabetes")]
    for test, threshold in (("hba1c", 6.5), ("glucose_fasting", 126.0)):
        high = sorted(one.taken for one in record.results if one.test == test and one.value >= threshold)
        second = [taken for taken in high if taken // DAY > high[0] // DAY]
        times += second[:1]
    return min(times, default=NEVER)


@pytest.fixture(scope="module")
def long_lives() -> list[PatientRecord]:
    """A record longer than the horizon."""
    return list(Hospital(seed=13, patients=1500, until=UNTIL, years=YEARS).records())


@pytest.fixture(scope="module")
def followed(long_lives: list[PatientRecord]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(true risk within five years, whether it set in, whether it was found) at the third visit of whoever lived on."""
    rows = []
    for record in long_lives:
        risks = [one for one in diabetes_risks(record) if one.at < UNTIL - 5.3 * YEAR]
        if len(risks) < 3 or record.person.died < risks[2].at + 5.3 * YEAR:
            continue
        at, until = risks[2].at, risks[2].at + 5 * YEAR
        rows.append((risks[2].within_five_years, onset_of(record) <= until, at < found_at(record) <= until))
    risk, sets_in, found = zip(*rows, strict=True)
    return np.array(risk), np.array(sets_in), np.array(found)


def test_diabetes_sets_in_as_the_hazard_says(followed: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Over all and in each third of the risk, as many as the sum of true risks says (within four standard errors)."""
    risk, sets_in, _ = followed
    assert len(risk) > 400
    edges = np.quantile(risk, [0.0, 1 / 3, 2 / 3, 1.0])
    for chosen in (risk >= 0.0, *((risk >= low) & (risk <= high) for low, high in itertools.pairwise(edges))):
        spread = np.sqrt((risk[chosen] * (1 - risk[chosen])).sum())
        assert abs(sets_in[chosen].sum() - risk[chosen].sum()) < 4 * spread
    assert 0.04 < sets_in.mean() < 0.15


def test_most_of_it_is_found_in_the_record(followed: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """What sets in within five years is found within them but for the latest, and nothing is found that has not set in."""
    _, sets_in, found = followed
    assert not (found & ~sets_in).any()
    assert found.sum() > 0.75 * sets_in.sum()


def test_some_of_it_never_gets_a_diagnosis(long_lives: list[PatientRecord]) -> None:
    """Between a twentieth and half of what set in shows in raised results alone."""
    coded = raised_only = 0
    for record in long_lives:
        if found_at(record) == NEVER or onset_of(record) < record.registered:
            continue
        if any(one.illness.startswith("diabetes") for one in record.diagnoses):
            coded += 1
        else:
            raised_only += 1
    assert 0.05 < raised_only / (coded + raised_only) < 0.5


def test_whether_somebody_is_tested_does_not_tell_what_is_to_come(long_lives: list[PatientRecord]) -> None:
    """Before it sets in, those who will have diabetes have as many HbA1c results a visit as those who will not."""
    tests, visits = np.zeros(2), np.zeros(2)
    for record in long_lives:
        onset = onset_of(record)
        if onset <= record.registered:
            continue
        group = int(onset < NEVER)
        clinic = {one.id for one in record.stays if one.kind == "AMB" and one.start < onset}
        visits[group] += len(clinic)
        tests[group] += sum(one.test == "hba1c" and one.encounter in clinic for one in record.results)
    share = tests / visits
    assert visits.min() > 500
    assert abs(share[0] - share[1]) < 4 * np.sqrt(share[0] * (1 - share[0]) / visits[1])


def test_the_hazard_follows_the_factors(records: list[PatientRecord]) -> None:
    """Weight, glucose, pressure and smoking raise it; HDL lowers it; each as the equation says."""
    record = records[0]
    at, base = record.registered, hazard(record, record.registered)

    def with_levels(**changed: float) -> float:
        return hazard(replace(record, levels=replace(record.levels, of=record.levels.of | changed)), at)

    assert with_levels(glucose=111.0) / with_levels(glucose=101.0) == pytest.approx(np.exp(0.60))
    assert with_levels(pressure=145.0) / with_levels(pressure=125.0) == pytest.approx(np.exp(0.24))
    assert with_levels(hdl=70.0) / with_levels(hdl=50.0) == pytest.approx(np.exp(-0.40))
    heavier = replace(record, person=replace(record.person, bmi=record.person.bmi + 2))
    assert hazard(heavier, at) / base == pytest.approx(np.exp(0.24))


def test_nothing_of_the_life_is_moved(records: list[PatientRecord], hospital: Hospital) -> None:
    """Identifiers are all different, results are of stays there are, and nobody is measured after death."""
    for record in records[:400]:
        identities = [one.id for one in record.results]
        assert len(set(identities)) == len(identities)
        assert len({one.id for one in record.diagnoses}) == len(record.diagnoses)
        stays = {one.id for one in record.stays}
        assert all(one.encounter in stays for one in record.results)
        assert all(one.taken <= record.person.died for one in record.results)


def test_every_topic_has_a_stream_of_its_own() -> None:
    """Two topics of one number would draw the same chance."""
    assert len({INPATIENT, PREVENTION, PAPERWORK, SCREENING}) == 4


def test_the_page_states_the_equation_of_the_code() -> None:
    """Every coefficient of the hazard stands in docs/demo-hospital.md, in its formula."""
    page = (Path(__file__).parents[3] / "docs" / "demo-hospital.md").read_text(encoding="utf-8")
    formula = page.split("ln d =")[1].split("\n\n")[0]
    source = inspect.getsource(diabetes.hazard).split("log_rate = (")[1].split("\n    )\n")[0]
    coefficients = re.findall(r"(?m)^\s+[-+]? ?\(?(-?\d+\.\d+)", source)
    assert len(coefficients) == 7
    assert f"{diabetes.PER_YEAR_OF_AGE:g} (age" in formula
    assert [c for c in coefficients if f"{float(c):g}" not in formula] == []
