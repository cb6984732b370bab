"""The message of each figure, in every case: none, one, many and all."""

from __future__ import annotations

import pytest

from services.guidance.definition import Outcome
from services.guidance.words import figure_messages as said

OUTCOME = Outcome(
    kind="readmission",
    name="unplanned readmission within 30 days",
    happens="come back unplanned within 30 days",
    happened="came back unplanned within 30 days",
    horizon_days=30,
)


@pytest.mark.parametrize(
    ("flagged", "right", "missed", "sentence"),
    [
        (150, 42, 78, "Of 1,000 patients, 150 are flagged; of the 120 who came back unplanned within 30 days, 42 are among them and 78 are missed"),
        (1, 1, 2, "Of 1,000 patients, 1 is flagged; of the 3 who came back unplanned within 30 days, 1 is among them and 2 are missed"),
        (0, 0, 120, "Of 1,000 patients, nobody is flagged, and all 120 who came back unplanned within 30 days are missed"),
        (150, 120, 0, "Of 1,000 patients, 150 are flagged, and all 120 who came back unplanned within 30 days are among them"),
        (150, 0, 0, "Of 1,000 patients, 150 are flagged; nobody came back unplanned within 30 days"),
    ],
)  # fmt: skip
def test_a_thousand_people(flagged: int, right: int, missed: int, sentence: str) -> None:
    """The missed are in the sentence whenever there are any."""
    assert said.people(OUTCOME, whole=1000, flagged=flagged, right=right, missed=missed) == sentence


@pytest.mark.parametrize(
    ("better", "agreed", "sentence"),
    [
        ([], None, "Acting on the model is at no threshold better than acting on everybody or on nobody"),
        ([0.2], None, "Acting on the model is better than acting on everybody or on nobody at 20 in 100"),
        ([0.1, 0.4], (0.15, 0.3), "Acting on the model is better than acting on everybody or on nobody from 10 to 40 in 100, which is the whole of the range agreed"),
        ([0.2, 0.4], (0.15, 0.3), "Acting on the model is better than acting on everybody or on nobody from 20 to 40 in 100, which is not the whole of the range agreed"),
    ],
)  # fmt: skip
def test_where_acting_is_better(better: list[float], agreed: tuple[float, float] | None, sentence: str) -> None:
    """Nobody agreed to a range that the guidance does not declare."""
    assert said.benefit(better=better, agreed=agreed) == sentence


@pytest.mark.parametrize(
    ("gain", "interval", "start"),
    [
        (15.0, (9.0, 21.0), "At 20 in 100, acting on it is worth 15.0 (9.0 to 21.0) more caught per 1,000"),
        (4.0, (-2.0, 10.0), "At 20 in 100, nobody can tell whether acting on it is worth more"),
        (-10.0, (-20.0, -4.0), "At 20 in 100, acting on it is worth less"),
    ],
)
def test_what_acting_is_worth(gain: float, interval: tuple[float, float], start: str) -> None:
    """Meets, cannot tell, does not meet: three sentences, not two."""
    assert said.worth(gain=gain, interval=interval, threshold=0.2).startswith(start)


def test_groups_are_named_and_counted() -> None:
    """The worse by name, at most three; the unknown by number."""
    assert (
        said.whom(worse=[], unknown=0, groups=4) == "No group is shown to be worse than agreed; 4 groups were looked at"
    )
    assert (
        said.whom(worse=["sex: male"], unknown=2, groups=4)
        == "It is worse than agreed for sex: male; of 4 groups looked at, 2 cannot be told"
    )
    many = said.whom(worse=["a", "b", "c", "d", "e"], unknown=0, groups=9)
    assert many.startswith("It is worse than agreed for a, b and c and 2 more;")
    assert said.whom(worse=[], unknown=0, groups=0) == "No group of patients could be told apart"


def test_the_others_say_their_finding() -> None:
    """One of each, with its small cases."""
    assert said.spread(above=0.1, interval=(0.08, 0.12)) == "10 (8 to 12) of 100 patients are at or above the threshold"
    assert said.spread(above=0.0, interval=(0.0, 0.01)) == "No patients are at or above the threshold"
    assert said.effort(alerts_per_100=11, caught=35.2) == "11 alerts for every 100 patients find 35 of 100 events"
    assert said.effort(alerts_per_100=1, caught=5) == "1 alert for every 100 patients finds 5 of 100 events"
    assert said.months(outside=0, judged=0, last_ripe="") == "No month has enough ripe outcomes to be judged"
    assert said.months(outside=2, judged=31, last_ripe="2025-11").startswith("In 2 of 31 ripe months")
    assert said.missing(name="albumin", share=0.39) == "Albumin is missing most often: in 39 of 100 rows"
    assert said.missing(name="age", share=0) == "No input is missing anywhere"
    assert (
        said.lead(median=288, events=148)
        == "Half of the 148 events that it catches come 12 days or more after the prediction"
    )
    assert (
        said.lead(median=30, events=9)
        == "Half of the 9 events that it catches come 30 hours or more after the prediction"
    )
    assert said.weighs(["age"]) == "Age weighs most"
    assert said.weighs([]) == "Nothing weighs"
    assert said.moved(difference=0.0181, samples=20).startswith(
        "With other patients to learn from, a stated risk would move by 1.8 in 100"
    )
    assert (
        said.elsewhere(judged=0, outside=0, unjudged=3) == "It could not be judged in later time or at a site left out"
    )
    assert said.elsewhere(judged=5, outside=1, unjudged=1).endswith(
        "1 was shown to be outside the limits; 1 could not be judged"
    )
    assert said.changed(lost=190, lost_events=30, gained=220, gained_events=61, old="the score").startswith(
        "Beside the score, 190 patients"
    )
    assert said.ranks(auroc=0.718, interval=(0.689, 0.747)).startswith(
        "It ranks a random case above a non-case 72 (69 to 75) times in 100"
    )
