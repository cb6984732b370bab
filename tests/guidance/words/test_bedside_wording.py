"""What is said of a silent period by the CDS service's own log: source, burden, faults, missing data, agreement, time."""

from __future__ import annotations

import pytest

from services.guidance.bedside_evidence import BesideAnother, FeatureAtBedside, Milliseconds
from services.guidance.estimate import Estimate
from services.guidance.words.bedside_wording import at_the_bedside, came_from
from tests.registry.samples import bedside


def test_live_and_replayed_calls_are_told_apart() -> None:
    """Nobody takes a replay for a silent month on the wards."""
    assert came_from(bedside(3000)) == "3,000 decisions that the CDS service made and kept as the calls came"
    assert came_from(bedside(3000, live=0, replayed=3000)).endswith("on replayed calls")
    assert came_from(bedside(3000, live=2900, replayed=100)).endswith(
        ": 2,900 as the calls came, 100 on replayed calls"
    )


def test_what_another_release_answered_is_compared() -> None:
    """Call by call; nothing where none spoke, and no figures where its decisions are not known."""
    pairs = BesideAnother(decisions=900, compared=880, both=40, only_this=7, only_other=5, shown=30)
    said = list(at_the_bedside(bedside(1000, beside=pairs)))
    assert said[1:3] == [
        "In 900 of these calls another release spoke and answered. Of 880 whose answer is known here, a card was due by both in 40, "
        "by this release alone in 7 and by the other alone in 5.",
        "Staff saw the other's card in 30 calls: what they did about it is in the outcomes.",
    ]
    unknown = BesideAnother(decisions=900, compared=0, both=0, only_this=0, only_other=0, shown=0)
    assert list(at_the_bedside(bedside(1000, beside=unknown)))[1].endswith("; its decisions are not in this export.")
    assert not any("another release" in one for one in at_the_bedside(bedside(1000)))


@pytest.mark.parametrize("wrong", [{"both": 12}, {"compared": 901}, {"shown": 9}])
def test_counts_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    """More pairs than calls, or more cards seen than were due."""
    good = {"decisions": 900, "compared": 10, "both": 5, "only_this": 2, "only_other": 3, "shown": 8}
    BesideAnother(**good)
    with pytest.raises(ValueError, match="must hold"):
        BesideAnother(**(good | wrong))


def test_everything_that_was_counted_is_said_once() -> None:
    """A sentence each, features by name with the worst first, and nothing where nothing was."""
    worst = FeatureAtBedside(feature="albumin", read=1000, unknown=620, compared=990, different=99)
    other = FeatureAtBedside(feature="age", read=1000, unknown=0, compared=990, different=1)
    whole = Milliseconds(calls=1000, p50=12.31, p95=30.0, p99=71.26)
    found = bedside(
        1000,
        failed=Estimate(value=0.004, ci=(0.002, 0.009)),
        differing=Estimate(value=0.1, ci=(0.08, 0.12)),
        features=(other, worst),
        milliseconds={"all": whole},
        not_in_record=10,
        pseudonyms=4,
    )
    assert list(at_the_bedside(found)) == [
        "Source: 1,000 decisions that the CDS service made and kept as the calls came.",
        "A card was due in 10.0 (9.0 to 11.0) of 100 calls: 1.00 for a clinician in a day with calls (12 clinicians, 300 days), "
        "at most 4.",
        "Of 100 calls 0.4 (0.2 to 0.9) failed (503), 0.0 (0.0 to 0.1) lacked required data (412), and in 0.0 (0.0 to 0.1) too much "
        "was unknown to say anything.",
        "Most often unknown, of 100 calls: albumin 62.0.",
        "In 10.0 (8.0 to 12.0) of 100 decisions a feature is not what the record says now: albumin 10.0, age 0.1.",
        "A call took 12.3 ms at the median, 30.0 ms for the slowest 5 of 100 and 71.3 ms for the slowest 1 of 100, inside the "
        "service.",
        "Of 10 decisions the learner's record does not have the patient, 4 of them under a pseudonym; of these no outcome is known.",
    ]
    plain = list(at_the_bedside(bedside(1000, clinicians=0, cards_per_clinician_day=None, differing=None)))
    assert plain[1] == "A card was due in 10.0 (9.0 to 11.0) of 100 calls; the calls do not name clinicians."
    assert plain[-1] == "No decision could be compared with the record."
