"""The sentences of the console, with none, one, some and all written out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.guidance.words import console_wording as words

AT = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


def test_what_is_stopped_is_named_up_to_three_and_the_latest_first() -> None:
    """Who stopped it only where names are told; more than three are counted."""
    one = words.Stopped(guidance="sepsis", by="R. Okafor", at=AT)
    assert words.guidance_stopped([one]) == "1 guidance stopped: sepsis by R. Okafor, 22 Nov 14:02 UTC."
    many = [words.Stopped(guidance=f"g{day}", by="", at=AT.replace(day=day)) for day in (1, 2, 3, 4)]
    said = "4 guidance stopped: g4, 04 Nov 14:02 UTC, g3, 03 Nov 14:02 UTC, g2, 02 Nov 14:02 UTC and 1 more."
    assert words.guidance_stopped(many) == said


def test_silence_is_said_with_its_length() -> None:
    """Never as good; what is stopped is still said."""
    assert words.state_unknown(95).startswith("STATE UNKNOWN: no service has asked what may speak for 95 s;")
    assert "yet; guidance may still show" in words.state_unknown(None)
    assert words.state_unknown(95, [words.Stopped(guidance="a", by="", at=AT)]).endswith(
        "1 guidance stopped: a, 22 Nov 14:02 UTC."
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 days")]
)
def test_durations_are_in_the_unit_of_their_size(seconds: int, said: str) -> None:
    """Rounded down."""
    assert words.duration(seconds) == said


def test_answers_are_counted_of_those_answered() -> None:
    """No card, none answered, few (counts only), many (of 100, with the counts), and those without an answer."""
    assert words.answers_of_week(shown=0, accepted=0, overridden=0) == "No card was shown in 7 days."
    assert words.answers_of_week(shown=3, accepted=0, overridden=0) == "None of 3 cards was answered."
    few = "Of 5 answered, 2 were accepted and 3 overridden; 1 of 6 cards had no answer yet."
    assert words.answers_of_week(shown=6, accepted=2, overridden=3) == few
    many = "Of 100 answered, 75 were accepted (30 of 40); 0 of 40 cards had no answer yet."
    assert words.answers_of_week(shown=40, accepted=30, overridden=10) == many


def test_cards_are_told_with_their_calls_and_days() -> None:
    """One day is a day."""
    assert words.cards_of_week(shown=0, calls=0, days=0) == "No calls were reported in 7 days."
    assert (
        words.cards_of_week(shown=9, calls=30, days=1) == "Cards on 9 of 30 calls, 1 day with reports: about 9.0 a day."
    )


def test_two_models_that_agree_are_said_to_agree() -> None:
    """And the largest difference is named, with how many others differ."""
    assert words.shapes_differ([("age", 0.0)]) == "Both models say the same of every input."
    assert words.shapes_differ([("age", 0.4), ("hb", 0.0)]) == "The two differ most in age: by up to 0.40 in log-odds."
    two = words.shapes_differ([("age", 0.4), ("hb", 0.1)])
    assert two == "The two differ most in age: by up to 0.40 in log-odds; 1 other input differs too."
    assert words.shapes_differ([("a", 0.4), ("b", 0.1), ("c", 0.1)]).endswith("2 other inputs differ too.")
