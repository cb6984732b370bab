"""Hook requests as clients send them: what is taken, and what is named as wrong."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.clients.profile import read_profiles
from services.cds.schemas import HookRequest, read_hook_request
from services.guidance.hooks import HOOKS, ContextField
from services.timeline.errors import BadInput

BUNDLE = {"resourceType": "Bundle", "entry": []}
SAMPLES: dict[str, Any] = {
    "id": "123", "reference": "Practitioner/u1", "references": ["ServiceRequest/1"], "bundle": BUNDLE,
    "resource": {"resourceType": "MedicationRequest"}, "resources": [{"resourceType": "Task"}],
}  # fmt: skip
EVERY_FIELD = [(hook, field) for hook in HOOKS.values() for field in hook.fields]


def full(hook: str) -> dict[str, Any]:
    """A context with every field of a hook."""
    return {field.name: SAMPLES[field.kind] for field in HOOKS[hook].fields}


def read(hook: str, context: dict[str, Any], *, may_lack: tuple[str, ...] = (), **more: Any) -> HookRequest:
    """A hook request, read."""
    body = {"hook": hook, "hookInstance": str(uuid.uuid4()), "context": context, **more}
    return read_hook_request(json.dumps(body).encode(), may_lack=may_lack)


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_is_read_with_its_whole_context(hook: str) -> None:
    """The deprecated pair too; an unknown field, an extension and a field of no use change nothing."""
    context = full(hook) | {"surprise": [1], "extension": {"com.example": 7}}
    request = read(hook, context, extension={"a": None}, surprise={"b": 1})
    assert request.hook == hook
    assert request.patient == "123"
    assert request.context.keys() == context.keys()


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_what_is_optional_may_be_left_out(hook: str) -> None:
    """Required fields alone are a context."""
    read(hook, {field.name: SAMPLES[field.kind] for field in HOOKS[hook].fields if field.required})


@pytest.mark.parametrize(("hook", "field"), [(hook.name, field) for hook, field in EVERY_FIELD if field.required])
@pytest.mark.parametrize("gone", ["left out", None, ""])
def test_a_required_field_that_is_missing_is_named_by_its_path(hook: str, field: ContextField, gone: Any) -> None:
    """Left out, null or empty are the same."""
    context = full(hook)
    del context[field.name]
    if gone != "left out":
        context[field.name] = gone
    with pytest.raises(BadInput, match="missing") as fault:
        read(hook, context)
    assert fault.value.place == f"$.context.{field.name}"


@pytest.mark.parametrize(("hook", "field"), [(hook.name, field) for hook, field in EVERY_FIELD])
@pytest.mark.parametrize("wrong", [7, True, [7], {"a": 1}, "text"])
def test_a_wrong_type_is_named_by_its_path(hook: str, field: ContextField, wrong: Any) -> None:
    """An optional field, too: half a context is a client's fault that its maker should hear of."""
    fits = {"text": {"id", "reference", "references"}, "[7]": {"references", "resources"}}
    allowed = {"bundle", "resource", "resources"} if isinstance(wrong, dict) else fits.get(str(wrong), set())
    context = full(hook) | {field.name: wrong}
    if field.kind in allowed:
        read(hook, context)
        return
    with pytest.raises(BadInput) as fault:
        read(hook, context)
    assert fault.value.place == f"$.context.{field.name}"


@pytest.mark.parametrize(
    "context",
    [
        {"dispatchedOrders": ["ServiceRequest/1"], "performer": "Organization/1", "fulfillmentTasks": [{}]},
        {"dispatchedOrders": ["ServiceRequest/1"], "performer": "Organization/1", "fulfillment-tasks": [{}]},
        {"order": "ServiceRequest/1", "performer": "Organization/1", "task": {}},
        {"order": "ServiceRequest/1", "performer": "Organization/1"},
    ],
)
def test_both_dialects_of_order_dispatch_are_read_and_neither_names_a_user(context: dict[str, Any]) -> None:
    """Version 1.1, its example's spelling, and 1.0; patient and performer are in all of them."""
    request = read("order-dispatch", {"patientId": "p1"} | context)
    assert (request.patient, request.user, request.encounter) == ("p1", "", "")


def test_a_refill_needs_no_user() -> None:
    """An automatic request for one has none."""
    assert read("medication-refill", {"patientId": "p1", "medications": BUNDLE}).user == ""


@pytest.mark.parametrize("name", ["medication", "order"])
def test_a_verified_medication_may_be_wrapped(name: str) -> None:
    """As on the page of the hook, and as in its example; the allergy of the library's example as well."""
    about = {"userId": "PractitionerRole/1", "patientId": "p1"}
    read("medication-verify", about | {name: {"resource": {"resourceType": "MedicationRequest"}}})
    read(
        "allergyintolerance-create",
        about | {"allergyIntolerance": {"resource": {"resourceType": "AllergyIntolerance"}}},
    )


def test_what_a_client_is_known_to_leave_out_may_lack() -> None:
    """Epic sends draft orders to clients with its scopes only; for everyone else they are required."""
    context = {"userId": "Practitioner/1", "patientId": "p1"}
    epic = read_profiles().named("epic")
    assert read("order-select", context, may_lack=epic.may_lack).patient == "p1"
    assert read_profiles().named("default").may_lack == ()
    with pytest.raises(BadInput, match="missing"):
        read("order-select", context)


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        ("p1", "p1"),
        ("e" * 200, "e" * 200),
        ("Patient/p1", "p1"),
        ("https://ehr.example/fhir/Patient/p1", "p1"),
        ("Patient/p1/_history/3", "p1"),
    ],
)
def test_an_id_may_come_as_a_reference_and_may_be_long(sent: str, read_as: str) -> None:
    """Epic's have about 194 characters; some clients send a reference where the id is asked for."""
    assert read("patient-view", full("patient-view") | {"patientId": sent}).patient == read_as


@pytest.mark.parametrize(
    "sent",
    ["..", ".", "../../x", "Encounter/p1", "p 1", "p1?x=1", "Patient/", "Patient/..", "//Patient/p1", "ü", "a" * 257],
)
def test_what_is_no_id_is_refused(sent: str) -> None:
    """It would go into a URL."""
    with pytest.raises(BadInput, match="not a FHIR id"):
        read("patient-view", full("patient-view") | {"patientId": sent})


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        ("PractitionerRole/A2340113", "PractitionerRole/A2340113"),
        ("https://ehr.example/fhir/Practitioner/1", "Practitioner/1"),
        ("Dr. House", ""),
        ("Practitioner/", ""),
        ("a/b/c", ""),
    ],
)
def test_the_user_does_not_decide_whether_a_patient_gets_an_answer(sent: str, read_as: str) -> None:
    """A reference in any form is kept; anything else is no user."""
    assert read("patient-view", full("patient-view") | {"userId": sent}).user == read_as


def test_an_unknown_hook_is_read_over() -> None:
    """Whether the service answers it is another question."""
    request = read("fancy-structure", {"list": [{"id": "1"}]})
    assert (request.hook, request.patient) == ("fancy-structure", "")


@pytest.mark.parametrize(
    ("instance", "taken"), [("1", True), ("not-a-uuid", True), ("", False), ("x" * 129, False), ("a\nb", False)]
)
def test_an_instance_is_short_and_printable(instance: str, taken: bool) -> None:
    """A UUID is asked for and not insisted on."""
    body = {"hook": "patient-view", "hookInstance": instance, "context": full("patient-view")}
    if taken:
        assert read_hook_request(json.dumps(body).encode()).instance == instance
    else:
        with pytest.raises(BadInput, match="hookInstance"):
            read_hook_request(json.dumps(body).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=6), part, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(HOOKS)), st.data())
def test_a_spoiled_call_is_read_or_named(hook: str, data: st.DataObject) -> None:
    """Never another fault; what was read has a patient id that a URL can hold."""
    context = full(hook)
    for name in data.draw(st.sets(st.sampled_from(sorted(context)))):
        context[name] = data.draw(json_values)
    try:
        request = read(hook, context, prefetch=data.draw(json_values), fhirServer=data.draw(json_values))
    except BadInput:
        return
    assert request.patient
    assert not set(request.patient) & set("/?#&% ")
