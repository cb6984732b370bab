"""A suggestion's resource is bound to one call, stays valid FHIR, and holds nothing that the call did not say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fhir.resources.R4B import get_fhir_model_class

from services.guidance.words.binding import bind_resource
from services.timeline.errors import BadInput

PROJECT = Path(__file__).resolve().parents[3]
RESOURCES = sorted(PROJECT.glob("services/guidance/library/*/resources/*.json"))
INDEX = int(datetime(2027, 3, 30, 15, 20, tzinfo=UTC).timestamp()) * 1_000_000


def bound(template: dict[str, Any], **call: Any) -> dict[str, Any]:
    """The template bound to a call of patient p1 at 15:20 on 30 March 2027."""
    return bind_resource(template, **{"patient_id": "p1", "index": INDEX, **call})


FULL = {"encounter_id": "e1", "user": "Practitioner/u1"}


@pytest.mark.parametrize("file", RESOURCES, ids=lambda path: path.name)
@pytest.mark.parametrize("call", [FULL, {}, {"encounter_id": "e1"}, {"user": "PractitionerRole/u1"}], ids=str)
def test_every_shipped_resource_stays_valid(file: Path, call: dict[str, str]) -> None:
    """With everything named or only the patient: valid R4B, no example and no date of the template left."""
    resource = bound(json.loads(file.read_bytes()), **call)
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    text = json.dumps(resource)
    assert "example" not in text
    assert "2026" not in text
    assert "Patient/p1" in text
    assert ("Encounter/e1" in text) == ("encounter_id" in call and "Encounter/example" in file.read_text())
    assert (call.get("user", "?") in text) == ("user" in call and "Practitioner/example" in file.read_text())


def test_all_resources_of_the_default_pack_can_be_bound(shared: Path) -> None:
    """The other guidance of the pack will bind as well."""
    files = sorted((shared / "clinical" / "resources").glob("*.json"))
    assert len(files) == 15
    for file in files:
        for call in (FULL, {}):
            resource = bound(json.loads(file.read_bytes()), **call)
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_dates_keep_their_distance_from_the_index() -> None:
    """Seven days of the template are seven days of the call, over the end of a month."""
    template = {"occurrencePeriod": {"start": "2026-01-01", "end": "2026-01-08"}, "authoredOn": "2026-01-01"}
    assert bound(template) == {
        "occurrencePeriod": {"start": "2027-03-30", "end": "2027-04-06"},
        "authoredOn": "2027-03-30",
    }


def test_times_keep_their_distance_from_the_index() -> None:
    """48 hours after the index, to the second."""
    assert bound({"occurrenceDateTime": "2026-01-03T00:00:00Z"}) == {"occurrenceDateTime": "2027-04-01T15:20:00Z"}


def test_the_calendar_day_is_that_of_the_hospital() -> None:
    """At 15:20 UTC it is already the next day in Auckland."""
    assert bound({"authoredOn": "2026-01-01"}, zone=ZoneInfo("Pacific/Auckland")) == {"authoredOn": "2027-03-31"}


def test_what_the_call_does_not_name_is_left_out() -> None:
    """No encounter, no element; an element that held nothing else goes with it."""
    template = {
        "subject": {"reference": "Patient/example"},
        "encounter": {"reference": "Encounter/example"},
        "participant": [{"actor": {"reference": "Practitioner/example"}}, {"actor": {"reference": "Patient/example"}}],
        "note": [{"authorReference": {"reference": "Practitioner/example"}}],
    }
    assert bound(template) == {
        "subject": {"reference": "Patient/p1"},
        "participant": [{"actor": {"reference": "Patient/p1"}}],
    }


@pytest.mark.parametrize("user", ["Practitioner/a b", "Device/d1", "u1", "Practitioner/", "Patient/x/../y"])
def test_a_user_that_is_no_reference_is_left_out(user: str) -> None:
    """Whoever calls cannot write anything but a user into the resource."""
    assert "requester" not in bound({"status": "draft", "requester": {"reference": "Practitioner/example"}}, user=user)


@pytest.mark.parametrize("patient", ["", "a b", "a/b", "x?y", "a|b", "a\nb"])
def test_a_patient_id_that_is_none_is_refused(patient: str) -> None:
    """A reference is not made from anything."""
    with pytest.raises(BadInput, match=r"context\.patientId"):
        bound({"subject": {"reference": "Patient/example"}}, patient_id=patient)


def test_long_ids_of_a_large_vendor_are_kept() -> None:
    """Epic's ids have about 194 characters."""
    long = "e" + "x.-Y" * 48
    assert bound({"subject": {"reference": "Patient/example"}}, patient_id=long)["subject"]["reference"].endswith(long)


def test_the_template_is_not_changed() -> None:
    """A release binds the same template many times."""
    template = {"occurrencePeriod": {"start": "2026-01-01"}, "subject": {"reference": "Patient/example"}}
    before = json.dumps(template)
    bound(template)
    assert json.dumps(template) == before


@pytest.mark.parametrize("index", [2**63 - 1, -(2**63)])
def test_an_impossible_index_is_refused(index: int) -> None:
    """A time that no calendar has is not written into a resource."""
    with pytest.raises(BadInput):
        bound({"authoredOn": "2026-01-01"}, index=index)
