"""The true risks in a stay are those by which death and intensive care come."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from services.demo.facts import DAY
from services.demo.hospital import Hospital
from services.demo.inpatient.landmarks import LandmarkRisk, landmark_risks

Row = tuple[LandmarkRisk, bool, bool]


@pytest.fixture(scope="module")
def landmarks() -> dict[int, list[Row]]:
    """Day of the stay → (risk, died in the stay, intensive care or death within a day), of 4,000 patients."""
    hospital = Hospital(seed=11, patients=4000, until=20_600 * DAY)
    found: dict[int, list[Row]] = defaultdict(list)
    for record in hospital.records():
        for stay in record.stays:
            if stay.kind != "IMP":
                continue
            moved, dies = record.courses[stay.id].intensive_from, stay.disposition == "exp"
            for risk in landmark_risks(record, stay):
                soon = (dies and stay.end <= risk.at + DAY) or risk.at < moved <= risk.at + DAY
                found[(risk.at - stay.start) // DAY].append((risk, dies, soon))
    return found


@pytest.mark.parametrize("day", [1, 2, 3, 5])
def test_deaths_in_stay_come_as_the_risks_say(landmarks: dict[int, list[Row]], day: int) -> None:
    """On each day, over all and among the fifth at highest risk, deaths are within four standard errors of the sum of risks."""
    risk = np.array([one.death_in_stay for one, _, _ in landmarks[day]])
    dies = np.array([died for _, died, _ in landmarks[day]])
    for chosen in (risk >= 0.0, risk >= np.quantile(risk, 0.8)):
        spread = np.sqrt((risk[chosen] * (1 - risk[chosen])).sum())
        assert abs(dies[chosen].sum() - risk[chosen].sum()) < 4 * spread


@pytest.mark.parametrize("day", [1, 2, 3, 5])
def test_deterioration_within_a_day_comes_as_the_risks_say(landmarks: dict[int, list[Row]], day: int) -> None:
    """Likewise for death or intensive care within a day, of those who are not in intensive care."""
    rows = [(one.intensive_or_death, soon) for one, _, soon in landmarks[day] if one.intensive_or_death is not None]
    risk, soon = np.array([one for one, _ in rows]), np.array([came for _, came in rows])
    for chosen in (risk >= 0.0, risk >= np.quantile(risk, 0.8)):
        spread = np.sqrt((risk[chosen] * (1 - risk[chosen])).sum())
        assert abs(soon[chosen].sum() - risk[chosen].sum()) < 4 * spread


def test_the_risks_tell_apart_and_are_of_a_believable_size(landmarks: dict[int, list[Row]]) -> None:
    """Two or three of a hundred patient-days are followed by intensive care or death; the true risk has an AUROC of 0.78 to 0.90."""
    rows = [
        (one.intensive_or_death, soon)
        for day in landmarks.values()
        for one, _, soon in day
        if one.intensive_or_death is not None
    ]
    risk, soon = np.array([one for one, _ in rows]), np.array([came for _, came in rows])
    ranks = np.empty(len(risk))
    ranks[np.argsort(risk)] = np.arange(1, len(risk) + 1)
    positive = int(soon.sum())
    auroc = (ranks[soon].sum() - positive * (positive + 1) / 2) / (positive * (len(soon) - positive))
    assert 0.018 < soon.mean() < 0.032
    assert 0.78 < auroc < 0.90


def test_planned_stays_end_alive(landmarks: dict[int, list[Row]]) -> None:
    """Who comes for a planned operation or chemotherapy does not die in the stay, and the risk says so."""
    certain = [died for day in landmarks.values() for one, died, _ in day if one.death_in_stay == 0.0]
    assert len(certain) > 20
    assert not any(certain)
