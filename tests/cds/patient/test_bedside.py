"""What is known at the bedside, from prefetch in any state."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cds.patient.bedside import Bedside, read_bedside
from services.cds.patient.facts import Facts, read_facts
from services.cds.schemas import HookRequest
from services.guidance.ready import Release, open_release
from services.plumbing.fhir_server import Fetched
from tests.cds.tea import NOW, bundle, haemoglobin, patient, tea_bundle

RELEASE: Release = open_release(tea_bundle())
KEY = {query.resource_type: name for name, query in RELEASE.queries.items()}
PROCEDURES = bundle()


def raw(value: Any) -> msgspec.Raw:
    """A prefetch value as it arrives."""
    return msgspec.Raw(json.dumps(value).encode())


def bedside(prefetch: dict[str, Any], fetched: dict[str, Fetched] | None = None, encounter: str = "") -> Bedside:
    """The bedside of p1; prefetch by resource type."""
    request = HookRequest(
        hook="patient-view",
        instance="i",
        patient="p1",
        encounter=encounter,
        user="",
        prefetch={KEY.get(kind, kind): raw(value) for kind, value in prefetch.items()},
        fhir_server="",
        fhir_token="",
    )
    named = {KEY[kind]: value for kind, value in (fetched or {}).items()}
    return read_bedside(RELEASE, request, named, now=NOW)


def facts(*args: Any, **more: Any) -> Facts:
    """The features at that bedside."""
    known = bedside(*args, **more)
    return read_facts(RELEASE, known.patient, known.moment)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({}, "unknown"),
        ({"Observation": None}, "absent"),
        ({"Observation": bundle()}, "absent"),
        ({"Observation": {"resourceType": "OperationOutcome"}}, "unknown"),
        ({"Observation": "<html>"}, "unknown"),
        ({"Observation": bundle(haemoglobin(9))}, "value"),
        ({"Observation": haemoglobin(9)}, "unknown"),  # one resource where a search was asked for: is it the newest?
        ({"Observation": [haemoglobin(9)]}, "value"),
        ({"Observation": {"response": {"status": "200"}, "resource": bundle(haemoglobin(9))}}, "value"),
        ({"Observation": bundle(haemoglobin(9, of="p2"))}, "unknown"),
        ({"Observation": bundle(haemoglobin(9, at="2024-01-01"))}, "absent"),
    ],
)
def test_the_three_states_of_a_key(answer: dict[str, Any], state: str) -> None:
    """Omitted and failed are unknown; asked and nothing there is absent; old is absent in the window."""
    assert facts({"Patient": patient(), **answer}).states["hb"] == state


@pytest.mark.parametrize(
    ("sent", "state"),
    [
        (patient(), "value"),
        (bundle(patient()), "value"),
        (patient("p2"), "unknown"),
        (bundle(patient("p2")), "unknown"),
        (patient() | {"birthDate": "next year"}, "absent"),
        ({"resourceType": "Patient", "id": "p1"}, "absent"),
    ],
)
def test_the_patient_is_the_patient_of_the_context(sent: Any, state: str) -> None:
    """Another person's birth date is not known to be this one's."""
    assert facts({"Patient": sent}).states["age"] == state


def test_a_page_that_is_not_all_is_complete_only_as_far_as_it_reaches() -> None:
    """Fifty newest rows of another day cannot show that there was no result before."""
    many = [haemoglobin(30, identifier=f"o{n}", at="2026-02-28") for n in range(50)]
    following = [{"relation": "next", "url": "x"}]
    assert facts({"Patient": patient(), "Observation": bundle(*many, link=following)}).states["hb"] == "unknown"
    assert facts({"Patient": patient(), "Observation": bundle(*many, total=700)}).states["hb"] == "unknown"


def test_what_was_fetched_counts_as_what_was_sent_and_sent_wins() -> None:
    """A fetched page, a fetched failure, and pages after one that was sent: together they are the answer."""
    page = Fetched(pages=(json.dumps(bundle(haemoglobin(9))).encode(),))
    assert facts({"Patient": patient()}, {"Observation": page}).values["hb"] == 9
    assert (
        facts({"Patient": patient()}, {"Observation": Fetched(problem="server fault (5xx)")}).states["hb"] == "unknown"
    )
    part = bundle(haemoglobin(14, identifier="hb0", at="2025-12-01"), link=[{"relation": "next", "url": "?page=2"}])
    assert bedside({"Patient": patient(), "Observation": part}).paged == [KEY["Observation"]]
    known = facts({"Patient": patient(), "Observation": part}, {"Observation": page})
    assert (known.values["hb"], known.states["dialysis"]) == (9, "unknown")
    assert bedside({"Patient": patient(), "Observation": part}, {"Observation": page}).paged == []


@pytest.mark.parametrize(
    ("fetched", "state"),
    [
        (Fetched(pages=(json.dumps(bundle()).encode(),)), "value"),  # it is known that there is none
        (Fetched(pages=(json.dumps(bundle()).encode(),), complete=False), "unknown"),
        (Fetched(pages=(b"{}",)), "unknown"),
        (Fetched(complete=False, problem="no answer in time"), "unknown"),
    ],
)
def test_only_a_whole_answer_says_that_something_is_absent(fetched: Fetched, state: str) -> None:
    """A page of procedures was sent: there is no dialysis on record only if all the others were read."""
    other = {"resourceType": "Procedure", "id": "x", "status": "completed", "subject": {"reference": "Patient/p1"},
             "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}, "performedDateTime": "2026-01-01"}  # fmt: skip
    part = bundle(other, link=[{"relation": "next", "url": "?page=2"}])
    assert facts({"Patient": patient(), "Procedure": part}, {"Procedure": fetched}).states["dialysis"] == state


def test_what_comes_twice_counts_once() -> None:
    """A server that turns its pages in a circle adds nothing."""
    first = json.dumps(bundle(haemoglobin(9))).encode()
    twice = bedside({"Patient": patient()}, {"Observation": Fetched(pages=(first, first))})
    once = bedside({"Patient": patient()}, {"Observation": Fetched(pages=(first,))})
    assert len(twice.patient.field) == len(once.patient.field)


def test_the_index_is_now_or_the_end_of_a_stay_that_is_over() -> None:
    """A discharge is judged at the discharge, even if the call comes later."""

    def stay(**period: str) -> dict[str, Any]:
        code = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
        subject = {"reference": "Patient/p1"}
        return {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "finished",
            "class": code,
            "subject": subject,
            "period": period,
        }

    ended = bedside({"Encounter": stay(start="2026-02-20", end="2026-02-27T10:00:00Z")}, encounter="e1")
    assert ended.moment.at == int(datetime(2026, 2, 27, 10, tzinfo=UTC).timestamp() * 1e6)
    assert bedside({"Encounter": stay(start="2026-02-20")}, encounter="e1").moment.at == NOW
    assert bedside({"Encounter": stay(start="2026-02-20", end="2026-04-01")}, encounter="e1").moment.at == NOW


def test_pronouns_come_from_the_record() -> None:
    """As recorded, or not at all."""
    assert bedside({"Patient": patient()}).gender == "female"
    assert bedside({"Patient": patient(gender="other")}).gender == "other"
    assert bedside({}).gender is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=6), part, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.data())
def test_hostile_content_ends_in_states_and_never_in_a_fault(data: st.DataObject) -> None:
    """Whatever stands in a resource, the call gets its features."""

    def spoiled(resource: dict[str, Any]) -> dict[str, Any]:
        keys = data.draw(st.sets(st.sampled_from(sorted(resource))))
        return resource | {key: data.draw(json_values) for key in keys}

    known = facts(
        {
            "Patient": spoiled(patient()),
            "Observation": spoiled(bundle(spoiled(haemoglobin(9)), {"resource": data.draw(json_values)})),
            "Procedure": data.draw(json_values),
        }
    )
    assert set(known.states.values()) <= {"value", "absent", "unknown"}
