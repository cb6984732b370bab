"""What the registry's /fhir can do, as a CapabilityStatement: made from the views and their parameters."""

from __future__ import annotations

from typing import Any, Final

from services.registry.fhir.definitions import OPERATIONS, Operation, definition_url
from services.registry.fhir.searching import PARAMETERS

_SUBMIT: Final = "CRMI's submit: a draft with its Libraries, ValueSets and ActivityDefinitions contained, as a proposal"


def capability_statement(*, base: str, version: str, date: str) -> dict[str, Any]:
    """The statement of an instance that stands at `base` (…/fhir); `date`: when its software was started."""
    resources: list[dict[str, Any]] = []
    for kind, known in PARAMETERS.items():
        resource: dict[str, Any] = {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "versioned",
            "searchParam": [{"name": name, "type": one.kind, "documentation": one.said} for name, one in known.items()],
        }
        if kind == "PlanDefinition":
            resource["interaction"].append({"code": "create", "documentation": _SUBMIT})
            resource["operation"] = [_listed(one, base) for one in OPERATIONS if not one.whole]
        resources.append(resource)
    resources += [
        {"type": kind, "interaction": [{"code": "read"}], "versioning": "no-version"}
        for kind in ("Binary", "OperationDefinition")
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "Knowdo registry", "version": version},
        "implementation": {"description": "Guidance, its evidence and its decisions", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Bearer tokens of persons and services, as in the registry's own API"},
                "resource": resources,
                "operation": [_listed(one, base) for one in OPERATIONS if one.whole],
            }
        ],
    }


def _listed(one: Operation, base: str) -> dict[str, Any]:
    return {"name": one.code, "definition": definition_url(base, one.code), "documentation": one.said}
