"""A card is filled from facts: numbers as read, missing as missing, patient text escaped, nothing computed."""

from __future__ import annotations

import pytest

from services.guidance.check import load_files
from services.guidance.definition import Card, Guidance
from services.guidance.words.binding import bind_resource
from services.guidance.words.card_text import (
    SUMMARY_LONGEST,
    VARIABLES,
    CardFacts,
    CardText,
    TemplateFault,
    compile_cards,
    read_from,
    reasons_of,
)
from tests.guidance.small_guidance import GUIDANCE, files
from tests.guidance.words.variables import variables_of

SMALL = load_files(files(GUIDANCE + "pronouns: true\n")).definition
DIGEST = "sha256:" + "9f3c" * 16


def facts(**changes: object) -> CardFacts:
    """Facts of one call, some of them changed."""
    usual: dict[str, object] = {
        "risk": 0.28,
        "base_rate": 0.11,
        "release": DIGEST,
        "values": {"age": 70.0, "sex": 1.0, "hb": 9.84, "stays": 1.0, "egfr": 38.4},
        "contributions": {"age": 0.1, "hb": 0.5, "stays": 0.3, "sex": -0.2, "egfr": 0.2},
        "gender": "female",
    }
    return CardFacts(**{**usual, **changes})  # type: ignore[arg-type]


def words(detail: str, summary: str = "s", *, guidance: Guidance = SMALL, **changes: object) -> str:
    """The detail of a card with this template."""
    card = Card(summary=summary, detail=detail)
    return CardText(guidance, "card", card).render(facts(**changes)).detail


def test_the_shipped_sentences_fill() -> None:
    """Frequencies, then reasons, then what is missing."""
    card = compile_cards(SMALL)["visit"].render(facts(values={"age": 70.0, "hb": 9.84, "egfr": 38.4}))
    assert card.summary == "Risk 28%, eGFR 38."
    assert card.detail == (
        "Of **100** people like her, about **28** come back within 30 days and **72** do not; on average it is 11 of 100.\n"
        "9.8\nNot known: sex and stays."
    )


def test_every_variable_documented_is_there_and_no_other() -> None:
    """The list that authors read is the list that templates get."""
    assert set(variables_of(SMALL, facts())) == {*VARIABLES, *SMALL.features}
    every = " ".join(f"{{{{ {name} }}}}" for name in VARIABLES)
    assert words(every)


def test_features_compare_as_numbers_and_read_as_text() -> None:
    """`hb < 10` and `9.8`; a level by its word."""
    assert words("{% if hb < 10 %}low {{ hb }} {{ sex }}{% endif %}") == "low 9.8 female"


def test_missing_is_said() -> None:
    """A value that is not known never reads as 0 or None."""
    assert words("{{ hb }}", values={}) == "not known"
    with pytest.raises(TemplateFault, match="not known"):
        words("{{ 1 if hb < 10 else 2 }}", values={})


def test_main_reasons_are_those_that_raised_the_risk_most() -> None:
    """Sorted by contribution, only those above nothing, as many as the policy says."""
    reasons = reasons_of(SMALL, facts().values, facts().contributions)
    assert [(one.name, one.text) for one in reasons] == [
        ("hb", "haemoglobin 9.8 g/dL"),
        ("stays", "1 stay"),
        ("egfr", "eGFR 38"),
    ]
    assert reasons_of(SMALL, {}, {"hb": -1.0, "died": 3.0, "race": 9.0}) == ()
    assert [one.text for one in reasons_of(SMALL, {}, {"hb": 1.0})] == ["haemoglobin not known"]
    assert words("{{ reasons }}").startswith("Main reasons: haemoglobin 9.8 g/dL, 1 stay and eGFR 38 (they went with")


def test_a_reason_names_the_resource_it_came_from() -> None:
    """Its own, or those of its formula's inputs; a count has no single one, and ids cannot become markup."""
    sources = {"hb": "Observation/h_b_", "age": "Patient/1", "creatinine": "Observation/c1"}
    assert read_from(SMALL, "hb", sources) == ("Observation/h_b_",)
    assert read_from(SMALL, "egfr", sources) == ("Observation/c1",)
    assert read_from(SMALL, "stays", sources) == ()
    said = words("{{ reasons }}", sources=sources)
    assert said.replace("\\", "").startswith(
        "Main reasons: haemoglobin 9.8 g/dL (from Observation/h_b_), 1 stay and eGFR 38 (from Observation/c1). They went"
    )
    assert "h\\_b" in said


def test_the_average_is_the_wards_only_if_it_is() -> None:
    """The card does not claim a ward's figure that it does not have."""
    assert words("{{ average }}: {{ frequencies }}").startswith("average: ")
    assert words("{{ average }}: {{ frequencies }}", ward=True).endswith("on this ward it is 11 of 100.")


@pytest.mark.parametrize(
    ("gender", "said"), [("male", "he him his"), ("female", "she her her"), ("other", "they them their")]
)
def test_pronouns_follow_the_record(gender: str, said: str) -> None:
    """And a guidance that does not ask for them is neutral."""
    assert words("{{ he }} {{ him }} {{ his }}", gender=gender) == said
    neutral = SMALL.model_copy(update={"pronouns": False})
    assert words("{{ he }}, {{ people }}", guidance=neutral, gender=gender) == "they, people like this patient"


def test_a_withheld_score_names_what_it_lacks() -> None:
    """Through formulas down to what is measured."""
    features = {**SMALL.features, "egfr": SMALL.features["egfr"].model_copy(update={"use": "rule"})}
    guidance = SMALL.model_copy(update={"features": features})
    assert (
        words("{{ withheld }}", guidance=guidance, values={"age": 70.0})
        == "eGFR is withheld: creatinine and sex are not known."
    )
    assert words("{{ withheld }}-", guidance=guidance) == "-"


def test_text_that_is_not_ours_is_escaped() -> None:
    """In Markdown, any plain string is escaped on its way out; in the summary it stays plain text."""
    assert words("{{ '<b>*x*</b>' }}", release="a_b") == r"&lt;b&gt;\*x\*&lt;/b&gt;"
    assert words("{{ release }}", release="[x](y)") == r"\[x\]\(y\)"
    card = CardText(SMALL, "card", Card(summary="{{ '<b>*x*' }}\n\ny", detail="d")).render(facts())
    assert card.summary == "<b>*x* y"


def test_the_release_and_version_can_be_named() -> None:
    """The card says which release speaks."""
    assert words("{{ guidance }} {{ version }} {{ release }}") == "small 1.0.0 9f3c9f3c9f3c"


def test_a_summary_is_never_too_long() -> None:
    """The check measures the full text; at the bedside it is cut, not refused."""
    text = CardText(SMALL, "card", Card(summary="x" * 200, detail="d"))
    assert len(text.render(facts()).summary) == SUMMARY_LONGEST
    assert len(text.summary_in_full(facts())) == 200


def test_notices_come_with_the_facts() -> None:
    """Stage and policy are said by those who know them."""
    assert words("{% if notices %}**{{ notices }}**{% endif %}", notices=("One.", "Two.")) == "**One. Two.**"
    assert words("{% if notices %}**{{ notices }}**{% endif %}-") == "-"


def test_a_template_that_names_what_is_not_there_is_refused_at_once() -> None:
    """Not at the bedside, but when the release is opened; with its line."""
    with pytest.raises(TemplateFault) as caught:
        CardText(SMALL, "visit", Card(summary="s", detail="a\n{{ albumin }}"))
    assert (caught.value.place, caught.value.line) == ("cards.visit.detail", 2)
    assert "albumin" in str(caught.value)


def test_a_template_may_name_its_own_words() -> None:
    """`set` is allowed: a long condition is written once."""
    assert words("{% set low = hb < 10 %}{% if low %}low{% endif %}") == "low"


def test_resources_are_bound_from_here() -> None:
    """The one import that a card needs."""
    assert bind_resource({"subject": {"reference": "Patient/example"}}, patient_id="p", index=0) == {
        "subject": {"reference": "Patient/p"}
    }
