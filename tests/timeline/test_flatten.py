"""The one door from JSON to events."""

from __future__ import annotations

import dataclasses
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.timeline.events import COLUMNS, RETRACTED, EventBatch
from services.timeline.flatten import flatten, flatten_json
from services.timeline.instants import FOREVER
from services.timeline.resources import READ, decode_resource
from services.timeline.timeline import Timeline, assemble
from tests.timeline.every_resource import EVERY
from tests.timeline.made import batch_of, encounter, observation, rows_of
from tests.timeline.strategies import ANY_RESOURCE


def test_a_resource_that_gives_nothing_says_so() -> None:
    """True: it gave events. False: it was skipped, and the batch says why."""
    batch = EventBatch()
    assert flatten_json(msgspec.json.encode(observation()), batch)
    assert not flatten_json(b'{"resourceType":"CarePlan"}', batch)
    assert not flatten_json(b"{", batch)
    assert not flatten_json(msgspec.json.encode(observation(status="registered")), batch)
    assert len(batch) == 1
    assert batch.skipped == {"CarePlan: not read": 1, "broken JSON": 1, "Observation: status registered": 1}


def test_a_repair_is_counted() -> None:
    """What was read only with repairs is in the report."""
    batch = batch_of(observation(id=5))
    assert len(batch) == 1
    assert batch.losses == {"Observation: read with repairs": 1}
    assert not batch.skipped


def test_resource_by_resource_is_the_same_as_json_by_json() -> None:
    """`flatten` on the decoded resource is what `flatten_json` does."""
    batch = EventBatch()
    raw = msgspec.json.encode(encounter())
    flatten(decode_resource(raw), batch)
    assert batch.cells[:-1] == batch_of(encounter()).cells[:-1]


def facts_in(cells: list[object]) -> int:
    """How many of these events state a fact."""
    return sum(field != RETRACTED for field in cells[COLUMNS.index("field") :: len(COLUMNS)])


@pytest.mark.parametrize("kind", sorted(READ))
def test_every_type_that_is_read_becomes_facts(kind: str) -> None:
    """A well-formed resource of each type is read as it is, without a loss, and makes every event field of its type."""
    batch = EventBatch()
    assert flatten_json(msgspec.json.encode(EVERY[kind]), batch)
    assert not batch.skipped
    assert set(batch.losses) <= {"FamilyMemberHistory: comparator <, limit taken as value"}
    assert {row["field"] for row in rows_of(batch)} == FIELDS_OF[kind]
    for row in rows_of(batch):
        assert row["patient"] == ("" if row["field"] in OF_NOBODY else "p")
        assert row["known"] != FOREVER


OF_NOBODY = {"Medication.code", "Location.type", "Organization.type", "PractitionerRole.specialty"}
FIELDS_OF = {
    "Patient": {"Patient.birthDate", "Patient.gender", "Patient.deceased", "Patient.language"},
    "Coverage": {"Coverage.type"},
    "Consent": {"Consent.provision"},
    "FamilyMemberHistory": {"FamilyMemberHistory.condition"},
    "Encounter": {
        f"Encounter.{name}"
        for name in (
            "class", "classHistory", "type", "serviceType", "priority", "admitSource", "dischargeDisposition",
            "diagnosis", "reasonCode", "location", "participant", "serviceProvider",
        )
    },
    "Condition": {"Condition.code"},
    "AllergyIntolerance": {"AllergyIntolerance.code"},
    "Observation": {"Observation.code", "Observation.component"},
    "DiagnosticReport": {"DiagnosticReport.code", "DiagnosticReport.conclusionCode"},
    "QuestionnaireResponse": {"QuestionnaireResponse.item"},
    "MedicationRequest": {"MedicationRequest.medication"},
    "MedicationAdministration": {"MedicationAdministration.medication"},
    "MedicationStatement": {"MedicationStatement.medication"},
    "Medication": {"Medication.code"},
    "Immunization": {"Immunization.vaccineCode"},
    "Procedure": {"Procedure.code"},
    "ServiceRequest": {"ServiceRequest.code"},
    "Appointment": {"Appointment.serviceType"},
    "Task": {"Task.code"},
    "Location": {"Location.type"},
    "Organization": {"Organization.type"},
    "PractitionerRole": {"PractitionerRole.specialty"},
    "Claim": {"Claim.item", "Claim.total"},
    "ExplanationOfBenefit": {"ExplanationOfBenefit.item", "ExplanationOfBenefit.total"},
    "ChargeItem": {"ChargeItem.code"},
}  # fmt: skip


@settings(max_examples=300)
@given(st.lists(ANY_RESOURCE, max_size=4))
def test_every_resource_becomes_facts_or_is_counted_once(contents: list[dict[str, object]]) -> None:
    """Nothing raises, nothing is lost: facts, or exactly one count by type and reason, and never both."""
    batch = EventBatch()
    for content in contents:
        events, skipped = len(batch.cells), batch.skipped.copy()
        assert flatten_json(msgspec.json.encode(content), batch) is (len(batch.cells) > events)
        counted = batch.skipped - skipped
        assert counted.total() == (0 if facts_in(batch.cells[events:]) else 1)
        kind = content.get("resourceType")
        if counted and isinstance(kind, str) and kind in READ:
            assert next(iter(counted)).startswith(f"{kind}: ")
    for reason in [*batch.skipped, *batch.losses]:
        assert len(reason) < 80
    for all_known in (False, True):
        timeline = assemble(batch, all_known=all_known)
        assert len(timeline) <= 3 * len(batch)  # what is coded elsewhere may stand before and after


@settings(max_examples=150)
@given(st.lists(ANY_RESOURCE, max_size=8), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_resources_does_not_matter(
    contents: list[dict[str, object]], all_known: bool, chance: random.Random
) -> None:
    """Any order of the files and pages of a server gives the same timeline, bit for bit."""
    shuffled = contents.copy()
    chance.shuffle(shuffled)
    one = assemble(batch_of(*contents), all_known=all_known)
    other = assemble(batch_of(*shuffled), all_known=all_known)
    for field in dataclasses.fields(Timeline):
        left, right = getattr(one, field.name), getattr(other, field.name)
        assert left.tobytes() == right.tobytes() if isinstance(left, np.ndarray) else left == right
