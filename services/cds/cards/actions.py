"""What one press of a button does: resources created, bound to the call; draft orders of it deleted by their ids.

If a suggestion would delete draft orders and the call holds none such, it is not offered: to create without deleting
would order both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.guidance.conditions import ConditionExpr
from services.guidance.definition import Action, Suggestion
from services.guidance.errors import BadRelease
from services.guidance.ready import Release
from services.guidance.words.binding import Binding, BoundTemplate

References = Mapping[str, Sequence[str]]
"""Feature of this very order → `Type/id` of the draft orders that it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """One resource that is created; it is bound to each call."""

    description: str
    template: BoundTemplate

    def bind(self, binding: Binding, drafts: References) -> list[dict[str, Any]]:
        """The action of one call."""
        return [{"type": "create", "description": self.description, "resource": self.template.bind(binding)}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """The draft orders that a feature counts are deleted, each by its id."""

    description: str
    draft: str

    def bind(self, binding: Binding, drafts: References) -> list[dict[str, Any]]:
        """The actions of one call; none if it holds no such order."""
        return [
            {"type": "delete", "description": self.description, "resourceId": reference}
            for reference in drafts.get(self.draft, ())
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionForm:
    """One button, and when it is offered (None = always)."""

    label: str
    when: ConditionExpr | None
    actions: tuple[Creation | Deletion, ...]
    together: bool
    recommended: bool

    def bind(self, binding: Binding, uuid: str, drafts: References) -> dict[str, Any] | None:
        """The suggestion of one call; None if one of its actions has nothing to do."""
        actions: list[dict[str, Any]] = []
        for action in self.actions:
            bound = action.bind(binding, drafts)
            if not bound:
                return None
            actions += bound
        made: dict[str, Any] = {"label": self.label, "uuid": uuid, "actions": actions}
        if self.recommended:
            made["isRecommended"] = True
        return made


def suggestion_form(release: Release, suggestion: Suggestion) -> SuggestionForm:
    """A suggestion as far as it is the same for every call."""
    return SuggestionForm(
        label=suggestion.label,
        # Unknown is not enough to propose something: only a condition that surely holds offers it.
        when=None if suggestion.when is None else release.conditions[suggestion.when],
        actions=tuple(action_form(release, action) for action in suggestion.actions),
        together=suggestion.together,
        recommended=suggestion.recommended,
    )


def action_form(release: Release, action: Action) -> Creation | Deletion:
    """An action as far as it is the same for every call."""
    if action.draft is not None:
        return Deletion(description=action.description, draft=action.draft)
    if action.resource is None:
        raise BadRelease("an action neither creates nor deletes anything", place="guidance.yaml")
    return Creation(description=action.description, template=BoundTemplate(release.resources[action.resource]))
