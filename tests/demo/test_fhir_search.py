"""The demo EHR answers prefetch templates as a FHIR server does."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from services.demo.as_of import as_of
from services.demo.facts import PatientRecord, Stay
from services.demo.fhir_search import FhirServer, fill, hook_request
from services.demo.hospital import Hospital
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


def test_a_component_is_found_by_combo_code_only(server: FhirServer, stay: tuple[PatientRecord, Stay]) -> None:
    """The systolic pressure is a component of the panel: `code` does not find it, `combo-code` does, and the panel too."""
    patient, systolic, panel = stay[0].person.id, "http://loinc.org|8480-6", "http://loinc.org|85354-9"
    assert server.answer(f"Observation?patient={patient}&code={systolic}")["total"] == 0
    found = server.answer(f"Observation?patient={patient}&combo-code={systolic}&_sort=-date&_count=3")
    assert found["total"] == server.answer(f"Observation?patient={patient}&combo-code={panel}")["total"] > 3
    assert server.answer(f"Observation?patient={patient}&component-code={systolic}")["total"] == found["total"]


SORTED_BY = {
    "Encounter": "-date", "Observation": "-date", "Procedure": "-date", "Immunization": "-date", "DiagnosticReport": "-date",
    "MedicationRequest": "-authoredon", "ServiceRequest": "-authored", "MedicationAdministration": "-effective-time",
    "MedicationStatement": "-effective", "QuestionnaireResponse": "-authored", "Appointment": "-date", "Consent": "-date",
    "Task": "-authored-on", "Claim": "-created", "ExplanationOfBenefit": "-created", "Condition": "-recorded-date",
    "AllergyIntolerance": "-date", "FamilyMemberHistory": "-date", "ChargeItem": "-occurrence", "Coverage": "_lastUpdated",
}  # fmt: skip


@pytest.mark.parametrize("kind", SORTED_BY)
def test_every_type_is_found_by_patient_and_sorted(kind: str, hospital: Hospital, records: list[PatientRecord]) -> None:
    """Somebody has such a resource; the search by patient finds it all, the one for another patient nothing."""
    for record in records:
        server = FhirServer(as_of(record, hospital.until))
        found = server.answer(f"{kind}?patient={record.person.id}&_sort={SORTED_BY[kind]}&_count=200")
        if found["total"]:
            assert server.answer(f"{kind}?patient=Patient/{record.person.id}")["total"] == found["total"]
            assert server.answer(f"{kind}?patient=p999999")["total"] == 0
            return
    pytest.fail(f"nobody has a {kind}")


def test_new_types_are_found_by_their_codes(hospital: Hospital, records: list[PatientRecord]) -> None:
    """Vaccines, scopes of consent, service types and family illnesses are tokens of their own parameters."""
    wanted = {
        "Consent?scope=http://terminology.hl7.org/CodeSystem/consentscope|research",
        "Appointment?service-type=http://snomed.info/sct|390906007&status=booked,fulfilled",
        "FamilyMemberHistory?code=http://hl7.org/fhir/sid/icd-10-cm|E11.9",
        "DiagnosticReport?code=http://loinc.org|24321-2",
        "Immunization?status=completed",
        "Encounter?location=Location/site-0-general",
        "Task?code=http://snomed.info/sct|430193006",
    }
    for record in records[:300]:
        server = FhirServer(as_of(record, hospital.until))
        wanted -= {query for query in wanted if server.answer(query)["total"]}
    assert wanted == set()


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
