"""Conditions, allergies and family history as events."""

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


def allergy(**fields: Any) -> dict[str, Any]:
    """An allergy to penicillin, noted in 2020."""
    usual = {
        "resourceType": "AllergyIntolerance",
        "id": "1",
        "patient": {"reference": "Patient/p"},
        "code": concept((SNOMED, "91936005")),
        "recordedDate": "2020-01-08",
    }
    return usual | fields


def test_an_allergy_holds_from_its_onset_and_is_known_when_recorded() -> None:
    """Onset, else recording; it ends when it is said to be over."""
    row = only(batch_of(allergy(onsetDateTime="2010", encounter={"reference": "Encounter/s"})))
    assert (row["field"], row["codes"]) == ("AllergyIntolerance.code", f"{SNOMED}|91936005")
    assert (row["time"], row["known"], row["end"], row["encounter"]) == (
        at("2010"),
        at("2020-01-08"),
        NAT,
        "Encounter/s",
    )
    assert only(batch_of(allergy()))["time"] == at("2020-01-08")
    assert only(batch_of(allergy(onsetPeriod={"start": "2011"})))["time"] == at("2011")
    over = only(batch_of(allergy(clinicalStatus=status("resolved"), meta={"lastUpdated": "2022"})))
    assert over["end"] == at("2022")


@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"verificationStatus": status("unconfirmed")}, ["AllergyIntolerance.code"], None),
        ({"verificationStatus": status("refuted")}, [RETRACTED], "refuted"),
        ({"verificationStatus": status("entered-in-error")}, [RETRACTED], "entered-in-error"),
        ({"code": None}, [], "no code"),
        ({"patient": {"display": "somebody"}}, [], "no patient"),
    ],
)
def test_an_allergy_that_nobody_confirmed_is_heeded_and_a_refuted_one_is_taken_back(
    changed: dict[str, Any], fields: list[str], reason: str | None
) -> None:
    """Unlike a suspected diagnosis, for it is acted upon."""
    batch = batch_of(allergy(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == ({f"AllergyIntolerance: {reason}": 1} if reason else {})


def relative(**fields: Any) -> dict[str, Any]:
    """A father with an infarction at 52 and something unnamed."""
    usual = {
        "resourceType": "FamilyMemberHistory",
        "id": "1",
        "status": "completed",
        "patient": {"reference": "Patient/p"},
        "date": "2021-05",
        "relationship": concept(("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "FTH")),
        "condition": [
            {"code": concept((SNOMED, "22298006")), "onsetAge": {"value": 52, "code": "a"}},
            {"code": concept((SNOMED, "73211009"))},
            {"onsetString": "late"},
            None,
        ],
    }
    return usual | fields


def test_what_runs_in_the_family_names_the_relative_and_the_age() -> None:
    """An event for each condition, of the day on which it was told."""
    batch = batch_of(relative())
    first, second = rows_of(batch)
    assert first["answer"] == second["answer"] == "http://terminology.hl7.org/CodeSystem/v3-RoleCode|FTH"
    assert (first["codes"], first["value"], first["unit"]) == (f"{SNOMED}|22298006", 52.0, "a")
    assert (first["time"], first["known"], first["assumed"]) == (at("2021-05-01"), at("2021-05-01"), False)
    assert batch.losses == {"FamilyMemberHistory: condition without a code": 2}
    undated = rows_of(batch_of(relative(date=None, meta={"lastUpdated": "2022"})))[0]
    assert (undated["time"], undated["known"]) == (NAT, at("2022"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"status": "health-unknown"}, "status health-unknown"),
        ({"condition": []}, "no condition"),
        ({"condition": [{}]}, "no condition"),
        ({"patient": None}, "no patient"),
        ({"status": "entered-in-error", "id": None}, "status entered-in-error"),
    ],
)
def test_a_relative_of_whom_nothing_is_known_is_counted(changed: dict[str, Any], reason: str) -> None:
    """Not knowing is no absence: it is no fact."""
    batch = batch_of(relative(**changed))
    assert (len(batch), dict(batch.skipped)) == (0, {f"FamilyMemberHistory: {reason}": 1})
