"""What the registry's /fhir can do, as a CapabilityStatement: made from the views and their parameters."""

from __future__ import annotations

from typing import Any, Final

from services.registry.fhir.searching import PARAMETERS

_CRMI: Final = "http://hl7.org/fhir/uv/crmi/OperationDefinition"
_OF_PLANS: Final = (
    ("approve", f"{_CRMI}/crmi-approve", "One vote of one person in one role; counted by the same rules as any vote"),
    (
        "release",
        f"{_CRMI}/crmi-release",
        "Refused until the quorum agrees; answers the manifest with every part pinned",
    ),
    ("package", f"{_CRMI}/crmi-package", "Everything of a release in one Bundle, with bytes, digests and a signature"),
)


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
            resource["operation"] = [
                {"name": name, "definition": definition, "documentation": said} for name, definition, said in _OF_PLANS
            ]
        resources.append(resource)
    resources.append({"type": "Binary", "interaction": [{"code": "read"}], "versioning": "no-version"})
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
                "operation": [
                    {
                        "name": "import",
                        "definition": f"{base}/OperationDefinition/import",
                        "documentation": "A FHIR package, or another registry's release with its evidence, as a proposal",
                    }
                ],
            }
        ],
    }
