"""The demo EHR answers prefetch templates as a FHIR server does."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from services.demo.as_of import as_of
from services.demo.facts import PatientRecord, Stay
from services.demo.fhir_search import FhirServer, fill, hook_request
from services.timeline.errors import BadInput


@pytest.fixture(scope="module")
def stay(records: list[PatientRecord]) -> tuple[PatientRecord, Stay]:
    """The second or later inpatient stay of somebody."""
    return next(
        (r, [s for s in r.stays if s.kind == "IMP"][-1]) for r in records if sum(s.kind == "IMP" for s in r.stays) > 2
    )


@pytest.fixture(scope="module")
def server(stay: tuple[PatientRecord, Stay]) -> FhirServer:
    """The EHR at the end of that stay."""
    record, last = stay
    return FhirServer(as_of(record, last.end))


def _resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", [])]


def test_a_read_gives_the_resource(server: FhirServer, stay: tuple[PatientRecord, Stay]) -> None:
    """`Patient/id` answers the Patient; another id an OperationOutcome."""
    assert server.answer(f"Patient/{stay[0].person.id}")["resourceType"] == "Patient"
    assert server.answer("Patient/nobody")["resourceType"] == "OperationOutcome"


def test_a_search_is_cut_at_count_and_says_that_there_is_more(
    server: FhirServer, stay: tuple[PatientRecord, Stay]
) -> None:
    """With `_count=5` five newest results come, the total is told, and a next link stands there."""
    patient = stay[0].person.id
    bundle = server.answer(
        f"Observation?patient=Patient/{patient}&code=http://loinc.org|718-7,http://loinc.org|2951-2&_sort=-date&_count=5"
    )
    times = [r["effectiveDateTime"] for r in _resources(bundle)]
    assert len(times) == 5 < bundle["total"]
    assert times == sorted(times, reverse=True)
    assert [link["relation"] for link in bundle["link"]] == ["self", "next"]
    assert {r["code"]["coding"][0]["code"] for r in _resources(bundle)} <= {"718-7", "2951-2"}


def test_a_search_that_fits_has_no_next_link(server: FhirServer, stay: tuple[PatientRecord, Stay]) -> None:
    """All inpatient stays come in one page; a bare patient id serves as well as a reference."""
    bundle = server.answer(f"Encounter?patient={stay[0].person.id}&class=IMP&_sort=-date&_count=100")
    assert bundle["total"] == len(_resources(bundle)) >= 3
    assert [link["relation"] for link in bundle["link"]] == ["self"]


def test_nothing_found_is_an_empty_bundle(server: FhirServer, stay: tuple[PatientRecord, Stay]) -> None:
    """A search without matches is a searchset with total 0 and no entry."""
    bundle = server.answer(f"Encounter?patient={stay[0].person.id}&class=VR")
    assert bundle["total"] == 0
    assert "entry" not in bundle


def test_dates_compare_as_fhir_says(server: FhirServer, stay: tuple[PatientRecord, Stay]) -> None:
    """`date=ge…` and `date=lt…` split the results between them."""
    patient, day = stay[0].person.id, "2025-06-01"
    everything = server.answer(f"Observation?patient={patient}")["total"]
    late = server.answer(f"Observation?patient={patient}&date=ge{day}")["total"]
    early = server.answer(f"Observation?patient={patient}&date=lt{day}")["total"]
    assert late + early == everything


def test_an_unknown_parameter_is_refused(server: FhirServer) -> None:
    """A search the demo EHR does not know is a fault, never an empty answer."""
    with pytest.raises(BadInput, match="value-quantity"):
        server.answer("Observation?value-quantity=gt5")


def test_a_template_whose_token_is_missing_is_left_out() -> None:
    """Without an encounter in the context the encounter template cannot be filled."""
    assert fill("Encounter/{{context.encounterId}}", {"patientId": "p1"}) is None
    assert fill("Patient/{{ context.patientId }}", {"patientId": "p1"}) == "Patient/p1"


def test_the_hook_request_is_whole_and_the_same_in_every_replay(stay: tuple[PatientRecord, Stay]) -> None:
    """Context, a UUID as hook instance, and one answer a template."""
    record, last = stay
    service = {
        "hook": "encounter-discharge",
        "id": "readmission-30d",
        "prefetch": {"patient": "Patient/{{context.patientId}}", "stay": "Encounter/{{context.encounterId}}"},
    }
    request = hook_request(service, record, last.id, last.end)
    assert uuid.UUID(request["hookInstance"])
    assert request == hook_request(service, record, last.id, last.end)
    assert request["context"]["encounterId"] == last.id
    assert request["prefetch"]["patient"]["id"] == record.person.id
    assert request["prefetch"]["stay"]["status"] == "in-progress"
