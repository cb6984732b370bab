"""Decisions as FHIR: whatever was decided is valid R4B, says that an algorithm asserted it, and refers to its siblings."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cds.decisions.decision import Decision, Status
from services.cds.fhir.feedback_lines import feedback_parameters
from services.cds.fhir.views import AI_ASSERTED, VIEWS, audit_event, guidance_response, provenance, risk_assessment
from tests.cds.records import NOON, decision

STATUSES = get_args(Status)
IDS = st.text(alphabet="abcXYZ0189-.", min_size=1, max_size=64)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


def valid(resource: dict[str, Any]) -> None:
    """Raises if it is no R4B resource."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """Any decision that the service can make."""
    names = draw(st.lists(IDS, unique=True, max_size=4))
    nothing = draw(st.booleans())
    return decision(
        status=draw(st.sampled_from(STATUSES)),
        patient=draw(IDS),
        encounter=draw(st.just("") | IDS),
        user=draw(st.just("") | IDS.map("Practitioner/{}".format)),
        issuer=draw(st.sampled_from(["", "https://ehr.example"])),
        tenant=draw(st.sampled_from(["", "north"])),
        release=draw(st.sampled_from(["", "sha256:" + "a" * 64])),
        reason=draw(st.sampled_from(["", "cool-down"])),
        band=draw(st.sampled_from(["", "high"])),
        risk=None if nothing else draw(st.floats(0, 1)),
        log_odds=None if nothing else draw(NUMBERS),
        risks={} if nothing else {"risk": draw(st.none() | st.floats(0, 1)), "stroke": draw(st.none() | st.floats(0, 1))},
        features={name: draw(st.none() | NUMBERS) for name in names},
        states={name: draw(st.sampled_from(["value", "absent", "unknown"])) for name in names},
        sources={name: f"Observation/{draw(IDS)}" for name in names[:2]},
        contributions={name: draw(NUMBERS) for name in names[1:]},
        latency=draw(st.sampled_from([{}, {"features": 300}])),
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(decisions())
def test_every_view_of_every_decision_is_valid_and_labelled(kept: Decision) -> None:
    """R4B takes each as it is; the id is the decision's; AIAST stands on each."""
    for kind, view in VIEWS.items():
        if (resource := view(kept)) is None:
            assert kind == "RiskAssessment"
            continue
        valid(resource)
        assert (resource["resourceType"], resource["id"]) == (kind, kept.decision)
        assert AI_ASSERTED in resource["meta"]["security"]


@settings(max_examples=40, deadline=None)
@given(decisions())
def test_references_between_the_views_lead_somewhere(kept: Decision) -> None:
    """Provenance and AuditEvent name only resources that are there; `#` leads to what is contained."""
    made = {f"{kind}/{kept.decision}": one for kind, view in VIEWS.items() if (one := view(kept)) is not None}
    targets = [one["reference"] for one in provenance(kept)["target"]]
    assert set(targets) <= made.keys()
    assert (f"RiskAssessment/{kept.decision}" in targets) == (risk_assessment(kept) is not None)
    assert f"GuidanceResponse/{kept.decision}" in [one["what"]["reference"] for one in audit_event(kept)["entity"]]
    for one in made.values():
        assert "device" in {part["id"] for part in one["contained"]}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("shown", "success"), ("below-band", "success"), ("silent", "success"), ("suppressed", "success"),
        ("suspended", "success"), ("outside", "success"), ("abstained", "data-requested"),
        ("unknown", "data-required"), ("failed", "failure"),
    ],
)  # fmt: skip
def test_the_status_never_reads_as_success_when_nothing_could_be_said(status: str, said: str) -> None:
    """Unknown data and faults are named as such."""
    assert guidance_response(decision(status=status))["status"] == said


def test_every_status_was_thought_of() -> None:
    """A new status must be given its FHIR word: these are `success`, or stand in the table above."""
    computed = {"shown", "below-band", "outside", "silent", "masked", "suppressed", "suspended"}
    assert set(STATUSES) <= computed | {"abstained", "unknown", "failed"}


def test_a_risk_is_a_percentage_and_names_what_it_rests_on() -> None:
    """R4 writes a decimal probability as a percentage; sources are the basis, each once."""
    made = risk_assessment(decision(sources={"age": "Patient/p1", "sex": "Patient/p1", "hb": "Observation/o1"}))
    assert made is not None
    assert [one["probabilityDecimal"] for one in made["prediction"]] == [25.0]
    assert made["basis"] == [{"reference": "Patient/p1"}, {"reference": "Observation/o1"}]
    assert made["contained"][0]["version"][0]["value"] == made["method"]["coding"][0]["code"]


def test_features_are_told_with_their_state() -> None:
    """Unknown is told as unknown, without a value."""
    (_, output) = guidance_response(decision())["contained"]
    features = [one["part"] for one in output["parameter"] if one["name"] == "feature"]
    told = [{part["name"]: next(v for k, v in part.items() if k != "name") for part in one} for one in features]
    assert told[0]["value"] == 71.0
    assert (told[1]["state"], "value" in told[1]) == ("unknown", False)


def test_feedback_has_the_six_fields() -> None:
    """Intervention, action taken, user feedback, user, date, location: each under its name, valid FHIR."""
    said = {
        "service": "tea-time", "card_uuid": "c", "outcome": "overridden", "accepted_suggestions": [],
        "override_reason": {"reason": {"code": "known", "system": "urn:x", "display": "Known"}},
        "comment": "seen", "at": NOON, "received_at": NOON,
    }  # fmt: skip
    with_decision = feedback_parameters(said, decision(), site="north")
    without = feedback_parameters(said | {"override_reason": None, "comment": None}, None, site="")
    for one in (with_decision, without):
        valid(one)
    names = [one["name"] for one in with_decision["parameter"]]
    assert {"intervention", "actionTaken", "userFeedback", "user", "date", "location"} <= set(names)
    by_name = {one["name"]: one for one in without["parameter"]}
    assert by_name["intervention"]["valueString"] == "tea-time"
    assert by_name["location"]["valueString"] == "default"
    assert "user" not in by_name


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"reason": {"code": "known", "display": "Known"}}, {"code": "known", "display": "Known"}),
        ({"code": "known", "system": "urn:x"}, {"code": "known", "system": "urn:x"}),
        ({"reason": "known"}, {"code": "known"}),
        ({"userComment": "no code"}, None),
        ({"reason": {"code": "", "display": ""}}, None),
    ],
)
def test_a_reason_is_told_in_whichever_shape_it_came(sent: dict[str, Any], told: dict[str, str] | None) -> None:
    """The specification's, a bare coding, a bare code; empty strings are nothing."""
    said = {
        "service": "tea-time", "card_uuid": "c", "outcome": "overridden", "accepted_suggestions": [],
        "override_reason": sent, "comment": None, "at": NOON, "received_at": NOON,
    }  # fmt: skip
    made = feedback_parameters(said, None, site="")
    valid(made)
    found = [one["part"][0]["valueCoding"] for one in made["parameter"] if one["name"] == "userFeedback"]
    assert found == ([told] if told is not None else [])
