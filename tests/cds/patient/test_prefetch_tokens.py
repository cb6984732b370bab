"""Tokens are resolved by us as a client would have."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.patient.prefetch_tokens import bind_template
from services.cds.schemas import HookRequest

NOW = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1e6)


def request(context: dict[str, Any] | None = None, **changes: Any) -> HookRequest:
    """A call about p1 by the practitioner u1."""
    fields: dict[str, Any] = {
        "hook": "patient-view", "instance": "i", "patient": "p1", "encounter": "e1", "user": "Practitioner/u1",
        "prefetch": {}, "fhir_server": "", "fhir_token": "",
        "context": {name: msgspec.Raw(json.dumps(value).encode()) for name, value in (context or {}).items()},
    }  # fmt: skip
    return HookRequest(**(fields | changes))


@pytest.mark.parametrize(
    ("template", "bound"),
    [
        ("Patient/{{context.patientId}}", "Patient/p1"),
        (
            "Observation?patient={{ context.patientId }}&encounter={{context.encounterId}}",
            "Observation?patient=p1&encounter=e1",
        ),
        ("{{context.userId}}", "Practitioner/u1"),
        ("Practitioner/{{userPractitionerId}}", "Practitioner/u1"),
        ("Observation?date=ge{{today() - 90 days}}", "Observation?date=ge2025-12-01"),
        ("Organization?_id={{context.performer}}", "Organization?_id=Organization/o1"),
        (
            "ServiceRequest?_id={{context.dispatchedOrders}}",
            "ServiceRequest?_id=ServiceRequest/a,ServiceRequest/b%2Cc",
        ),
        ("Patient?organization={{context.unknown}}", None),
        ("Patient?x={{userPatientId}}", None),
        ("Patient?x={{context.number}}", None),
        ("Patient?x={{context.object}}", None),
        ("{{context.climbing}}", None),
        ("MedicationRequest?_id={{context.draftOrders.entry.resource.id}}", None),
    ],
)
def test_templates_are_bound_with_what_the_call_names(template: str, bound: str | None) -> None:
    """Text at the root of the context, the user, the date; what the call does not name is not asked for."""
    context = {
        "performer": "Organization/o1",
        "dispatchedOrders": ["ServiceRequest/a", "ServiceRequest/b,c"],
        "number": 7,
        "object": {"a": 1},
        "climbing": "Patient/../../admin",
    }
    assert bind_template(template, request(context), now=NOW) == bound


def test_an_id_cannot_change_the_query() -> None:
    """Whatever an id holds is quoted; a call without an encounter has no such query."""
    path = bind_template("Observation?patient={{context.patientId}}", request(patient="p1&code=x"), now=NOW)
    assert path == "Observation?patient=p1%26code%3Dx"
    assert unquote(path).endswith("p1&code=x")
    assert bind_template("Encounter/{{context.encounterId}}", request(encounter=""), now=NOW) is None


@given(st.text(min_size=1, max_size=30))
def test_no_text_of_a_context_leaves_its_place_in_the_query(text: str) -> None:
    """Neither a new parameter nor a fragment nor a step up comes of it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    bound = bind_template("X?a={{context.field}}&b=1", request({"field": text}), now=NOW)
    if bound is None:
        assert {".", ".."} & set(text.split("/"))
        return
    value = bound.removeprefix("X?a=").removesuffix("&b=1")
    assert unquote(value) == text
    assert not set(value) & set("&?#= \r\n")
