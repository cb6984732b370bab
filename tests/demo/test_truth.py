"""The generative model does what its equations say: the true risks are those that chance was drawn from."""

from __future__ import annotations

import inspect
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.demo import truth
from services.demo.facts import DAY, PatientRecord
from services.demo.hospital import Hospital
from services.demo.laboratory import creatinine_of

NOT_INDEX = {"chemotherapy", "joint_aftercare", "depression", "delivery"}


@pytest.fixture(scope="module")
def discharges() -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """(true risk, readmitted, true death risk, died first) of every eligible, matured discharge of 6,000 patients."""
    hospital = Hospital(seed=3, patients=6000, until=20_600 * DAY)
    rows = []
    for record in hospital.records():
        risks = {risk.encounter: risk for risk in record.risks}
        stays = [stay for stay in record.stays if stay.kind == "IMP"]
        for position, stay in enumerate(stays):
            risk = risks.get(stay.id)
            eligible = stay.disposition not in ("hosp", "aadvice") and stay.diagnoses[0].illness not in NOT_INDEX
            if risk is None or not eligible or stay.end > hospital.until - 31 * DAY:
                continue
            later = [s for s in stays[position + 1 :] if s.start <= stay.end + 30 * DAY]
            back = bool(later) and later[0].priority != "EL" and later[0].diagnoses[0].illness != "delivery"
            rows.append((risk.readmission, back, risk.death, not later and record.person.died <= stay.end + 30 * DAY))
    risk_, back_, death_, died_ = zip(*rows, strict=True)
    return np.array(risk_), np.array(back_), np.array(death_), np.array(died_)


def test_readmissions_are_drawn_from_the_true_risks(discharges: tuple[NDArray[np.float64], ...]) -> None:
    """In every fifth of the true risk, as many come back as it says (within four standard errors)."""
    risk, back, _, _ = discharges
    edges = np.quantile(risk, np.linspace(0, 1, 6))
    for low, high in itertools.pairwise(edges):
        fifth = (risk >= low) & (risk <= high)
        expected, spread = risk[fifth].sum(), np.sqrt((risk[fifth] * (1 - risk[fifth])).sum())
        assert abs(back[fifth].sum() - expected) < 4 * spread


def test_deaths_after_discharge_are_drawn_from_the_true_risks(discharges: tuple[NDArray[np.float64], ...]) -> None:
    """As many die within 30 days without a readmission as the true risks say (within four standard errors)."""
    _, _, death, died = discharges
    assert abs(died.sum() - death.sum()) < 4 * np.sqrt((death * (1 - death)).sum())


def test_base_rate_and_attainable_discrimination_are_realistic(discharges: tuple[NDArray[np.float64], ...]) -> None:
    """Between 10 and 14 of 100 come back, and even the true risk tells them apart with an AUROC of 0.72 to 0.78 only."""
    risk, back, _, _ = discharges
    ranks = np.empty(len(risk))
    ranks[np.argsort(risk)] = np.arange(1, len(risk) + 1)
    positive = int(back.sum())
    auroc = (ranks[back.astype(bool)].sum() - positive * (positive + 1) / 2) / (positive * (len(risk) - positive))
    assert 0.10 <= back.mean() <= 0.14
    assert 0.72 <= auroc <= 0.78


def test_creatinine_gives_back_the_egfr_it_was_made_from() -> None:
    """CKD-EPI 2021 of the creatinine drawn is the eGFR drawn, on both branches and for both sexes."""
    for female in (False, True):
        kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
        for egfr in (8.0, 45.0, 90.0, 118.0):
            scr = creatinine_of(egfr, age=60.0, female=female)
            again = (
                142.0
                * min(scr / kappa, 1.0) ** alpha
                * max(scr / kappa, 1.0) ** -1.2
                * 0.9938**60.0
                * (1.012 if female else 1.0)
            )
            assert again == pytest.approx(egfr)


def test_nobody_is_in_two_beds(records: list[PatientRecord]) -> None:
    """Stays of one patient do not overlap, and nothing happens after death."""
    for record in records:
        stays = sorted((stay for stay in record.stays if stay.kind == "IMP"), key=lambda stay: stay.start)
        assert all(a.end <= b.start for a, b in itertools.pairwise(stays))
        assert all(stay.start <= record.person.died for stay in record.stays)


def test_the_page_states_the_equations_of_the_code() -> None:
    """Every coefficient of the two risks at discharge stands in docs/demo-hospital.md, in the formula of that risk."""
    page = (Path(__file__).parents[2] / "docs" / "demo-hospital.md").read_text(encoding="utf-8")
    for function, opening in ((truth.readmission_risk, "logit p ="), (truth.death_risk, "logit q =")):
        formula = page.split(opening)[1].split("\n\n")[0]
        source = inspect.getsource(function).split("log_odds = (")[1].split("    )\n")[0]
        coefficients = re.findall(r"(?m)^\s+(?:[+] \(?)?(-?\d+\.\d+)", source)
        assert len(coefficients) >= 7
        assert [
            c for c in coefficients if f"{float(c):g}" not in formula.replace("0.30", "0.3").replace("0.20", "0.2")
        ] == []


def test_the_attainable_auroc_is_that_of_the_risks() -> None:
    """One risk for all cannot rank; certain risks rank perfectly; in between it is the expected share of pairs won."""
    assert truth.attainable_auroc([0.2] * 10) == pytest.approx(0.5)
    assert truth.attainable_auroc([0.0, 0.0, 1.0]) == pytest.approx(1.0)
    assert truth.attainable_auroc([0.25, 0.75]) == pytest.approx((0.75 * 0.75 + 0.5 * 2 * 0.25 * 0.75) / 1.0)
