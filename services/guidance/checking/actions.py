"""Checks of what a button does: what it creates has a file; what it deletes is a draft order, with another in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.orders import check_orders_of
from services.guidance.checking.source_lines import KeyPath
from services.guidance.definition import Action, Guidance, Suggestion
from services.guidance.folder import RESOURCES


def check_actions(guidance: Guidance, files: Mapping[str, bytes], report: FaultReport) -> None:
    """Put every fault of the actions of suggestions on the report."""
    for name, card in guidance.cards.items():
        for place, suggestion in enumerate(card.suggestions):
            path: KeyPath = ("cards", name, "suggestions", place, "actions")
            for number, action in enumerate(suggestion.actions):
                _check_keys(action, (*path, number), report)
                if action.type == "delete":
                    _check_delete(guidance, suggestion, action, (*path, number), files, report)


def _check_keys(action: Action, path: KeyPath, report: FaultReport) -> None:
    wanted, other = ("resource", "draft") if action.type == "create" else ("draft", "resource")
    if getattr(action, wanted) is None:
        report.at(path, f"`{wanted}` is missing: what does it {action.type}?")
    if getattr(action, other) is not None:
        report.at((*path, other), f"`{other}` does not belong to `type: {action.type}`")


def _check_delete(
    guidance: Guidance,
    suggestion: Suggestion,
    action: Action,
    path: KeyPath,
    files: Mapping[str, bytes],
    report: FaultReport,
) -> None:
    """A draft order is replaced, not just taken away: Inferno's CDS Hooks tests (3.11) ask for a create of its type."""
    if action.draft is None:
        return
    check_orders_of(guidance, action.draft, (*path, "draft"), report)
    feature = guidance.features.get(action.draft)
    if feature is None or feature.source is None:
        return
    deleted = {field.partition(".")[0] for field in feature.source.split("|")}
    created = {_type_of(files.get(RESOURCES + one.resource)) for one in suggestion.actions if one.resource is not None}
    for kind in sorted(deleted - created):
        report.at(path, f"a {kind} is deleted and none is created: a draft order is replaced, not just taken away")


def _type_of(data: bytes | None) -> str:
    """The resource type of a file; "" if it has none, which is another check's fault."""
    try:
        resource = json.loads(data or b"")
    except ValueError:
        return ""
    return str(resource.get("resourceType", "")) if isinstance(resource, dict) else ""
