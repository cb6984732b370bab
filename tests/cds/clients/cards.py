"""Cards for the tests of dialects: as they are composed, before any client's habits."""

from __future__ import annotations

import uuid
from typing import Any


def create(words: str, kind: str = "ServiceRequest") -> dict[str, Any]:
    """An action that creates."""
    return {"type": "create", "description": words, "resource": {"resourceType": kind, "status": "draft"}}


def delete(words: str, what: str = "MedicationRequest/nsaid") -> dict[str, Any]:
    """An action that deletes a draft."""
    return {"type": "delete", "description": words, "resourceId": what}


def button(label: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A suggestion."""
    return {"label": label, "uuid": str(uuid.uuid4()), "actions": list(actions), **more}


def card(*suggestions: dict[str, Any], selection: str = "any", **more: Any) -> dict[str, Any]:
    """A card with these buttons."""
    made: dict[str, Any] = {
        "uuid": str(uuid.uuid4()),
        "summary": "Risk 28%",
        "detail": "The words.",
        "indicator": "warning",
        "source": {
            "label": "Knowdo: Renal 1.0.0",
            "url": "https://knowdo.example/registry/releases/x/page",
            "topic": {"system": "urn:knowdo:guidance", "code": "nephrotoxin-aki_v2", "display": "Renal"},
        },
    }
    if suggestions:
        made |= {"suggestions": list(suggestions), "selectionBehavior": selection}
    return made | more
