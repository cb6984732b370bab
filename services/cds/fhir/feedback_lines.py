"""Feedback as FHIR Parameters, with the six fields that HTI-1 asks for (45 CFR 170.315(b)(11)(ii)(C)) and what they are joined to.

`intervention`, `actionTaken`, `userFeedback` (where any was given), `user`, `date`, `location`; then card, release, arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.cds.decisions.decision import Decision
from services.cds.decisions.override_reason import code_of
from services.timeline.instants import instant_text

Resource = dict[str, Any]


def feedback_parameters(said: Mapping[str, Any], decision: Decision | None, *, site: str) -> Resource:
    """One feedback; without its decision (an unknown card, or one that was deleted) it names the service only."""
    place = (decision.tenant if decision is not None else "") or site or "default"
    made: list[Resource] = [
        {"name": "intervention", "valueString": decision.guidance if decision is not None else said["service"]},
        {"name": "actionTaken", "valueCode": said["outcome"]},
    ]
    made += [{"name": "acceptedSuggestion", "valueString": one} for one in said["accepted_suggestions"]]
    if told := _told(said):
        made.append({"name": "userFeedback", "part": told})
    if decision is not None and decision.user:
        made.append({"name": "user", "valueReference": {"reference": decision.user}})
    made += [
        {"name": "date", "valueInstant": instant_text(said["at"])},
        {"name": "location", "valueString": place},
        {"name": "card", "valueString": said["card_uuid"]},
        {"name": "received", "valueInstant": instant_text(said["received_at"])},
    ]
    if decision is not None:
        made += [
            {"name": "decision", "valueReference": {"reference": f"GuidanceResponse/{decision.decision}"}},
            {"name": "release", "valueString": decision.release},
            {"name": "arm", "valueString": decision.arm},
        ]
    return {"resourceType": "Parameters", "parameter": [one for one in made if _said(one)]}


def _told(said: Mapping[str, Any]) -> list[Resource]:
    """The reason that was chosen, in whichever shape the client sent it, and the words that were typed."""
    given = said["override_reason"] or {}
    reason = given.get("reason", given)
    part: list[Resource] = []
    coding = {"code": code} if (code := code_of(given)) else {}
    if isinstance(reason, Mapping):
        coding |= {key: reason[key] for key in ("system", "display") if isinstance(reason.get(key), str)}
    if coding := {key: text for key, text in coding.items() if text}:
        part.append({"name": "reason", "valueCoding": coding})
    if said["comment"]:
        part.append({"name": "comment", "valueString": said["comment"]})
    return part


def _said(parameter: Resource) -> bool:
    """FHIR has no empty strings."""
    return parameter.get("valueString") != ""
