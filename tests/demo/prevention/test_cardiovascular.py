"""First cardiovascular events come at the hazard that their risk factors say."""

from __future__ import annotations

import inspect
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.demo.facts import DAY, NEVER, PatientRecord
from services.demo.hospital import Hospital
from services.demo.prevention import cardiovascular
from services.demo.prevention.cardiovascular import EVENTS, cardiovascular_risks, hazard


@pytest.fixture(scope="module")
def followed() -> tuple[np.ndarray, np.ndarray]:
    """(true risk of an event within a year, whether one came) at the first visit of everybody free of disease."""
    hospital = Hospital(seed=13, patients=5000, until=20_600 * DAY)
    risks, came = [], []
    for record in hospital.records():
        first = next((risk for risk in cardiovascular_risks(record) if risk.at < hospital.until - 366 * DAY), None)
        if first is None:
            continue
        events = [
            s.start for s in record.stays if s.diagnoses and s.diagnoses[0].illness in EVENTS and s.start > first.at
        ]
        earliest = min([*events, record.person.illnesses.get("heart_failure", NEVER)])
        risks.append(first.within_year)
        came.append(earliest <= first.at + 365 * DAY)
    return np.array(risks), np.array(came)


def test_events_come_as_the_hazard_says(followed: tuple[np.ndarray, np.ndarray]) -> None:
    """Over all and in each third of the risk, events are within four standard errors of the sum of true risks."""
    risk, came = followed
    edges = np.quantile(risk, [0.0, 1 / 3, 2 / 3, 1.0])
    groups = [risk >= 0.0, *((risk >= low) & (risk <= high) for low, high in itertools.pairwise(edges))]
    for chosen in groups:
        spread = np.sqrt((risk[chosen] * (1 - risk[chosen])).sum())
        assert abs(came[chosen].sum() - risk[chosen].sum()) < 4 * spread
    assert 0.008 < came.mean() < 0.025


def test_the_hazard_follows_the_factors(records: list[PatientRecord]) -> None:
    """Pressure, cholesterol and smoking raise it; HDL lowers it; each as the equation says."""
    record = records[0]
    at, base = record.registered, hazard(record, record.registered)

    def with_levels(**changed: float) -> float:
        levels = replace(record.levels, of=record.levels.of | changed)
        return hazard(replace(record, levels=levels), at) / base

    own = record.levels.of
    assert with_levels(pressure=own["pressure"] + 20) == pytest.approx(np.exp(0.32))
    assert with_levels(cholesterol=own["cholesterol"] + 40) == pytest.approx(np.exp(0.18))
    assert with_levels(hdl=own["hdl"] + 20) == pytest.approx(np.exp(-0.28))
    smoking = hazard(replace(record, person=replace(record.person, smoker="current")), at)
    never = hazard(replace(record, person=replace(record.person, smoker="never")), at)
    assert smoking / never == pytest.approx(np.exp(0.50))


def test_the_first_event_has_no_orders_of_another_cause(records: list[PatientRecord]) -> None:
    """A stay whose cause was told anew keeps no order that only the former cause explains."""
    for record in records:
        causes = {stay.id: stay.diagnoses[0].illness for stay in record.stays if stay.kind == "IMP"}
        for order in record.orders:
            if order.inpatient and order.drug == "vancomycin":
                assert causes[order.encounter] in ("pneumonia", "sepsis")


def test_the_page_states_the_equation_of_the_code() -> None:
    """Every coefficient of the hazard stands in docs/demo-hospital.md, in its formula."""
    page = (Path(__file__).parents[3] / "docs" / "demo-hospital.md").read_text(encoding="utf-8")
    formula = page.split("ln h =")[1].split("\n\n")[0]
    source = inspect.getsource(cardiovascular.hazard).split("log_rate = (")[1].split("\n    )\n")[0]
    coefficients = re.findall(r"(?m)^\s+[-+]? ?\(?(-?\d+\.\d+)", source)
    assert len(coefficients) == 12
    assert [c for c in coefficients if f"{float(c):g}" not in formula] == []
