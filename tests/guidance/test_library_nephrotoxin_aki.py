"""nephrotoxin-aki is what its page and the clinical content say: numbers, thresholds, drugs; and it begins silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.guidance.check import load_guidance
from services.guidance.lifecycle import TRANSITIONS
from services.guidance.prefetch import DRAFT_ORDERS, derive_queries, feature_queries

PROJECT = Path(__file__).resolve().parents[2]
LOADED = load_guidance(PROJECT / "services/guidance/library/nephrotoxin-aki")
GUIDANCE = LOADED.definition


def test_it_cannot_speak_before_it_was_silent() -> None:
    """Every way of any guidance to a card leads through the silent stage, and the text says so of this one."""
    loud = {"pilot", "general"}
    reached, ahead = {"registered"}, ["registered"]
    while ahead:
        here = ahead.pop()
        for source, to in TRANSITIONS:
            if source == here and to != "silent" and to not in reached:
                reached.add(to)
                ahead.append(to)
    assert not reached & loud
    for word in ("begin silent", "randomised share", "stop if deaths"):
        assert word in GUIDANCE.about.intended_use


def test_what_is_ordered_comes_from_the_call_and_from_no_query() -> None:
    """The features of the very order are served by the context alone; the first of them is required."""
    served = feature_queries(GUIDANCE, LOADED.value_sets)
    assert served["nephrotoxin_ordered"] == served["nsaid_ordered"] == (DRAFT_ORDERS,)
    assert GUIDANCE.features["nephrotoxin_ordered"].required
    queries = derive_queries(GUIDANCE, LOADED.value_sets)
    assert DRAFT_ORDERS not in queries
    assert not any("nephrotoxin_ordered" in query.features for query in queries.values())


def test_the_thresholds_are_those_of_the_content() -> None:
    """15 %, an NSAID with an eGFR below 30, the triple whammy below 60; a twentieth of orders may interrupt."""
    policy = GUIDANCE.policy
    (painkiller,) = [band for band in policy.bands if band.name == "painkiller"]
    assert painkiller.when == "nsaid_ordered and (egfr < 30 or (triple_whammy and egfr < 60) or risk >= 0.15)"
    assert (policy.alert_budget, policy.risk_tier, policy.cooldown_hours) == (0.05, "high", 0)
    assert {name: card.indicator for name, card in GUIDANCE.cards.items()} == dict.fromkeys(GUIDANCE.cards, "info")
    louder = {name for name, card in GUIDANCE.cards.items() if card.indicator_on}
    assert louder == {"painkiller", "nephrotoxin"}
    assert all(GUIDANCE.cards[name].indicator_on == {"order-sign": "warning"} for name in louder)


@pytest.mark.parametrize("name", ["732", "77655"])
def test_codes_that_nobody_verified_do_not_ship(name: str) -> None:
    """Amphotericin B and zoledronic acid wait for a look-up, as the content asks."""
    sets: dict[str, Any] = json.loads(LOADED.files["value_sets.json"])["value_sets"]
    concepts = [one["code"] for part in sets["nephrotoxins"]["include"] for one in part["concepts"]]
    assert name not in concepts
    assert {"5640", "35827", "11124", "1596450"} <= set(concepts)


def test_creatinine_before_the_order_is_no_leak() -> None:
    """The outcome is made of results after the index; nothing that the model reads is."""
    assert GUIDANCE.outcome.kind == "kidney-injury"
    assert GUIDANCE.outcome.horizon_days == 7
    assert GUIDANCE.outcome.death == "competes"
    assert "race" not in [name for name, one in GUIDANCE.features.items() if one.use == "model"]
