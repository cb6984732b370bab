"""The grammar of guidance.yaml: what it holds is declared, and nothing else passes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.guidance.checking.source_lines import read_yaml
from services.guidance.definition import EVENT_FIELDS, Feature, Guidance, Window
from tests.guidance.small_guidance import GUIDANCE


def feature(**keys: Any) -> Feature:
    """A feature with these keys."""
    return Feature.model_validate({"kind": "exists", "from": "Condition.code", "label": "x", **keys})


def test_the_small_guidance_is_read() -> None:
    """Defaults stand where nothing is said."""
    guidance = Guidance.model_validate(read_yaml(GUIDANCE).data)
    assert list(guidance.features)[:2] == ["age", "sex"]
    assert guidance.features["hb"].window == Window(days=7)
    assert guidance.policy.when_unknown == "answer"
    assert guidance.model.candidates == ("logistic", "scorecard_additive", "scorecard", "forest")
    assert guidance.outcome.transfer_hours == 24.0


def test_a_guidance_cannot_be_changed_once_read() -> None:
    """What was voted on is what runs."""
    guidance = Guidance.model_validate(read_yaml(GUIDANCE).data)
    with pytest.raises(ValidationError):
        guidance.id = "other"


@pytest.mark.parametrize("source", [*EVENT_FIELDS, "Condition.code|Encounter.diagnosis", "|".join(EVENT_FIELDS)])
def test_one_or_several_event_fields_may_be_read(source: str) -> None:
    """An event of any of the fields named counts."""
    assert feature(**{"from": source}).source == source


@pytest.mark.parametrize(
    "source", ["", "Condition", "Condition.code|", "|Condition.code", "Condition.code,Patient.race", "conditionXcode"]
)
def test_nothing_else_is_an_event_field(source: str) -> None:
    """A misspelt field would silently read nothing."""
    with pytest.raises(ValidationError):
        feature(**{"from": source})


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_numbers_are_finite(number: float) -> None:
    """An endless range would be no range."""
    with pytest.raises(ValidationError):
        feature(range=[0.0, number])
    with pytest.raises(ValidationError):
        Window(days=number)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ({}, True),
        ({"kind": "current"}, True),
        ({"kind": "current", "distinct": "code"}, False),
        ({"kind": "count"}, False),
    ],
)
def test_what_only_says_yes_or_no(keys: dict[str, Any], answer: bool) -> None:
    """A count of active medicines is a number; an active diagnosis is not."""
    assert feature(**keys).says_yes_or_no is answer


@pytest.mark.parametrize(
    ("key", "value"), [("id", "Readmission"), ("id", "a--b"), ("version", "1.0"), ("hooks", []), ("features", {})]
)
def test_names_and_versions_have_a_form(key: str, value: Any) -> None:
    """Identifiers are safe in addresses and file names; a guidance says at least something."""
    data = {**read_yaml(GUIDANCE).data, key: value}
    with pytest.raises(ValidationError):
        Guidance.model_validate(data)


def test_feature_names_are_names() -> None:
    """They stand in conditions and templates."""
    data = read_yaml(GUIDANCE).data
    data["features"]["Haemoglobin A1c"] = data["features"].pop("hb")
    with pytest.raises(ValidationError, match="Haemoglobin A1c"):
        Guidance.model_validate(data)
