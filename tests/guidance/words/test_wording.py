"""Every sentence is written out for none, one, some, nearly all and all, and says no more than its numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.definition import Codes, Feature, Outcome
from services.guidance.words import wording
from services.guidance.words.grammar import infinitive
from services.guidance.words.rounding import count_of, denominator, half_up, number, out_of, percent, with_interval
from services.guidance.words.wording import Sample

RETURN = Outcome(
    kind="readmission",
    name="unplanned readmission within 30 days",
    happens="come back unplanned within 30 days",
    happened="came back unplanned within 30 days",
    died=Codes(tokens=("s|exp",)),
)
DEATH = Outcome(
    kind="death-in-stay",
    name="death in hospital",
    happens="die in hospital",
    happens_not="leave alive",
    died=Codes(tokens=("s|exp",)),
)
HERE = Sample(data="2025 data from Site A", prospective=True)
THEN = Sample(data="2025 data from Site A")
SYNTHETIC = Sample(data="the demo hospital", prospective=True, kind="synthetic")
BENCHMARK = Sample(data="SUPPORT2", kind="benchmark")


def feature(**keys: object) -> Feature:
    """A feature of which only some keys matter here."""
    return Feature.model_validate({"kind": "last", "from": "Observation.code", "label": "haemoglobin", **keys})


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0%"), (0.0001, "<1%"), (0.004, "<1%"), (0.005, "1%"), (0.28, "28%"), (0.285, "29%"), (0.994, "99%"),
     (0.996, ">99%"), (1.0, "100%")],
)  # fmt: skip
def test_percent_is_whole_and_never_rounds_to_certainty(share: float, said: str) -> None:
    """What is possible is not 0 %, and what is not certain is not 100 %."""
    assert percent(share) == said


def test_rounding_is_half_up_on_the_printed_digits() -> None:
    """0.145 is 14.5 %, and so 15 %; binary fractions do not decide."""
    assert [str(half_up(value, 1)) for value in (0.25, 0.35, -0.04, 2.675)] == ["0.3", "0.4", "0.0", "2.7"]
    assert percent(0.145) == "15%"
    assert [number(9.8, 1), number(12_000.4), number(-3.0), number(9_999.0)] == ["9.8", "12,000", "-3", "9999"]


@given(st.floats(0, 1))
def test_counts_of_both_halves_fill_the_denominator(share: float) -> None:
    """Of 100, those who do and those who do not are 100 together."""
    of = denominator(share)
    assert 0 <= count_of(share, of) <= of
    assert of in (100, 1000)
    assert out_of(share, of).endswith(f"of {of:,}")


def test_rare_risks_are_counted_per_thousand() -> None:
    """Under 1 in 100, of 1,000; and both numbers of a sentence with one denominator."""
    assert (denominator(0.28), denominator(0.004), denominator(0.28, 0.002), denominator(0.0)) == (100, 1000, 1000, 100)
    assert out_of(0.0001, 1000) == "fewer than 1 of 1,000"
    assert out_of(0.9999, 1000) == "all but fewer than 1 of 1,000"
    assert with_interval(0.28, (0.25, 0.31), 100) == "28 (25 to 31)"


@pytest.mark.parametrize(
    ("risk", "average", "said"),
    [
        (0.28, 0.11, "Of **100** people like him, about **28** come back unplanned within 30 days and **72** do not; on this ward it is 11 of 100."),
        (0.01, 0.11, "Of **100** people like him, about **1** comes back unplanned within 30 days and **99** do not; on this ward it is 11 of 100."),
        (0.99, 0.5, "Of **100** people like him, about **99** come back unplanned within 30 days and **1** does not; on this ward it is 50 of 100."),
        (0.004, 0.0004, "Of **1,000** people like him, about **4** come back unplanned within 30 days and **996** do not; on this ward it is fewer than 1 of 1,000."),
        (0.0001, 0.11, "Of **1,000** people like him, fewer than **1** comes back unplanned within 30 days; on this ward it is 110 of 1,000."),
        (0.9999, 0.11, "Of **1,000** people like him, nearly all come back unplanned within 30 days; on this ward it is 110 of 1,000."),
    ],
)  # fmt: skip
def test_frequencies_tell_both_halves(risk: float, average: float, said: str) -> None:
    """How many do and how many do not, beside the average, whatever the numbers."""
    assert (
        wording.of_people(RETURN, risk=risk, base_rate=average, people="people like him", usual="on this ward") == said
    )


def test_the_complement_is_the_guidances_own() -> None:
    """`leave alive` is kinder than `do not die`, and one of them leaves."""
    said = wording.of_people(DEATH, risk=0.99, base_rate=0.26)
    assert (
        said
        == "Of **100** people like them, about **99** die in hospital and **1** leaves alive; on average it is 26 of 100."
    )


@pytest.mark.parametrize(
    ("many", "one"),
    [("come back", "comes back"), ("do not", "does not"), ("are readmitted", "is readmitted"), ("have a stroke", "has a stroke"),
     ("die", "dies"), ("go home", "goes home"), ("carry on", "carries on"), ("stay", "stays"), ("reach 3", "reaches 3"),
     ("bleed", "bleeds"), ("died", "died"), ("were ill", "was ill"), ("came back", "came back"), ("pass", "passes")],
)  # fmt: skip
def test_one_person_takes_the_singular(many: str, one: str) -> None:
    """`1 comes back`, not `1 come back`."""
    assert wording.singular(many) == one


def test_after_will_stands_the_infinitive() -> None:
    """`will be readmitted`, not `will are readmitted`."""
    assert (infinitive("are readmitted"), infinitive("come back")) == ("be readmitted", "come back")


@pytest.mark.parametrize(
    ("gender", "he"), [("male", "he him his"), ("female", "she her her"), ("other", "they them their"), (None, "they them their")]
)  # fmt: skip
def test_pronouns(gender: str | None, he: str) -> None:
    """Whoever is neither male nor female in the record is `they`."""
    said = wording.pronoun(gender)
    assert f"{said.subject} {said.object} {said.possessive}" == he


def test_reasons_show_values_and_plurals() -> None:
    """The value as measured, one and many, zero, and what is missing."""
    hb = feature(unit="g/dL", decimals=1, phrase="haemoglobin {value} g/dL")
    stays = feature(
        kind="count", label="stays", phrase="{value} {admission|admissions} before", phrase_zero="no admission before"
    )
    chf = feature(kind="current", label="heart failure")
    sex = feature(levels={"s|male": 0, "s|female": 1}, label="sex", phrase="{value} sex")
    home = feature(
        levels={"s|snf": 2}, words={"s|snf": "a nursing facility"}, label="to", phrase="discharge to {value}"
    )
    assert wording.reason(hb, 9.84) == "haemoglobin 9.8 g/dL"
    assert wording.reason(hb, None) == "haemoglobin not known"
    assert [wording.reason(stays, n) for n in (0, 1, 4)] == [
        "no admission before",
        "1 admission before",
        "4 admissions before",
    ]
    assert [wording.reason(chf, n) for n in (0, 1)] == ["no heart failure", "heart failure"]
    assert wording.reason(sex, 1) == "female sex"
    assert wording.reason(home, 2) == "discharge to a nursing facility"
    assert wording.reason(feature(label="pH", decimals=2), 7.4) == "pH 7.40"
    assert [wording.value_text(chf, n) for n in (0, 1)] == ["no", "yes"]


def test_reasons_never_say_because() -> None:
    """What went with a risk is not said to cause it."""
    assert wording.main_reasons([]) == "No single entry in the record stands out."
    assert wording.main_reasons(["a"]) == "Main reason: a (it went with a higher risk; it is not proven to cause it)."
    three = wording.main_reasons(["a", "b", "c"])
    assert three == "Main reasons: a, b and c (they went with a higher risk; none is proven to cause it)."
    assert "because" not in three
    sourced = wording.main_reasons(["a", "b (from Observation/1)"])
    assert (
        sourced
        == "Main reasons: a and b (from Observation/1). They went with a higher risk; none is proven to cause it."
    )


def test_what_is_not_known_is_said_in_full_or_counted() -> None:
    """None, one, two, many, and everything missing."""
    labels = ["albumin", "HbA1c", "sodium", "age", "sex", "eGFR"]
    assert wording.not_known([], inputs=20) == ""
    assert wording.not_known(labels[:1], inputs=20) == "Not known: albumin."
    assert wording.not_known(labels[:2], inputs=20) == "Not known: albumin and HbA1c."
    assert wording.not_known(labels, inputs=20) == "Not known: albumin, HbA1c, sodium, age, sex and 1 more of 20."
    assert wording.not_known(labels, inputs=6) == "Not known: none of the 6 entries it reads is in the record."


def test_a_score_that_is_withheld_names_what_it_lacks() -> None:
    """One is, several are not known; nothing missing means that it left its range."""
    assert wording.withheld("HOSPITAL", ["sodium"]) == "HOSPITAL is withheld: sodium is not known."
    assert wording.withheld("HOSPITAL", ["sodium", "age"]) == "HOSPITAL is withheld: sodium and age are not known."
    assert wording.withheld("HOSPITAL", []) == "HOSPITAL is withheld: it is outside its range."


def test_no_card_is_a_result() -> None:
    """Silence has its reason in words."""
    assert wording.no_card(risk=0.09, limit=0.2) == "No card: risk 9 of 100, below the limit of 20 of 100."
    assert wording.no_card(risk=0.002, limit=0.2) == "No card: risk 2 of 1,000, below the limit of 200 of 1,000."


@pytest.mark.parametrize(
    ("stage", "places", "said"),
    [
        ("silent", (), "Silent stage: staff do not see this card."),
        ("pilot", ("ward 7", "ward 8"), "Pilot at ward 7 and ward 8: on trial here, and may be stopped at any time."),
        ("pilot", ("*",), "Pilot: on trial here, and may be stopped at any time."),
        ("suspended", (), "Stopped: this guidance does not speak now."),
        ("general", (), ""),
    ],
)
def test_the_stage_is_said(stage: str, places: tuple[str, ...], said: str) -> None:
    """A reader knows whether this is a trial; in general use there is nothing to say."""
    assert wording.stage_notice(stage, places=places) == said


def test_notices_are_loud_and_plain() -> None:
    """The demonstration policy and the draft status cannot be overlooked; the machine says that it is one."""
    assert wording.DEMONSTRATION_POLICY.startswith("Demonstration policy:")
    assert "not approved for patient care" in wording.NOT_APPROVED
    assert wording.AI_DERIVED.startswith("AI-derived")


@pytest.mark.parametrize(
    ("right", "flagged", "sample", "said"),
    [
        (280, 1000, HERE, "Of 100 patients flagged, 28 (25 to 31) will come back unplanned within 30 days; 72 will not."),
        (280, 1000, THEN, "Of 100 patients flagged, 28 (25 to 31) came back unplanned within 30 days; 72 did not, in 2025 data from Site A."),
        (280, 1000, SYNTHETIC, "Of 100 patients flagged, 28 (25 to 31) came back unplanned within 30 days; 72 did not, in the demo hospital (made-up patients)."),
        (9, 31, HERE, "9 of 31 patients flagged (25 to 31 of 100) will come back unplanned within 30 days; 22 will not."),
        (0, 0, THEN, "Nobody was flagged, in 2025 data from Site A."),
        (3, 9, HERE, "1 to 9 patients were flagged: rate not shown."),
        (40, 40, HERE, "All 40 patients flagged will come back unplanned within 30 days."),
        (0, 40, BENCHMARK, "None of the 40 patients flagged came back unplanned within 30 days, in SUPPORT2 (benchmark data, not this site)."),
        (4, 1000, HERE, "Of 1,000 patients flagged, 4 (250 to 310) will come back unplanned within 30 days; 996 will not."),
    ],
)  # fmt: skip
def test_right_per_100(right: int, flagged: int, sample: Sample, said: str) -> None:
    """Both halves, the interval, the data; the real count when few; no rate when fewer than ten."""
    assert wording.right_per_100(RETURN, sample, right=right, flagged=flagged, interval=(0.25, 0.31)) == said


def test_will_is_only_for_prospective_counts_of_real_patients() -> None:
    """A benchmark or made-up patients never give a promise, whatever was claimed."""
    for sample in (THEN, SYNTHETIC, BENCHMARK, Sample(data="x", prospective=True, kind="benchmark")):
        assert " will " not in wording.right_per_100(RETURN, sample, right=28, flagged=100)
        assert sample.data in wording.right_per_100(RETURN, sample, right=28, flagged=100)


def test_an_outcome_without_a_past_tense_is_named() -> None:
    """What the guidance does not say in the past is said by its name."""
    said = wording.right_per_100(DEATH, THEN, right=28, flagged=100)
    assert (
        said == "Of 100 patients flagged, 28 had the outcome (death in hospital); 72 did not, in 2025 data from Site A."
    )


@pytest.mark.parametrize(
    ("caught", "events", "said"),
    [
        (350, 1000, "Of 100 patients who came back unplanned within 30 days, it flagged 35 and missed 65."),
        (9, 31, "Of 31 patients who came back unplanned within 30 days, it flagged 9 and missed 22."),
        (31, 31, "Of 31 patients who came back unplanned within 30 days, it flagged all."),
        (0, 31, "Of 31 patients who came back unplanned within 30 days, it flagged none."),
        (3, 9, "1 to 9 patients: rate not shown."),
        (0, 0, "Nobody came back unplanned within 30 days."),
    ],
)
def test_missed(caught: int, events: int, said: str) -> None:
    """The missed are said beside the found."""
    assert wording.missed(RETURN, HERE, caught=caught, events=events) == said


@pytest.mark.parametrize(
    ("flagged", "others", "said"),
    [
        (120, 1000, "Of 100 patients who did not, it flagged 12."),
        (0, 50, "Of 50 patients who did not, it flagged none."),
        (50, 50, "Of 50 patients who did not, it flagged all."),
        (0, 0, "Every patient came back unplanned within 30 days."),
    ],
)
def test_false_alarms(flagged: int, others: int, said: str) -> None:
    """How many were flagged for nothing."""
    assert wording.false_alarms(RETURN, HERE, flagged=flagged, others=others) == said


@pytest.mark.parametrize(
    ("events", "people", "said"),
    [
        (120, 1000, "Without any guidance, 12 of 100 will come back unplanned within 30 days."),
        (4, 1000, "Without any guidance, 4 of 1,000 will come back unplanned within 30 days."),
        (4, 40, "Without any guidance, 4 of 40 will come back unplanned within 30 days."),
        (0, 40, "Without any guidance, none of 40 will come back unplanned within 30 days."),
        (40, 40, "Without any guidance, all of 40 will come back unplanned within 30 days."),
        (4, 9, "Fewer than 10 patients: rate not shown."),
    ],
)
def test_base(events: int, people: int, said: str) -> None:
    """What happens anyway."""
    assert wording.base(RETURN, HERE, events=events, people=people) == said


def test_calibration_compares_said_and_happened() -> None:
    """When it says so many, so many happen; one happens."""
    assert (
        wording.calibration(stated=0.4, observed=0.36, interval=(0.31, 0.41))
        == "When it says 40 in 100, 36 (31 to 41) happen."
    )
    assert (
        wording.calibration(stated=0.02, observed=0.01, interval=(0.01, 0.03))
        == "When it says 2 in 100, 1 (1 to 3) happens."
    )
    assert (
        wording.calibration(stated=0.004, observed=0.0, interval=(0.0, 0.01))
        == "When it says 4 in 1,000, 0 (0 to 10) happen."
    )


def test_ranking_says_what_it_does_not_say() -> None:
    """An AUROC is a share of pairs, and no more."""
    said = wording.discrimination(auroc=0.77, interval=(0.75, 0.79))
    assert (
        said
        == "It ranks a random case above a non-case 77 (75 to 79) times in 100; this says nothing on whether risks are right."
    )


def test_the_brier_score_is_compared_with_knowing_only_the_average() -> None:
    """Better, worse, the same, and nothing to compare with."""
    assert (
        wording.overall_accuracy(brier=0.095, base_rate=0.12)
        == "Brier score 0.0950: 10% better than giving everyone 12 in 100 (0.1056)."
    )
    assert "10% worse" in wording.overall_accuracy(brier=0.1162, base_rate=0.12)
    assert "no better than" in wording.overall_accuracy(brier=0.1056, base_rate=0.12)
    assert "no variation" in wording.overall_accuracy(brier=0.0, base_rate=0.0)


def test_the_price_of_the_glass_box_is_stated() -> None:
    """How many pairs a forest would rank better, and whether that is worth the loss of clarity."""
    price = {"scorecard_brier": 0.1351, "forest_brier": 0.1335, "limit": 0.01}
    assert wording.glass_box_price(scorecard_auroc=0.839, forest_auroc=0.842, **price) == (
        "Of 1,000 pairs of a case and a non-case, a forest ranks 3 more right than the model whose every step can be read "
        "(AUROC 0.839 against 0.842, Brier score 0.1351 against 0.1335); that is below the 0.010 AUROC for which clarity "
        "would be given up."
    )
    assert "at or above the 0.010" in wording.glass_box_price(scorecard_auroc=0.8, forest_auroc=0.82, **price)
    assert "costs nothing here" in wording.glass_box_price(scorecard_auroc=0.84, forest_auroc=0.84, **price)
    assert "costs nothing here" in wording.glass_box_price(scorecard_auroc=0.85, forest_auroc=0.84, **price)


@given(st.floats(0, 1), st.floats(0.0001, 0.9999))
def test_no_sentence_ever_promises_certainty(risk: float, average: float) -> None:
    """`All` and `nobody` are never said of a prediction that is not certain; the two halves add up."""
    said = wording.of_people(RETURN, risk=risk, base_rate=average)
    assert said.count("**") % 2 == 0
    assert "**0**" not in said
    assert "1 in " not in said.replace("30", "")
