"""What a card may say of several predictions and of scores: each as read, and nothing made up where there is nothing."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.check import load_files
from services.guidance.checking.cards import sample_facts
from services.guidance.words.card_text import CardFacts, CardText, Stated, compile_cards
from services.guidance.words.card_variables import names_of
from services.guidance.words.wording import (
    not_computed,
    not_meant,
    points,
    score_withheld,
    too_little_known,
)
from tests.guidance.several_predictions import files
from tests.guidance.words.variables import variables_of

GUIDANCE = load_files(files()).definition
VITALS = {"rr": 25.0, "spo2": 96.0, "oxygen": 1.0, "sbp": 130.0, "pulse": 112.0, "alert": 1.0, "temp": 38.4}


def facts(**changes: Any) -> CardFacts:
    """An old man with a high NEWS2, unless changed."""
    values: dict[str, float | None] = dict.fromkeys(GUIDANCE.features, None) | VITALS | {"news2": 8.0, "healthy": 0.034}
    usual: dict[str, Any] = {
        "risk": 0.28, "base_rate": 0.11, "release": "sha256:" + "a" * 64, "values": values,
        "others": {"deterioration": Stated(risk=0.081, average=0.02), "heart": Stated(risk=0.13, average=0.05)},
    }  # fmt: skip
    return CardFacts(**{**usual, **changes})


def test_each_prediction_and_score_has_its_variables() -> None:
    """Exactly the names that a template may use, each with its value as read."""
    said = variables_of(GUIDANCE, facts())
    assert set(said) == names_of(GUIDANCE)
    assert (said["deterioration"], said["deterioration_average"]) == (0.081, 0.02)
    assert (said["deterioration_percent"], said["deterioration_average_percent"]) == ("8%", "2%")
    assert said["deterioration_frequencies"] == (
        "Of **100** people like this patient, about **8** go to intensive care or die within 24 hours and **92** do not; "
        "on average it is 2 of 100."
    )
    assert said["healthy_percent"] == "3%"
    assert said["news2_parts"] == "breathing 25 (3), oxygen (2), pulse 112 (2), temperature 38.4 (1)"


def test_what_was_not_computed_has_no_number() -> None:
    """None to compare with, no percentage, no sentence of frequencies; the average is still known."""
    said = variables_of(
        GUIDANCE,
        facts(
            risk=None,
            others={"deterioration": Stated(risk=None, average=0.02)},
            values=dict.fromkeys(GUIDANCE.features),
            not_computed=("Not A.", "Not B."),
        ),
    )
    for name in (
        "risk",
        "times_average",
        "risk_percent",
        "deterioration",
        "deterioration_percent",
        "news2_parts",
        "healthy_percent",
    ):
        assert said[name] is None
    assert said["frequencies"] == said["deterioration_frequencies"] == said["reasons"] == ""
    assert (said["deterioration_average_percent"], said["base_percent"]) == ("2%", "11%")
    assert said["not_computed"] == "Not A. Not B."


def test_every_card_fills_for_every_combination_of_known_and_unknown_risks() -> None:
    """The check tries each risk missing beside each other one there, and every card of the guidance bears it."""
    for name, card in GUIDANCE.cards.items():
        text = CardText(GUIDANCE, name, card)
        seen = set()
        for made in sample_facts(GUIDANCE, card):
            words = text.render(made)
            assert words.summary
            assert words.detail
            assert "None" not in words.summary + words.detail
            seen.add((made.risk is None, *(made.others[one].risk is None for one in ("deterioration", "heart"))))
        assert len(seen) == 8


def test_only_a_guidance_that_may_speak_without_its_first_risk_is_tried_without_it() -> None:
    """Else no card is ever made without it, and templates need not ask."""
    policy = GUIDANCE.policy.model_copy(update={"without_risk": "abstain"})
    quiet = GUIDANCE.model_copy(update={"policy": policy})
    made = list(sample_facts(quiet, quiet.cards["visit"]))
    assert all(one.risk is not None for one in made)
    assert any(one.others["deterioration"].risk is None for one in made)


def test_a_card_of_rules_and_published_scores_does_not_claim_a_model() -> None:
    """What computed it is said as it is; a published risk has no reasons that were learned."""
    assert "AI-derived" in variables_of(GUIDANCE, facts())["ai_derived"]
    published = GUIDANCE.model_copy(
        update={
            "model": GUIDANCE.predictions["heart"].model,
            "predictions": {"heart": GUIDANCE.predictions["heart"]},
        }
    )
    said = variables_of(published, facts(contributions={"hb": 2.0}))
    assert "AI-derived" not in said["ai_derived"]
    assert "published scores" in said["ai_derived"]
    assert said["reasons"] == ""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (points([]), "no points"),
        (points([("oxygen", 2.0), ("pulse 112", 1.5)]), "oxygen (2), pulse 112 (1.5)"),
        (not_computed("death", not_meant(surely=True)), "The risk of death is not computed: it is not meant for this patient now."),
        (not_meant(surely=False), "it is not known whether it is meant for this patient"),
        (too_little_known(["albumin"], inputs=9), "albumin is not known"),
        (too_little_known(["a", "b", "c", "d"], inputs=9), "4 of its 9 entries are not known"),
        (score_withheld(["a", "b", "c", "d"]), "a, b, c and d are not known"),
        (score_withheld([]), "an entry is outside the range that the published score allows"),
    ],
)  # fmt: skip
def test_why_a_risk_is_missing_is_said_in_words(said: str, expected: str) -> None:
    """One sentence for each reason."""
    assert said == expected


def test_the_cards_compile() -> None:
    """Each template names only what is there."""
    assert set(compile_cards(GUIDANCE)) == {"prevent", "visit"}
