"""Of 100 alerts, how many are right: as people read it, with its zero, small and unknown cases."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.guidance.alert_evidence import Alerts
from services.guidance.check import load_files
from services.guidance.definition import Outcome
from services.guidance.estimate import Estimate
from services.guidance.words.alert_wording import alerts_right, alerts_right_from, alerts_right_sentence
from tests.guidance import small_guidance
from tests.registry import samples

OUTCOME: Outcome = load_files(small_guidance.files()).definition.outcome


def counted(stays: int, right: int, low: float, high: float) -> Alerts:
    """So many of so many right."""
    return Alerts(stays=stays, patients=stays, right=right, ppv=Estimate(value=right / stays, ci=(low, high)))


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        (None, "not known"),
        (Alerts(stays=0, patients=0), "not known"),
        (Alerts(stays=9, patients=9), "not shown"),
        (counted(40, 12, 0.17, 0.46), "12 of 40 (17 to 46 of 100)"),
        (counted(300, 84, 0.233, 0.333), "28 (23 to 33)"),
        (counted(2000, 10, 0.0027, 0.0092), "5 (3 to 9) of 1,000"),
    ],
)
def test_how_many_are_right_is_a_count_of_people_with_its_interval(alerts: Alerts | None, said: str) -> None:
    """Per 100; per 1,000 where they are rare; of fewer than 100 as counted; of fewer than ten patients not at all."""
    assert alerts_right(alerts) == said


def test_it_is_said_of_whom_and_from_which_days() -> None:
    """What right means, how many stays, that nobody saw the card, and the period; else why nothing is known."""
    month = replace(samples.silent_month(), alerts=counted(300, 84, 0.233, 0.333))
    source = alerts_right_from(OUTCOME, month)
    assert source.endswith("84 of 300 stays with a card that nobody saw; silent period 2026-01-01 to 2026-01-31")
    assert source.startswith(OUTCOME.happened or "had the outcome")
    sentence = alerts_right_sentence(OUTCOME, month)
    assert sentence.startswith("Of 100 with such a card 28 (23 to 33) ")
    for alerts, why in (
        (None, "no outcome is known"), (Alerts(stays=0, patients=0), "no stay"), (Alerts(stays=9, patients=9), "fewer than ten"),
    ):  # fmt: skip
        other = replace(month, alerts=alerts)
        assert why in alerts_right_from(OUTCOME, other)
        assert alerts_right_sentence(OUTCOME, other) == ""


def test_a_rate_of_fewer_than_ten_patients_cannot_be_written() -> None:
    """The shape of the evidence forbids it, in both directions."""
    with pytest.raises(ValueError, match="10 patients"):
        counted(9, 3, 0.1, 0.6)
    with pytest.raises(ValueError, match="10 patients"):
        Alerts(stays=40, patients=40)
