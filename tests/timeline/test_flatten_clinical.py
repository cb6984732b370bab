"""Conditions and procedures as events."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import FOREVER, NAT
from tests.timeline.made import ICD, SNOMED, at, batch_of, concept, only, resource, rows_of


def condition(**fields: Any) -> dict[str, Any]:
    """Heart failure since 2020, recorded a week later."""
    usual = {
        "code": concept((SNOMED, "42343007"), (ICD, "I50.9")),
        "onsetDateTime": "2020-01-01",
        "recordedDate": "2020-01-08",
    }
    return resource("Condition", **(usual | fields))


def procedure(**fields: Any) -> dict[str, Any]:
    """An operation of two hours."""
    usual = {
        "status": "completed",
        "code": concept((SNOMED, "1")),
        "performedPeriod": {"start": "2024-03-01T08:00:00Z", "end": "2024-03-01T10:00:00Z"},
    }
    return resource("Procedure", **(usual | fields))


def status(code: str) -> dict[str, Any]:
    """A verification or clinical status."""
    return concept(("http://terminology.hl7.org/CodeSystem/condition-ver-status", code))


def test_a_condition_is_one_event_however_it_is_coded() -> None:
    """All codings together, sorted: one fact."""
    row = only(batch_of(condition(abatementDateTime="2021")))
    assert row["codes"] == f"{ICD}|I50.9\n{SNOMED}|42343007"
    assert (row["time"], row["end"], row["known"], row["assumed"]) == (
        at("2020-01-01"),
        at("2021-01-01"),
        at("2020-01-08"),
        False,
    )


@pytest.mark.parametrize(
    ("changed", "time", "known", "assumed"),
    [
        ({"recordedDate": None, "meta": {"lastUpdated": "2022"}}, at("2020"), at("2022"), False),
        ({"recordedDate": None}, at("2020"), at("2020"), True),
        ({"onsetDateTime": None}, at("2020-01-08"), at("2020-01-08"), False),
        ({"onsetDateTime": None, "onsetPeriod": {"start": "2019"}}, at("2019"), at("2020-01-08"), False),
        ({"onsetDateTime": None, "recordedDate": None}, NAT, FOREVER, True),
    ],
)
def test_a_condition_without_some_date_uses_the_next_best(
    changed: dict[str, Any], time: int, known: int, assumed: bool
) -> None:
    """Onset, else recording; known when recorded, else stored, else at onset."""
    row = only(batch_of(condition(**changed)))
    assert (row["time"], row["known"], row["assumed"]) == (time, known, assumed)


def test_a_condition_that_is_over_ends_when_that_is_known() -> None:
    """Abatement first; resolved without a date ends when that was stored; a period ends with its end."""
    over = status("resolved")
    assert only(batch_of(condition(clinicalStatus=over)))["end"] == NAT
    assert only(batch_of(condition(clinicalStatus=over, meta={"lastUpdated": "2022"})))["end"] == at("2022")
    assert only(batch_of(condition(clinicalStatus=status("active"), meta={"lastUpdated": "2022"})))["end"] == NAT
    assert only(batch_of(condition(abatementPeriod={"start": "2021", "end": "2023"})))["end"] == at("2023")


@pytest.mark.parametrize("verified", ["refuted", "entered-in-error"])
def test_a_refuted_condition_is_retracted(verified: str) -> None:
    """It is no fact, and older versions of it are none any more."""
    assert only(batch_of(condition(verificationStatus=status(verified))))["field"] == RETRACTED


@pytest.mark.parametrize("verified", ["unconfirmed", "provisional", "differential"])
def test_a_suspicion_is_no_fact(verified: str) -> None:
    """A differential diagnosis is not a diagnosis."""
    batch = batch_of(condition(verificationStatus=status(verified)))
    assert len(batch) == 0
    assert batch.skipped == {f"Condition: {verified}": 1}


@pytest.mark.parametrize("missing", ["code", "subject"])
def test_a_condition_of_nothing_or_nobody_is_counted(missing: str) -> None:
    """Without a code or a patient there is no fact."""
    batch = batch_of(condition(**{missing: None}))
    assert len(batch) == 0
    assert sum(batch.skipped.values()) == 1


def test_a_procedure_is_known_when_it_is_over() -> None:
    """That is an assumption, unless this is its first version, which says when it was written down."""
    row = only(batch_of(procedure()))
    end = at("2024-03-01T10:00:00Z")
    assert (row["time"], row["end"], row["known"], row["assumed"]) == (at("2024-03-01T08:00:00Z"), end, end, True)
    first = only(batch_of(procedure(meta={"lastUpdated": "2024-03-02", "versionId": "1"})))
    assert (first["known"], first["assumed"]) == (at("2024-03-02"), False)
    later = only(batch_of(procedure(meta={"lastUpdated": "2024-06-02", "versionId": "4"})))
    assert (later["known"], later["assumed"]) == (end, True)
    undated = only(batch_of(procedure(performedPeriod=None, meta={"lastUpdated": "2024-06-02"})))
    assert (undated["time"], undated["known"], undated["assumed"]) == (NAT, at("2024-06-02"), False)
    moment = only(batch_of(procedure(performedPeriod=None, performedDateTime="2024-03-01")))
    assert (moment["time"], moment["end"], moment["known"]) == (at("2024-03-01"), NAT, at("2024-03-01"))


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("in-progress", ["Procedure.code"]),
        ("preparation", []),
        ("stopped", []),
        ("unknown", []),
        (None, []),
        ("not-done", [RETRACTED]),
        ("entered-in-error", [RETRACTED]),
    ],
)
def test_only_what_was_done_counts(said: str | None, fields: list[str]) -> None:
    """Completed and running procedures are facts; what was not done takes back what was said."""
    assert [row["field"] for row in rows_of(batch_of(procedure(status=said)))] == fields
