"""What one press of a button does, for one call: resources created, bound to it; draft orders of it deleted by their ids.

The actions of a suggestion belong together. If it would delete a draft order and the call holds none such, it is not
offered: to create without deleting would order both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.cds.patient.draft_orders import Draft
from services.cds.schemas import HookRequest
from services.guidance.definition import Action, Suggestion
from services.guidance.ready import Release
from services.guidance.words.card_text import bind_resource

Ordered = Mapping[str, Sequence[Draft]]
"""Feature of this very order → the drafts that it counts."""


def actions_of(
    release: Release, suggestion: Suggestion, request: HookRequest, *, index_at: int, ordered: Ordered
) -> list[dict[str, Any]]:
    """The actions in the guidance's order; none if the suggestion is not to be offered."""
    made: list[dict[str, Any]] = []
    for action in suggestion.actions:
        if action.draft is not None:
            deleted = _deleted(action, ordered.get(action.draft, ()))
            if not deleted:
                return []
            made += deleted
        elif action.resource is not None:
            made.append(_created(release, action, action.resource, request, index_at))
    return made


def _deleted(action: Action, drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    return [
        {"type": "delete", "description": action.description, "resourceId": draft.reference}
        for draft in drafts
        if draft.reference
    ]


def _created(release: Release, action: Action, resource: str, request: HookRequest, index_at: int) -> dict[str, Any]:
    return {
        "type": "create",
        "description": action.description,
        "resource": bind_resource(
            release.resources[resource],
            patient_id=request.patient,
            index=index_at,
            encounter_id=request.encounter or None,
            user=request.user or None,
        ),
    }
