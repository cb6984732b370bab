"""A small guidance as plain FHIR resources, as somebody might publish it who writes guidance.yaml."""

from __future__ import annotations

import base64
import json
from typing import Any

from services.registry.fhir.names import TEMPLATE
from tests.registry import samples

PLAN: dict[str, Any] = {
    "resourceType": "PlanDefinition",
    "id": "p",
    "url": "https://cds.example/PlanDefinition/p",
    "version": "2",
    "publisher": "A guideline group",
    "status": "active",
}


def attachment(name: str, data: bytes) -> dict[str, Any]:
    """Content of a Library."""
    return {"title": name, "contentType": "application/json", "data": base64.b64encode(data).decode()}


def carried(*, but: str = "") -> list[dict[str, Any]]:
    """The small guidance as plain FHIR: definition and model in a Library, codes as ValueSets, a template beside its activity."""
    files = samples.release().files
    sets = json.loads(files["value_sets.json"])["value_sets"]
    library = {
        "resourceType": "Library",
        "id": "l",
        "status": "active",
        "type": {"text": "logic"},
        "content": [
            attachment(name, data)
            for name, data in files.items()
            if name in ("guidance.yaml", "transparency.yaml", "model.json", "reference.json") and name != but
        ],
    }
    value_sets = [
        {
            "resourceType": "ValueSet",
            "id": name,
            "status": "active",
            "compose": {
                "include": [{"system": one["system"], "concept": one["concepts"]} for one in described["include"]]
            },
        }
        for name, described in sets.items()
    ]
    activity = {
        "resourceType": "ActivityDefinition",
        "id": "a",
        "status": "active",
        "extension": [{"url": TEMPLATE, "valueAttachment": attachment("visit.json", files["resources/visit.json"])}],
    }
    return [PLAN, library, *value_sets, activity]
