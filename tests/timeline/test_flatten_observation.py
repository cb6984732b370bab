"""Observations as events."""

from __future__ import annotations

from decimal import Decimal
from math import isnan
from typing import Any

import msgspec
import pytest

from services.timeline.events import RETRACTED, EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import FOREVER, NAT
from tests.timeline.made import LOINC, at, batch_of, concept, observation, only, rows_of

NOON, ONE = at("2024-03-01T12:00:00Z"), at("2024-03-01T13:00:00Z")


def test_a_final_result_is_one_event_with_both_times() -> None:
    """It happened when the blood was drawn, and was known when the laboratory issued it."""
    batch = batch_of(observation(encounter={"reference": "Encounter/s"}, meta={"lastUpdated": "2024-03-02"}))
    assert only(batch) == {
        "patient": "p",
        "field": "Observation.code",
        "codes": f"{LOINC}|2160-0",
        "unit": "mg/dL",
        "answer": "",
        "resource": "Observation/1",
        "encounter": "Encounter/s",
        "time": NOON,
        "end": NAT,
        "known": ONE,
        "updated": at("2024-03-02"),
        "assumed": False,
        "value": 1.2,
    }
    assert not batch.skipped


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "appended"])
def test_results_that_stand_are_facts(status: str) -> None:
    """Final, amended, corrected and appended results count."""
    assert len(batch_of(observation(status=status))) == 1


@pytest.mark.parametrize("status", ["registered", "preliminary", "unknown"])
def test_a_result_that_does_not_stand_yet_says_nothing(status: str) -> None:
    """A preliminary result is no fact, and retracts none."""
    batch = batch_of(observation(status=status))
    assert len(batch) == 0
    assert batch.skipped == {f"Observation: status {status}": 1}


def test_no_status_and_an_invented_one_are_counted_without_their_content() -> None:
    """What stands in a status could be anything: only FHIR's own words are repeated."""
    batch = batch_of(observation(status=None), observation(status="Mrs Miller said so"))
    assert batch.skipped == {"Observation: status missing": 1, "Observation: status other": 1}


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_result_in_error_is_retracted(status: str) -> None:
    """It states no fact, but says that older versions are none any more."""
    batch = batch_of(observation(status=status, meta={"lastUpdated": "2024-03-02"}))
    row = only(batch)
    assert (row["field"], row["resource"], row["updated"]) == (RETRACTED, "Observation/1", at("2024-03-02"))
    assert len(batch_of(observation(None, status=status))) == 0


@pytest.mark.parametrize(
    ("changed", "known", "assumed"),
    [
        ({"issued": None, "meta": {"lastUpdated": "2024-03-05"}}, at("2024-03-05"), False),
        ({"issued": None}, NOON, True),
        ({"issued": None, "effectiveDateTime": None}, FOREVER, True),
        ({"effectiveDateTime": None}, ONE, False),
        ({"effectiveDateTime": None, "effectiveInstant": "2024-03-01T12:30:00Z"}, ONE, False),
    ],
)
def test_known_falls_back_from_issued_to_stored_to_its_own_time(
    changed: dict[str, Any], known: int, assumed: bool
) -> None:
    """Only the last step is an assumption, and it is marked; without any time it is never known in history."""
    row = only(batch_of(observation(**changed)))
    assert (row["known"], row["assumed"]) == (known, assumed)


def test_a_period_counts_when_it_is_over() -> None:
    """Urine of 24 hours is measured at their end."""
    period = {"start": "2024-03-01T08:00:00Z", "end": "2024-03-02T08:00:00Z"}
    row = only(batch_of(observation(effectiveDateTime=None, effectivePeriod=period)))
    assert row["time"] == at("2024-03-02T08:00:00Z")
    begun = only(batch_of(observation(effectiveDateTime=None, effectivePeriod={"start": period["start"]})))
    assert begun["time"] == at("2024-03-01T08:00:00Z")


def test_impossible_dates_are_missing_and_counted() -> None:
    """The 30th of February is no time; the result stays, and its other time is used."""
    batch = batch_of(observation(effectiveDateTime="2023-02-30T12:00:00Z"))
    assert only(batch)["time"] == ONE
    assert batch.losses == {"Observation: impossible date": 1}


@pytest.mark.parametrize("stored", [None, "", "2024-03-02T08:00:00Z", "2024-03-02", "2023-02-30T12:00:00Z"])
def test_a_version_is_stored_when_it_says_or_at_no_known_time(stored: str | None) -> None:
    """The result stays whatever `lastUpdated` says; one that is no time is counted, one that is not said is not."""
    batch = batch_of(observation(meta={"versionId": "1", "lastUpdated": stored}))
    right = stored is not None and stored.startswith("2024")
    assert only(batch)["updated"] == (at(stored) if right and stored else NAT)
    assert batch.losses == ({"Observation: impossible date": 1} if stored and not right else {})


@pytest.mark.parametrize(
    ("changed", "value", "unit", "answer"),
    [
        ({"valueQuantity": {"value": 1.1, "unit": "mg/dl"}}, 1.1, "mg/dl", ""),
        (
            {"valueQuantity": {"value": 7, "unit": "points", "system": "https://example.org", "code": "P"}},
            7.0,
            "points",
            "",
        ),
        ({"valueQuantity": {"value": 0.1}}, 0.1, "", ""),
        ({"valueQuantity": None, "valueInteger": 15}, 15.0, "1", ""),
        ({"valueQuantity": None, "valueBoolean": True}, None, "", "|true"),
        ({"valueQuantity": None, "valueBoolean": False}, None, "", "|false"),
        ({"valueQuantity": None, "valueString": "12.5"}, None, "", ""),
        ({"valueQuantity": None, "valueCodeableConcept": concept(("s", "b"), ("s", "a"))}, None, "", "s|a\ns|b"),
        ({"valueQuantity": None, "valueCodeableConcept": concept(text="never smoker")}, None, "", "|never smoker"),
    ],
)
def test_values_are_numbers_with_a_unit_or_coded_answers(
    changed: dict[str, Any], value: float | None, unit: str, answer: str
) -> None:
    """A number keeps the unit it came with; text is not a number, whatever it looks like."""
    row = only(batch_of(observation(**changed)))
    assert (row["unit"], row["answer"]) == (unit, answer)
    assert isnan(row["value"]) if value is None else row["value"] == value


@pytest.mark.parametrize(
    "digits", ["0.1", "1.005", "97.0", "2.675", "1e-7", "123456789.123456789", "9007199254740993", "4.35"]
)
def test_numbers_are_the_nearest_float_of_their_decimal(digits: str) -> None:
    """Nothing is rounded on the way from JSON."""
    raw = msgspec.json.encode(observation(valueQuantity={"value": "@"})).replace(b'"@"', digits.encode())
    batch = EventBatch()
    flatten_json(raw, batch)
    assert only(batch)["value"] == float(Decimal(digits))


def test_a_comparator_keeps_its_limit_and_is_counted() -> None:
    """`<5` is read as 5, the best value there is, and the report says how often."""
    batch = batch_of(observation(valueQuantity={"value": 5, "comparator": "<", "code": "mg/dL"}))
    assert only(batch)["value"] == 5.0
    assert batch.losses == {"Observation: comparator <, limit taken as value": 1}


@pytest.mark.parametrize(
    "changed",
    [
        {"valueQuantity": None, "dataAbsentReason": concept(text="asked but unknown")},
        {"valueQuantity": {"unit": "mg/dL"}},
        {"valueQuantity": None, "valueCodeableConcept": {}},
        {"code": None},
        {"code": {"coding": [{"display": "no code"}]}},
        {"subject": None},
        {"subject": {"reference": "Group/g"}},
        {"subject": {"reference": "#p"}},
        {"subject": {"identifier": {"value": "x"}}},
    ],
)
def test_what_was_not_answered_or_is_nobodys_is_no_event(changed: dict[str, Any]) -> None:
    """Asked and not answered, not coded, or of no patient."""
    assert len(batch_of(observation(**changed))) == 0


def test_components_are_events_of_their_own() -> None:
    """A blood pressure gives its panel and its two pressures, with the same times."""
    parts = [
        {"code": concept((LOINC, "8480-6")), "valueQuantity": {"value": 120, "code": "mm[Hg]"}},
        {"code": concept((LOINC, "8462-4")), "valueQuantity": {"value": 80, "code": "mm[Hg]"}},
        {"code": concept((LOINC, "8478-0")), "dataAbsentReason": concept(text="not measured")},
        {"code": concept((LOINC, "8867-4"))},
        {"valueQuantity": {"value": 1}},
        None,
    ]
    panel = concept((LOINC, "85354-9"))
    batch = batch_of(observation(code=panel, valueQuantity=None, component=parts))
    told = [(row["field"], row["codes"], row["time"], row["known"], row["resource"]) for row in rows_of(batch)]
    assert told == [
        ("Observation.code", f"{LOINC}|85354-9", NOON, ONE, "Observation/1"),
        ("Observation.component", f"{LOINC}|8480-6", NOON, ONE, "Observation/1"),
        ("Observation.component", f"{LOINC}|8462-4", NOON, ONE, "Observation/1"),
    ]
    assert batch.losses == {"Observation: component, data absent": 1, "Observation: component without a code": 2}
    assert not batch.skipped


def test_what_is_not_said_of_a_panel_is_a_loss_and_alone_it_is_a_skip() -> None:
    """A panel without a value of its own still has its parts; an observation of which nothing came says why, once."""
    parts = [{"code": concept((LOINC, "8480-6")), "valueQuantity": {"value": 120, "code": "mm[Hg]"}}]
    absent = observation(valueQuantity=None, dataAbsentReason=concept(text="unknown"))
    whole = batch_of(absent | {"component": parts})
    assert [row["field"] for row in rows_of(whole)] == ["Observation.component"]
    assert (dict(whole.skipped), dict(whole.losses)) == ({}, {"Observation: data absent": 1})
    nothing = batch_of(absent)
    assert (dict(nothing.skipped), dict(nothing.losses)) == ({"Observation: data absent": 1}, {})


def test_a_code_that_says_why_there_is_none_is_no_code() -> None:
    """US Core fills a required code with a data-absent-reason; beside a real code it says nothing."""
    absent = ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")
    null = ("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK")
    for why in (absent, null):
        assert batch_of(observation(code=concept(why, text="unknown"))).skipped == {"Observation: no code": 1}
    both = only(batch_of(observation(code=concept(absent, (LOINC, "2160-0")))))
    assert both["codes"] == f"{LOINC}|2160-0"
    silent = batch_of(observation(valueQuantity=None, valueCodeableConcept=concept(null)))
    assert silent.skipped == {"Observation: answer without a code": 1}


@pytest.mark.parametrize(
    ("reference", "patient"),
    [
        ("Patient/p", "p"),
        ("https://ehr.example.org/fhir/Patient/p", "p"),
        ("https://ehr.example.org/fhir/Patient/p/_history/3", "p"),
        ("Patient/p/_history/3", "p"),
        ("urn:uuid:0b1c", "0b1c"),
    ],
)
def test_references_are_read_in_all_their_forms(reference: str, patient: str) -> None:
    """Relative, absolute, versioned and `urn:uuid:` references lead to the same patient."""
    assert only(batch_of(observation(subject={"reference": reference})))["patient"] == patient


def test_a_result_without_an_id_is_still_a_fact() -> None:
    """It only cannot have versions."""
    assert only(batch_of(observation(None)))["resource"] == ""
