"""Patients and their results for tests of fetching: each with a version and the time at which it was stored."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
FIRST = "2025-06-01T00:00:00Z"


def person(i: int, *, at: str = FIRST, **changed: Any) -> Json:
    """A patient."""
    return {
        "resourceType": "Patient",
        "id": f"p{i}",
        "meta": {"versionId": "1", "lastUpdated": at},
        "gender": "female",
        "birthDate": "1950-01-01",
    } | changed


def result(i: int, *, of: int, at: str = FIRST, **changed: Any) -> Json:
    """A haemoglobin of a patient."""
    return {
        "resourceType": "Observation",
        "id": f"o{i}",
        "meta": {"versionId": "1", "lastUpdated": at},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/p{of}"},
        "effectiveDateTime": "2025-05-01T08:00:00Z",
        "issued": "2025-05-01T09:00:00Z",
        "valueQuantity": {"value": 9.5 + i / 10, "system": "http://unitsofmeasure.org", "code": "g/dL"},
    } | changed


def people(patients: int = 7, results: int = 200) -> list[Json]:
    """Some of both."""
    return [person(i) for i in range(patients)] + [result(i, of=i % patients) for i in range(results)]
