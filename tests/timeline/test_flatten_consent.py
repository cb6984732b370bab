"""Consents as events."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.events import RETRACTED, EventBatch
from services.timeline.instants import FOREVER, NAT
from tests.timeline.made import at, batch_of, concept, only, rows_of

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
WHOLE = f"{SCOPE}|research\n{ACT}|INFA"


def consent(**fields: Any) -> dict[str, Any]:
    """Patient p does not take part in research, as of March."""
    usual = {
        "resourceType": "Consent",
        "id": "1",
        "status": "active",
        "scope": concept((SCOPE, "research")),
        "category": [concept((ACT, "INFA"))],
        "patient": {"reference": "Patient/p"},
        "dateTime": "2024-03-01",
        "provision": {"type": "deny"},
    }
    return {key: value for key, value in (usual | fields).items() if value is not None}


def told(batch: EventBatch) -> list[tuple[str, str]]:
    """Codes and answer of each event."""
    return sorted((row["codes"], row["answer"]) for row in rows_of(batch))


def test_an_opt_out_is_one_event_of_its_scope() -> None:
    """From when it was given, whatever the period that it covers."""
    row = only(batch_of(consent(provision={"type": "deny", "period": {"start": "2019", "end": "2030"}})))
    assert (row["field"], row["codes"], row["answer"]) == ("Consent.provision", WHOLE, "|deny")
    assert (row["time"], row["end"], row["known"], row["assumed"]) == (
        at("2024-03-01"),
        at("2030"),
        at("2024-03-01"),
        False,
    )


@pytest.mark.parametrize(
    "said",
    [
        {"provision": {"type": "deny"}},
        {"provision": None, "policyRule": concept((ACT, "OPTOUT"))},
        {"provision": {}, "policyRule": concept((ACT, "OPTOUTE"))},
        {"provision": {"provision": [{"type": "deny"}]}},
        {"provision": None, "decision": "deny"},
        {"provision": None, "decision": "deny", "patient": None, "subject": {"reference": "Patient/p"}, "dateTime": None, "date": "2024-03-01"},
    ],
)  # fmt: skip
def test_a_decision_is_found_wherever_it_is_said(said: dict[str, Any]) -> None:
    """By the provision, the policy rule, an only nested provision, or as R5 says it."""
    row = only(batch_of(consent(**said)))
    assert (row["patient"], row["codes"], row["answer"], row["known"]) == ("p", WHOLE, "|deny", at("2024-03-01"))


def test_an_exception_does_not_speak_for_the_whole() -> None:
    """A permit with one thing denied is a permit: the exception has its own codes and not the scope."""
    purpose = {"type": "deny", "purpose": [{"system": REASON, "code": "HRESCH"}], "period": {"end": "2025"}}
    somebody = {"type": "deny", "actor": [{"reference": {"reference": "Organization/x"}}]}
    inner = {"type": "permit", "code": [concept(("s", "lab"))], "action": [concept(("s", "use"))]}
    batch = batch_of(
        consent(provision={"type": "permit", "provision": [purpose | {"provision": [inner]}, somebody, None]})
    )
    assert told(batch) == [
        ("", "|deny"),
        (WHOLE, "|permit"),
        (f"{REASON}|HRESCH", "|deny"),
        ("s|lab\ns|use", "|permit"),
    ]
    assert {row["end"] for row in rows_of(batch) if row["codes"].startswith(REASON)} == {at("2025")}


def test_r5_exceptions_are_the_opposite_of_what_they_stand_below() -> None:
    """R5 gives provisions no type: each is an exception, and one inside it an exception to that."""
    inner = {"code": [concept(("s", "inner"))]}
    outer = {"code": [concept(("s", "outer"))], "provision": [inner]}
    assert told(batch_of(consent(decision="permit", provision=[outer]))) == [
        (WHOLE, "|permit"),
        ("s|inner", "|permit"),
        ("s|outer", "|deny"),
    ]
    narrowed_by_time = [{"period": {"end": "2025"}}, {"expression": {"language": "text/cql"}}]
    assert told(batch_of(consent(decision="permit", provision=narrowed_by_time))) == [
        ("", "|deny"),
        ("", "|deny"),
        (WHOLE, "|permit"),
    ]
    untyped = batch_of(consent(provision={"type": "permit", "provision": [inner]}))
    assert told(untyped) == [(WHOLE, "|permit")]
    assert untyped.losses == {"Consent: provision without a type": 1}


def test_a_consent_that_was_ended_ends_when_that_was_stored() -> None:
    """It held until then: state comes from dates."""
    ended = only(batch_of(consent(status="inactive", meta={"lastUpdated": "2024-06-01"})))
    assert (ended["field"], ended["end"]) == ("Consent.provision", at("2024-06-01"))
    assert only(batch_of(consent()))["end"] == NAT


def test_a_consent_without_a_date_is_still_a_consent() -> None:
    """Known when stored; in history else never, and always at the bedside."""
    batch = batch_of(consent(dateTime=None), consent(id="2", dateTime=None, meta={"lastUpdated": "2024"}))
    never, stored = rows_of(batch)
    assert (never["time"], never["known"]) == (NAT, FOREVER)
    assert (stored["time"], stored["known"]) == (NAT, at("2024"))
    assert batch.losses == {"Consent: no time": 2}


@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"status": "draft"}, [], "status draft"),
        ({"status": "proposed"}, [], "status proposed"),
        ({"status": "rejected"}, [RETRACTED], "status rejected"),
        ({"status": "entered-in-error"}, [RETRACTED], "status entered-in-error"),
        ({"provision": None}, [], "no decision"),
        ({"provision": {"type": "perhaps"}}, [], "no decision"),
        ({"patient": None}, [], "no patient"),
    ],
)
def test_a_consent_that_was_not_given_decides_nothing(changed: dict[str, Any], fields: list[str], reason: str) -> None:
    """Neither a draft nor one without a decision."""
    batch = batch_of(consent(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"Consent: {reason}": 1}
