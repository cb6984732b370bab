"""A release as PlanDefinition: an event-condition-action rule, its status, dates, logic, evidence, and what came before.

Conditions are Knowdo's own three-valued language, verbatim, as modifier extensions: R4 has no code for it, and an engine
that does not know it must not take the rule for one without conditions.
Source: FHIR R4 PlanDefinition; CRMI 2.0 for status and versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.definition import Band, Hook, Suggestion
from services.guidance.lifecycle import RUNNING
from services.registry.fhir.held import Held
from services.registry.fhir.names import (
    CONDITION,
    DEPLOYMENT_STATE,
    HTML,
    RELEASE,
    REVIEWED,
    Resource,
    coded,
    extension,
    name_of,
    without_nothing,
)
from services.registry.fhir.views.activities import suffix_of
from services.registry.fhir.views.documents import attachment, page_of

_TYPE: Final = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
_ACTION: Final = "http://terminology.hl7.org/CodeSystem/action-type"


def plan_definition(held: Held) -> Resource:
    """The whole rule, with everything that it points to pinned to this release."""
    guidance, state = held.contents.guidance, held.proposal.state
    about = guidance.about
    return without_nothing(
        {
            "resourceType": "PlanDefinition",
            "id": held.key,
            "meta": held.meta(),
            "extension": [extension(DEPLOYMENT_STATE, valueCode=state)],
            "url": held.url("PlanDefinition"),
            "identifier": [{"system": RELEASE, "value": held.proposal.release}],
            "version": held.version,
            "name": name_of(guidance.id),
            "title": guidance.title,
            "type": coded(_TYPE, "eca-rule", "ECA Rule"),
            "status": held.status,
            "experimental": held.place.demo,
            "date": held.changed_at,
            "publisher": held.place.issuer,
            "description": guidance.description,
            "purpose": about.question,
            "usage": about.intended_use,
            "approvalDate": _approved_on(held),
            "lastReviewDate": _reviewed_on(held),
            "effectivePeriod": _effective(held),
            "author": [{"name": about.developer}],
            "relatedArtifact": list(_related(held)),
            "library": [held.canonical("Library", "-model")],
            "action": [_on(held, hook) for hook in guidance.hooks],
        }
    )


def _moves(held: Held) -> list[tuple[str, str]]:
    """(state, when) of every step that it took."""
    return [(entry["detail"]["to"], entry["at"]) for entry in held.entries if entry["action"] == "moved"]


def _approved_on(held: Held) -> str | None:
    """The day of the last step that a quorum agreed to, towards running."""
    days = [at[:10] for to, at in _moves(held) if to in RUNNING]
    return days[-1] if days else None


def _reviewed_on(held: Held) -> str | None:
    """The day of the last vote or review."""
    days = [entry["at"][:10] for entry in held.entries if entry["action"] == REVIEWED]
    days += [vote.at[:10] for vote in held.votes[-1:]]
    return max(days, default=None)


def _effective(held: Held) -> Resource:
    """From the first day on which it ran to the day on which it was retired."""
    began = [at for to, at in _moves(held) if to in RUNNING]
    ended = [at for to, at in _moves(held) if to == "retired"]
    return without_nothing({"start": began[0] if began else None, "end": ended[-1] if began and ended else None})


def _related(held: Held) -> Iterator[Resource]:
    guidance = held.contents.guidance
    for citation in guidance.about.citations:
        yield {"type": "citation", "citation": citation}
    yield {
        "type": "documentation",
        "display": "What it is, what was found about it, who agreed",
        "document": {"contentType": HTML, "url": page_of(held)},
    }
    yield {"type": "depends-on", "resource": held.canonical("Library", "-features")}
    yield {"type": "depends-on", "resource": held.canonical("Library", "-change-plan")}
    for found in held.evidence:
        yield {
            "type": "justification",
            "display": f"{found.filed.kind} evidence {found.filed.digest}",
            "document": attachment(held, found.packed, key=found.filed.digest),
        }
    if held.predecessor is not None:
        _, version = held.predecessor
        yield {"type": "predecessor", "resource": f"{held.url('PlanDefinition')}|{version}"}
    if (made := held.derived_from) is not None:
        yield {"type": "derived-from", "resource": f"{made['url']}|{made['version']}"}
    if held.origin is not None:
        yield {"type": "derived-from", "resource": f"{held.origin.url}|{held.origin.version}"}


def _on(held: Held, hook: Hook) -> Resource:
    """One hook: whom it is for, and what happens in which band."""
    population = held.contents.guidance.population
    conditions = [
        *([hook.when] if hook.when else []),
        *population.include,
        *(f"not ({one})" for one in population.exclude),
    ]
    return without_nothing(
        {
            "title": f"On {hook.hook}",
            "trigger": [{"type": "named-event", "name": hook.hook}],
            "condition": [_condition(one) for one in conditions],
            "action": [one for band in held.contents.guidance.policy.bands if (one := _band(held, band)) is not None],
        }
    )


def _condition(text: str) -> Resource:
    # R4 knows CQL and FHIRPath only. As a modifier it cannot be passed over: whoever does not know it must not go on.
    return {"modifierExtension": [extension(CONDITION, valueString=text)], "kind": "applicability"}


def _band(held: Held, band: Band) -> Resource | None:
    """A range of risk in which a card is shown; in the others nothing is done, and FHIR needs not be told."""
    card = held.contents.guidance.cards.get(band.card or "")
    if card is None:
        return None
    return without_nothing(
        {
            "title": band.name,
            "textEquivalent": card.summary,
            "condition": [_condition(band.when)],
            "documentation": [_link(link.label, link.url) for link in card.links],
            "selectionBehavior": card.selection if card.suggestions else None,
            "action": [_suggestion(held, one) for one in card.suggestions],
        }
    )


def _link(label: str, url: str) -> Resource:
    return {"type": "documentation", "display": label, "url": url}


def _suggestion(held: Held, suggestion: Suggestion) -> Resource:
    steps: list[Resource] = []
    for one in suggestion.actions:
        step: Resource = {"description": one.description}
        if one.type == "create" and one.resource is not None:
            step["type"] = coded(_ACTION, "create", "Create")
            step["definitionCanonical"] = held.canonical("ActivityDefinition", suffix_of(one.resource))
        else:
            step["type"] = coded(_ACTION, "remove", "Remove")
        steps.append(step)
    return without_nothing(
        {
            "title": suggestion.label,
            "condition": [_condition(suggestion.when)] if suggestion.when else None,
            "groupingBehavior": "logical-group" if len(steps) > 1 else None,
            "selectionBehavior": "all" if suggestion.together and len(steps) > 1 else None,
            "precheckBehavior": "yes" if suggestion.recommended else None,
            "action": steps,
        }
    )
