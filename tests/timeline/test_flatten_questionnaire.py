"""Questionnaire responses as events."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import FOREVER, NAT
from tests.timeline.made import LOINC, at, batch_of, only, resource, rows_of

FORM = "https://example.org/Questionnaire/phq-9"


def response(*items: Any, **fields: Any) -> dict[str, Any]:
    """A form of patient p, filled in in March."""
    usual = {
        "status": "completed",
        "questionnaire": f"{FORM}|1.2.0",
        "authored": "2024-03-01T09:00:00Z",
        "encounter": {"reference": "Encounter/s"},
        "item": list(items),
    }
    return resource("QuestionnaireResponse", **(usual | fields))


def question(link: str, *answers: Any, **fields: Any) -> dict[str, Any]:
    """A question with its answers."""
    return {"linkId": link, "answer": list(answers)} | fields


def test_every_answer_is_an_event_however_deep() -> None:
    """In groups, below answers, and several to one question; in the order of the form."""
    batch = batch_of(
        response(
            {
                "linkId": "group",
                "item": [
                    question("a", {"valueInteger": 3}, {"valueInteger": 4}),
                    question("b", {"valueBoolean": True, "item": [question("b.1", {"valueDecimal": 0.5})]}),
                ],
            },
            None,
            question("c", {"valueQuantity": {"value": 70, "code": "kg"}}),
            question("nothing"),
        )
    )
    told = [(row["codes"], row["value"], row["unit"], row["answer"]) for row in rows_of(batch) if row["answer"] == ""]
    assert told == [
        (f"{FORM}|a", 3.0, "1", ""),
        (f"{FORM}|a", 4.0, "1", ""),
        (f"{FORM}|b.1", 0.5, "1", ""),
        (f"{FORM}|c", 70.0, "kg", ""),
    ]
    (yes,) = [row for row in rows_of(batch) if row["answer"]]
    assert (yes["codes"], yes["answer"]) == (f"{FORM}|b", "|true")
    for row in rows_of(batch):
        assert (row["time"], row["known"], row["encounter"]) == (yes["time"], at("2024-03-01T09:00:00Z"), "Encounter/s")
    assert not batch.skipped
    assert not batch.losses


@pytest.mark.parametrize("url", ["http://hl7.org/fhir/StructureDefinition/ordinalValue", "http://hl7.org/fhir/StructureDefinition/itemWeight"])  # fmt: skip
def test_a_coded_answer_has_its_score(url: str) -> None:
    """The code is the answer, the score that is attached to it the value."""
    coding = {"system": LOINC, "code": "LA6570-1", "extension": [None, {"url": "x"}, {"url": url, "valueDecimal": 2}]}
    row = only(batch_of(response(question("1", {"valueCoding": coding}))))
    assert (row["value"], row["unit"], row["answer"]) == (2.0, "1", f"{LOINC}|LA6570-1")
    plain = only(batch_of(response(question("1", {"valueCoding": {"display": "often"}}))))
    assert isnan(plain["value"])
    assert plain["answer"] == "|often"


def test_what_a_patient_wrote_is_never_copied() -> None:
    """Only that there is an answer."""
    row = only(batch_of(response(question("1", {"valueString": "my neighbour Mrs Miller"}))))
    assert (row["answer"], row["unit"], isnan(row["value"])) == ("", "", True)


def test_a_question_is_known_by_its_form_and_its_codes() -> None:
    """The version of the form does not matter; codes that came along count too."""
    coded = question("1", {"valueInteger": 1}, code=[{"system": LOINC, "code": "44250-9"}])
    assert only(batch_of(response(coded)))["codes"] == f"{LOINC}|44250-9\n{FORM}|1"
    assert only(batch_of(response(coded, questionnaire="#inside")))["codes"] == f"{LOINC}|44250-9\n|1"
    nameless = batch_of(response({"answer": [{"valueInteger": 1}]}, coded))
    assert len(nameless) == 1
    assert nameless.losses == {"QuestionnaireResponse: item without a link": 1}


def test_a_comparator_keeps_its_limit_here_too() -> None:
    """And is counted as one of this type."""
    batch = batch_of(response(question("1", {"valueQuantity": {"value": 5, "comparator": ">", "code": "km"}})))
    assert only(batch)["value"] == 5.0
    assert batch.losses == {"QuestionnaireResponse: comparator >, limit taken as value": 1}


def test_a_form_without_a_date_is_known_when_it_was_stored() -> None:
    """In history else never."""
    stored = only(batch_of(response(question("1", {"valueInteger": 1}), authored=None, meta={"lastUpdated": "2024"})))
    assert (stored["time"], stored["known"], stored["assumed"]) == (NAT, at("2024"), False)
    never = only(batch_of(response(question("1", {"valueInteger": 1}), authored="2024-02-30")))
    assert (never["known"], never["assumed"]) == (FOREVER, True)


@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"status": "in-progress"}, [], "status in-progress"),
        ({"status": "stopped"}, [], "status stopped"),
        ({"status": "entered-in-error"}, [RETRACTED], "status entered-in-error"),
        ({"item": []}, [], "no answer"),
        ({"item": [{"linkId": "1", "text": "asked"}]}, [], "no answer"),
        ({"subject": {"reference": "Group/g"}}, [], "no patient"),
    ],
)
def test_a_form_that_says_nothing_is_counted(changed: dict[str, Any], fields: list[str], reason: str) -> None:
    """Half-filled forms are no answers."""
    batch = batch_of(response(question("1", {"valueInteger": 1}), **changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"QuestionnaireResponse: {reason}": 1}
