"""Kidney injuries of the demo hospital come as their true risks say, and its creatinine shows them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from services.demo.facts import DAY, PatientRecord
from services.demo.hospital import Hospital
from services.demo.inpatient.kidneys import NEPHROTOXINS, KidneyRisk, kidney_risks

Row = tuple[KidneyRisk, PatientRecord]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Every nephrotoxic order of inpatient stays of 3,000 patients, without a decline of another cause in its week."""
    hospital = Hospital(seed=11, patients=3000, until=20_600 * DAY)
    return [(risk, record) for record in hospital.records() for risk in kidney_risks(record) if not risk.declines]


def risen(rows: list[Row]) -> Iterator[tuple[float, bool]]:
    """(true risk, whether it showed) of orders whose creatinine was measured in the week after, and before."""
    for risk, record in rows:
        results = [one for one in record.results if one.test == "creatinine"]
        after = [one.value for one in results if risk.at < one.taken <= risk.at + 7 * DAY]
        before = [one.value for one in results if risk.at - DAY < one.taken <= risk.at]
        if after and before:
            yield risk.within_week, max(after) >= 1.5 * before[-1]


def test_injuries_come_as_the_risks_say(rows: list[Row]) -> None:
    """Over all, and in the half at higher risk, they are within four standard errors of the sum of the risks."""
    found = list(risen(rows))
    risk, injured = np.array([one for one, _ in found]), np.array([one for _, one in found])
    assert len(risk) > 500
    for chosen in (risk >= 0.0, risk >= np.median(risk)):
        spread = np.sqrt((risk[chosen] * (1 - risk[chosen])).sum())
        assert abs(injured[chosen].sum() - risk[chosen].sum()) < 4 * spread


def test_the_risks_are_of_a_believable_size(rows: list[Row]) -> None:
    """Between 8 and 18 % on average, and a tenth of orders at twice that or more."""
    risk = np.array([one.within_week for one, _ in rows])
    assert 0.08 < risk.mean() < 0.18
    assert 0.05 < (risk > 2 * risk.mean()).mean() < 0.25


def test_orders_belong_to_stays_and_are_nephrotoxic(rows: list[Row]) -> None:
    """Each risk is of one order of the record, written in its stay."""
    for risk, record in rows:
        (order,) = [one for one in record.orders if one.id == risk.order]
        stay = record.stay(risk.encounter)
        assert order.drug in NEPHROTOXINS
        assert stay.start <= risk.at == order.written < stay.end


def test_the_orders_of_a_record_stay_in_order_and_unique(rows: list[Row]) -> None:
    """What was added has ids of its own, and stands where it was written."""
    for _, record in rows[:200]:
        assert len({one.id for one in record.orders}) == len(record.orders)
        assert [one.written for one in record.orders] == sorted(one.written for one in record.orders)
        assert len({one.id for one in record.results}) == len(record.results)
        assert len({one.id for one in record.diagnoses}) == len(record.diagnoses)
