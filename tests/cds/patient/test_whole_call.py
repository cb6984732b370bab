"""A call that is read whole in one pass says the same as one whose prefetch is read value by value."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cds.patient.bedside import Bedside, read_bedside
from services.cds.schemas import HookRequest, read_hook_request
from services.guidance.ready import Release, open_release
from services.plumbing.fhir_server import Fetched
from tests.cds.patient.test_typed_answer import answers
from tests.cds.tea import NOW, bundle, haemoglobin, patient, tea_bundle

RELEASE: Release = open_release(tea_bundle())
KEY = {query.resource_type: name for name, query in RELEASE.queries.items()}
ALL = {KEY["Patient"]: patient(), KEY["Observation"]: bundle(haemoglobin(9), haemoglobin(11)), "theirs": None}


def call(prefetch: Any) -> HookRequest:
    """A call about p1, read from its bytes."""
    context = {"patientId": "p1", "userId": "Practitioner/u"}
    body = {"hook": "patient-view", "hookInstance": "i", "context": context, "prefetch": prefetch}
    return read_hook_request(json.dumps(body).encode())


def one_by_one(request: HookRequest) -> HookRequest:
    """The same call, nothing of it read yet."""
    return msgspec.structs.replace(request, read={})


def said(request: HookRequest, fetched: dict[str, Fetched] | None = None) -> str:
    """All that is known at its bedside."""
    known: Bedside = read_bedside(RELEASE, request, fetched or {}, now=NOW)
    return repr(known)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*RELEASE.queries, "theirs"]), answers(), max_size=4))
def test_read_whole_or_value_by_value_the_bedside_is_the_same(prefetch: dict[str, Any]) -> None:
    """And the same again when the call is read a second time, for another release."""
    request = call(prefetch)
    patiently = said(one_by_one(request))
    assert said(request) == patiently
    assert said(request) == patiently


def test_a_call_that_is_as_it_should_be_is_read_in_one_pass() -> None:
    """Nothing is left to be read by itself, and nothing of it is held once it has been used."""
    request = call(ALL)
    assert request.read.keys() == ALL.keys()
    said(request)
    assert request.read.keys() == {"theirs"}


def test_the_bytes_of_a_call_that_was_read_whole_can_still_be_had() -> None:
    """By its keys, as the client wrote them; a key that it did not send is not there."""
    sent = call(ALL).prefetch
    assert {key: json.loads(bytes(value)) for key, value in sent.items()} == ALL
    assert (len(sent), "theirs" in sent, "never sent" in sent, sent.get("never sent")) == (3, True, False, None)


def test_one_odd_value_leaves_the_others_as_they_are() -> None:
    """A web page where a search was asked for: the patient is known all the same."""
    request = call(ALL | {KEY["Observation"]: "<html>"})
    assert not request.read
    assert read_bedside(RELEASE, request, {}, now=NOW).patient.field


def test_what_was_fetched_beside_is_read_with_what_was_sent() -> None:
    """The first page came with the call, the second from the server."""
    page = Fetched(pages=(json.dumps(bundle(haemoglobin(8))).encode(),), complete=True)
    request = call(ALL)
    assert said(request, {KEY["Observation"]: page}) == said(one_by_one(request), {KEY["Observation"]: page})
