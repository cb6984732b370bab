"""What /fhir can do, as a CapabilityStatement: made from the views, so that it cannot promise another."""

from __future__ import annotations

from typing import Any, Final

from services.cds.fhir.views import VIEWS

_SEARCH: Final = (
    ("patient", "reference", "the patient's id, with or without `Patient/`"),
    ("date", "date", "when it was decided; eq, ge, gt, le, lt; may be given twice for a span"),
    ("guidance", "token", "the id of the guidance"),
)


def capability_statement(*, base: str, version: str, date: str) -> dict[str, Any]:
    """The statement of an instance that stands at `base` (…/fhir); `date`: when its software was started."""
    resources = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "no-version",
            "searchParam": [{"name": n, "type": t, "documentation": d} for n, t, d in _SEARCH],
        }
        for kind in VIEWS
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"],
        "software": {"name": "Knowdo CDS", "version": version},
        "implementation": {"description": "Decisions of Knowdo CDS, read only", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+ndjson"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "description": "Bearer tokens: an auditor reads and searches, the learner exports. "
                    "Every reading of patient data is recorded."
                },
                "resource": resources,
                "operation": [
                    {"name": "export", "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"}
                ],
            }
        ],
    }
