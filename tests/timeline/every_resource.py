"""One well-formed resource of every type that is read, all of patient p and stay s, with every field that is read."""

from __future__ import annotations

from typing import Any, Final

from tests.timeline.made import ICD, LOINC, RXNORM, SNOMED, concept, encounter, observation, resource

_P: Final = {"reference": "Patient/p"}
_S: Final = {"reference": "Encounter/s"}
_PERIOD: Final = {"start": "2024-03-01T08:00:00Z", "end": "2024-03-11T10:00:00Z"}
_USD: Final = {"value": 12.5, "currency": "USD"}
_BOUNDS: Final = {"timing": {"repeat": {"boundsPeriod": _PERIOD}}}
_META: Final = {"lastUpdated": "2024-03-12T00:00:00Z", "versionId": "2"}


def _of_patient(kind: str, **fields: Any) -> dict[str, Any]:
    """A resource whose patient stands under `patient`."""
    return {"resourceType": kind, "id": "1", "patient": _P, "meta": _META} | fields


def _claim(kind: str, total: Any) -> dict[str, Any]:
    item = {"productOrService": concept((SNOMED, "4")), "servicedPeriod": _PERIOD, "net": _USD, "encounter": [_S]}
    return _of_patient(
        kind, status="active", use="claim", billablePeriod=_PERIOD, created="2024-03-20", item=[item], total=total
    )


_LISTED: Final[list[dict[str, Any]]] = [
    {
        "resourceType": "Patient",
        "id": "p",
        "birthDate": "1950-06-01",
        "gender": "female",
        "deceasedDateTime": "2024-05",
        "communication": [{"language": concept(("urn:ietf:bcp:47", "en")), "preferred": True}],
    },
    {"resourceType": "Coverage", "id": "1", "status": "active", "type": concept(("s", "PPO")), "beneficiary": _P}
    | {"period": _PERIOD},
    _of_patient(
        "Consent",
        status="active",
        scope=concept(("s", "research")),
        category=[concept(("s", "c"))],
        dateTime="2024-03-01",
        provision={"type": "permit", "period": _PERIOD, "provision": [{"type": "deny", "purpose": [{"code": "x"}]}]},
    ),
    _of_patient(
        "FamilyMemberHistory",
        status="completed",
        date="2024-03-01",
        relationship=concept(("s", "FTH")),
        condition=[{"code": concept((SNOMED, "1")), "onsetAge": {"value": 50, "comparator": "<", "code": "a"}}],
    ),
    encounter(
        meta=_META,
        classHistory=[{"class": {"system": "s", "code": "EMER"}, "period": _PERIOD}],
        type=[concept(("s", "t"))],
        serviceType=concept(("s", "onc")),
        priority=concept(("s", "EM")),
        hospitalization={"admitSource": concept(("s", "emd")), "dischargeDisposition": concept(("s", "home"))},
        diagnosis=[{"condition": {"reference": "Condition/1"}, "use": concept(("s", "AD")), "rank": 1}],
        reasonCode=[concept((SNOMED, "2"))],
        location=[{"location": {"reference": "Location/1"}, "period": _PERIOD}],
        participant=[{"individual": {"reference": "PractitionerRole/1"}, "period": _PERIOD}],
        serviceProvider={"reference": "Organization/1"},
    ),
    resource("Condition", code=concept((ICD, "I50.9")), onsetDateTime="2020", recordedDate="2020-01-08", encounter=_S),
    _of_patient("AllergyIntolerance", code=concept((SNOMED, "3")), onsetDateTime="2020", recordedDate="2020-01-08"),
    observation(encounter=_S, component=[{"code": concept((LOINC, "8480-6")), "valueQuantity": {"value": 120}}]),
    resource(
        "DiagnosticReport",
        status="final",
        code=concept((LOINC, "1")),
        conclusionCode=[concept((SNOMED, "5"))],
        effectivePeriod=_PERIOD,
        issued="2024-03-12",
        encounter=_S,
    ),
    resource(
        "QuestionnaireResponse",
        status="completed",
        questionnaire="https://example.org/q|1",
        authored="2024-03-01",
        encounter=_S,
        item=[{"linkId": "g", "item": [{"linkId": "1", "answer": [{"valueCoding": {"system": "s", "code": "a"}}]}]}],
    ),
    resource(
        "MedicationRequest",
        status="active",
        intent="order",
        medicationReference={"reference": "Medication/1"},
        authoredOn="2024-03-01",
        dosageInstruction=[_BOUNDS],
        dispenseRequest={"validityPeriod": _PERIOD},
        encounter=_S,
    ),
    resource(
        "MedicationAdministration",
        status="completed",
        medicationReference={"reference": "#m"},
        contained=[{"resourceType": "Medication", "id": "m", "code": concept((RXNORM, "1"))}],
        effectiveDateTime="2024-03-01T12:00:00Z",
        dosage={"dose": {"value": 10, "code": "mg"}},
        context=_S,
    ),
    resource(
        "MedicationStatement",
        status="active",
        medicationCodeableConcept=concept((RXNORM, "1")),
        effectivePeriod=_PERIOD,
        dateAsserted="2024-03-01",
        context=_S,
    ),
    {"resourceType": "Medication", "id": "1", "code": concept((RXNORM, "5640"))},
    _of_patient(
        "Immunization",
        status="completed",
        vaccineCode=concept(("http://hl7.org/fhir/sid/cvx", "140")),
        occurrenceDateTime="2023-11",
        recorded="2024-03-01",
    ),
    resource("Procedure", status="completed", code=concept((SNOMED, "6")), performedPeriod=_PERIOD, encounter=_S),
    resource(
        "ServiceRequest",
        status="active",
        intent="order",
        code=concept((SNOMED, "7")),
        occurrencePeriod=_PERIOD,
        authoredOn="2024-03-01",
        encounter=_S,
    ),
    {
        "resourceType": "Appointment",
        "id": "1",
        "status": "fulfilled",
        "serviceType": [concept(("s", "onc"))],
        "created": "2024-01-10",
        "start": "2024-03-01T09:00:00Z",
        "end": "2024-03-01T10:00:00Z",
        "participant": [{"actor": _P}],
    },
    {
        "resourceType": "Task",
        "id": "1",
        "status": "completed",
        "intent": "order",
        "code": concept(("s", "call")),
        "for": _P,
        "encounter": _S,
        "authoredOn": "2024-03-01",
        "executionPeriod": _PERIOD,
        "lastModified": "2024-03-12",
    },
    {"resourceType": "Location", "id": "1", "type": [concept(("s", "ICU"))]},
    {"resourceType": "Organization", "id": "1", "type": [concept(("s", "dept"))]},
    {"resourceType": "PractitionerRole", "id": "1", "specialty": [concept(("s", "cardio"))]},
    _claim("Claim", _USD),
    _claim("ExplanationOfBenefit", [{"category": concept(("s", "submitted")), "amount": _USD}]),
    resource(
        "ChargeItem",
        status="billed",
        code=concept(("s", "bed")),
        context=_S,
        occurrencePeriod=_PERIOD,
        enteredDate="2024-03-20",
        priceOverride=_USD,
    ),
]

EVERY: Final[dict[str, dict[str, Any]]] = {one["resourceType"]: one for one in _LISTED}
"""Type → its resource."""
