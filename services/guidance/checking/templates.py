"""Checks of the derived prefetch: on each hook its templates name only what that hook's context offers as a token."""

from __future__ import annotations

from services.guidance.checking.fault_report import FaultReport
from services.guidance.definition import Guidance
from services.guidance.hooks import CURRENT_HOOKS, HOOKS
from services.guidance.prefetch import ENCOUNTER, derive_queries
from services.guidance.templates import ineligible_tokens
from services.timeline.codes import ValueSets


def check_templates(guidance: Guidance, value_sets: ValueSets, report: FaultReport) -> None:
    """Put every hook on the report that cannot name what the guidance must ask for."""
    everywhere = derive_queries(guidance, value_sets)
    for place, entry in enumerate(guidance.hooks):
        if entry.hook not in CURRENT_HOOKS:
            continue  # said elsewhere
        hook = HOOKS[entry.hook]
        for query in derive_queries(guidance, value_sets, hook=hook.name).values():
            for token in ineligible_tokens(query.template, hook):
                report.at(("hooks", place, "hook"), f"`{hook.name}` does not offer `{token}` to `{query.template}`")
        if not hook.has_encounter and everywhere[ENCOUNTER].required:
            report.at(
                ("hooks", place, "hook"),
                f"`{hook.name}` names no encounter, and a required feature is of the stay: every call would be refused",
            )
