"""A threshold is proposed that keeps the budget, drops only the lowest risks, and can be approved as it stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.alerts.counted import DueCards
from services.cds.alerts.proposal import Proposed, governed_bands, propose
from services.cds.governed.site_policy import SitePolicy, site_policy
from services.guidance.check import load_guidance
from tests.cds.tea import FOLDER

GUIDANCE = load_guidance(FOLDER).definition
BANDS = [
    {"name": "rule", "when": "hb < 7", "card": "tea"},
    {"name": "high", "when": "risk >= 2 * base_rate or hb < 8", "card": "tea"},
    {"name": "usual", "when": "risk >= 0"},
]


def here(budget: float = 0.2, **overlay: Any) -> SitePolicy:
    """A policy in which one band reads the risk and one does not."""
    return site_policy(GUIDANCE, {"*": {"bands": BANDS, "alert_budget": budget} | overlay}, "")


def due(risk: float | None, cards: int = 1, *, band: str = "high", accepted: int = 0) -> DueCards:
    """Cards of one risk."""
    return DueCards(band=band, risk=risk, cards=cards, accepted=accepted)


def test_the_lowest_threshold_that_keeps_the_budget() -> None:
    """20 of 100 calls may carry a card: of 30 the ten of lowest risk go, and it is said what went with them."""
    cards = [due(0.9, 10), due(0.5, 10), due(0.31, 6, accepted=2), due(0.3, 4, accepted=1)]
    found = propose(cards, here(), calls=100)
    assert isinstance(found, Proposed)
    assert (found.threshold, found.cards) == (0.5, 20)
    assert (found.missed.cards, found.missed.accepted, found.missed.highest_risk) == (10, 3, 0.31)
    assert "learner" in found.missed.outcomes


def test_the_threshold_is_a_number_that_people_can_vote_on() -> None:
    """As few decimals as tell the last card kept from the first one dropped."""
    found = propose([due(0.123456789), due(0.1234), due(0.1)], here(0.5), calls=4)
    assert isinstance(found, Proposed)
    assert (found.threshold, found.cards) == (0.12, 2)


@pytest.mark.parametrize(
    ("cards", "why"),
    [
        ([due(0.9, 20)], "the budget is kept"),
        ([due(0.9, 21)], "even the highest risk alone"),
        ([due(None, 21, band="rule"), due(0.9)], "21 cards rest on rules without the risk, more than the 20"),
    ],
)
def test_without_a_threshold_that_helps_it_says_why(cards: list[DueCards], why: str) -> None:
    """Within the budget, or where only silencing the sickest or a rule would help."""
    found = propose(cards, here(), calls=100)
    assert isinstance(found, str)
    assert found.startswith(why)


def test_the_overlay_can_be_approved_as_it_stands() -> None:
    """Bands that read the risk are raised, rules stay; the policy it makes is valid for the release."""
    found = propose([due(0.9, 10), due(0.5, 30)], here(), calls=100)
    assert isinstance(found, Proposed)
    assert [band["when"] for band in found.bands] == [
        "hb < 7", "(risk >= 2 * base_rate or hb < 8) and risk >= 0.9", "risk >= 0",
    ]  # fmt: skip
    raised = here(bands=list(found.bands))
    assert governed_bands(raised) == {"high"}
    row = {"risk": 0.89, "base_rate": 0.1, "hb": 7.5}
    assert next(band.name for band, condition in raised.bands if condition.evaluate_one(row)) == "usual"
    assert next(band.name for band, condition in raised.bands if condition.evaluate_one(row | {"hb": 6.0})) == "rule"


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 5), st.sampled_from(["high", "rule"])), max_size=30),
    st.integers(0, 300),
    st.sampled_from([0.01, 0.05, 0.2, 0.5]),
)
def test_a_proposal_keeps_the_budget_and_the_sickest(
    given_cards: list[tuple[float, int, str]], others: int, budget: float
) -> None:
    """Whatever was logged: what is kept fits, whoever is dropped was less sick than all who are kept, no rule is touched."""
    cards = [due(risk, number, band=band) for risk, number, band in given_cards]
    total = sum(one.cards for one in cards)
    found = propose(cards, here(budget), calls=total + others)
    if isinstance(found, str):
        return
    kept = [one for one in cards if one.band == "rule" or (one.risk is not None and one.risk >= found.threshold)]
    assert sum(one.cards for one in kept) == found.cards <= budget * (total + others)
    assert found.missed.cards == total - found.cards > 0
    assert found.missed.highest_risk < found.threshold
    assert max(one.risk or 0 for one in cards if one.band == "high") >= found.threshold
