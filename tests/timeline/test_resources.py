"""Reading resources: strictly first, then with repairs, then not at all."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.resources import (
    READ,
    Skip,
    decode_repaired,
    decode_resource,
    decode_strict,
)
from services.timeline.resources_encounter import Encounter
from services.timeline.resources_findings import Observation
from services.timeline.resources_medicines import MedicationRequest
from services.timeline.resources_patient import Patient
from tests.timeline.made import encounter, observation
from tests.timeline.strategies import resources


def test_what_fits_is_read_at_once() -> None:
    """Fields that nobody reads are skipped, whatever they hold."""
    raw = msgspec.json.encode(observation(category="not a list", note={"odd": [1, None]}))
    read = decode_strict(raw)
    assert isinstance(read, Observation)
    assert read.value_quantity is not None
    assert read.value_quantity.value == 1.2
    assert decode_resource(msgspec.Raw(raw)) == read


def test_what_does_not_fit_is_repaired_field_by_field() -> None:
    """One wrong field costs that field at most, never the resource."""
    raw = msgspec.json.encode(
        {
            "resourceType": "MedicationRequest",
            "id": 17,
            "status": ["active"],
            "doNotPerform": "false",
            "medicationCodeableConcept": "aspirin",
            "subject": "Patient/p",
            "encounter": 5,
            "authoredOn": 2024,
            "dosageInstruction": {"timing": {"repeat": {"boundsPeriod": {"end": "2024-05-01"}}}},
            "contained": "nothing",
            "meta": [],
        }
    )
    assert decode_strict(raw) is None
    read = decode_resource(raw)
    assert isinstance(read, MedicationRequest)
    assert (read.id, read.status, read.do_not_perform, read.authored_on) == ("17", "active", False, "2024")
    assert read.medication_codeable_concept is not None
    assert read.medication_codeable_concept.text == "aspirin"
    assert read.subject is not None
    assert read.subject.reference == "Patient/p"
    assert (read.encounter, read.meta, read.contained) == (None, None, [])
    dosage = (read.dosage_instruction or [None])[0]
    assert dosage is not None
    assert dosage.timing is not None
    assert dosage.timing.repeat is not None
    assert dosage.timing.repeat.bounds_period is not None
    assert dosage.timing.repeat.bounds_period.end == "2024-05-01"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("5.4", 5.4),
        (" 5.4 ", 5.4),
        (5, 5.0),
        ("1e999", None),
        ("nan", None),
        ("1_000", None),
        (True, None),
        ("<5", None),
        ([7], 7.0),
    ],
)
def test_a_number_in_quotes_is_a_number(sent: object, read: float | None) -> None:
    """But not a number that no laboratory writes, nor a truth value, nor several."""
    made = decode_repaired(msgspec.json.encode(observation(valueQuantity={"value": sent})))
    assert isinstance(made, Observation)
    assert made.value_quantity is not None
    assert made.value_quantity.value == read


def test_a_number_beyond_every_float_costs_only_itself() -> None:
    """1e999 is left out; the rest of the resource is read."""
    raw = msgspec.json.encode(observation(valueQuantity={"value": 0.5})).replace(b"0.5", b"1e999")
    read = decode_resource(raw)
    assert isinstance(read, Observation)
    assert read.value_quantity is not None
    assert read.value_quantity.value is None


def test_a_list_of_one_is_the_one() -> None:
    """Where FHIR has one thing, a list of one is understood."""
    read = decode_resource(msgspec.json.encode(encounter(priority=[{"coding": [{"code": "EM"}]}])))
    assert isinstance(read, Encounter)
    assert read.priority is not None
    assert read.priority.coding is not None


@pytest.mark.parametrize("broken", [{}, {"subject": "Patient/p"}])
def test_what_r5_lists_and_r4_has_once_needs_no_repair(broken: dict[str, object]) -> None:
    """Both shapes fit as they are, and each is still understood when something else has to be mended."""
    for sent in ({"code": "IMP"}, [{"coding": [{"code": "IMP"}]}]):
        raw = msgspec.json.encode(encounter(**{"class": sent}, **broken))
        assert (decode_strict(raw) is None) is bool(broken)
        read = decode_resource(raw)
        assert isinstance(read, Encounter)
        assert isinstance(read.class_, list) is isinstance(sent, list)
        assert read.class_


@pytest.mark.parametrize("depth", [50, 300, 3_000])
@pytest.mark.parametrize("subject", [b'{"reference":"Patient/p"}', b'"Patient/p"'])
def test_questions_nested_too_deeply_are_no_crash(subject: bytes, depth: int) -> None:
    """Whatever the depth, with or without something to mend, the resource is counted."""
    nested = b'{"linkId":"a","item":[' * depth + b"]}" * depth
    raw = b'{"resourceType":"QuestionnaireResponse","status":"completed","subject":%s,"item":[%s]}' % (subject, nested)
    batch = EventBatch()
    assert not flatten_json(raw, batch)
    (reason,) = batch.skipped
    assert reason in ("QuestionnaireResponse: no answer", "JSON nested too deeply")
    assert reason == "JSON nested too deeply" or depth < 3_000


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "broken JSON"),
        (b"{", "broken JSON"),
        (b'{"resourceType":"Patient","id":"\xff"}', "broken JSON"),
        (b'{"resourceType":"Patient","id":"\\ud800"}', "broken JSON"),
        (b"[" * 100_000, "JSON nested too deeply"),
        (b'{"resourceType":"Patient","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON nested too deeply"),
        (b"[]", "not a FHIR resource"),
        (b"null", "not a FHIR resource"),
        (b"{}", "not a FHIR resource"),
        (b'{"resourceType":1}', "not a FHIR resource"),
        (b'{"resourceType":"CarePlan"}', "CarePlan: not read"),
        (b'{"resourceType":"Mrs Miller"}', "unknown type"),
    ],
)
def test_what_cannot_be_used_says_why(raw: bytes, reason: str) -> None:
    """The reason is one that can be counted, and never the content."""
    with pytest.raises(Skip) as caught:
        decode_resource(raw)
    assert caught.value.reason == reason


def test_a_byte_order_mark_is_no_fault() -> None:
    """Files that passed through Windows begin with one."""
    assert isinstance(decode_resource(b'\xef\xbb\xbf{"resourceType":"Patient","id":"p"}'), Patient)


@given(resources())
def test_a_repaired_resource_is_of_its_type_and_reads_again(content: dict[str, object]) -> None:
    """Whatever a resource of a type that is read holds, what is left of it fits."""
    raw = msgspec.json.encode(content)
    if content["resourceType"] not in list(READ):
        with pytest.raises(Skip):
            decode_repaired(raw)
        return
    read = decode_repaired(raw)
    assert type(read).__name__ == content["resourceType"]
    assert decode_strict(msgspec.json.encode(read)) == read


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_reason(raw: bytes) -> None:
    """Garbage is skipped."""
    with pytest.raises(Skip):
        decode_resource(raw)
