"""What authors do with an artifact in CRMI: submit and revise a draft, withdraw it, and retire what was released.

A release is its bytes and nothing is deleted: a revision is another release beside the draft, and both withdrawing and
retiring are one vote for the step to `retired`, counted by the same rules as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from services.guidance.errors import Refused
from services.guidance.lifecycle import Person
from services.guidance.policies import Policy
from services.registry.decisions.authorship import derived
from services.registry.decisions.proposals import BEFORE_SILENCE, Proposal
from services.registry.decisions.votes import Standing
from services.registry.fhir import approving, shelf
from services.registry.fhir.arriving.importing import import_release
from services.registry.fhir.arriving.recognise import Arrived, recognised
from services.registry.fhir.held import Place, hold
from services.registry.fhir.names import Resource
from services.timeline.errors import BadInput

REVISE: Final[Mapping[str, tuple[str, ...]]] = {"resource": ("resource",)}
"""Parameters of `$revise`."""
RETIRE: Final[Mapping[str, tuple[str, ...]]] = {
    name: kinds for name, kinds in approving.APPROVE.items() if name != "transition"
}
"""Parameters of `$withdraw` and `$retire`: those of a vote, whose step is given."""
_CARRY: Final = "Put Libraries, ValueSets and ActivityDefinitions into `contained`, or send a package to $import"


def arrived_of(resource: Resource) -> tuple[Arrived, bytes]:
    """The release that a draft PlanDefinition carries in its `contained` resources, and the bytes that came."""
    if resource.get("resourceType") != "PlanDefinition":
        raise BadInput("not a PlanDefinition", place="body", remedy="Submit the rule itself")
    if resource.get("status") != "draft":
        raise BadInput(
            "what is submitted is a draft", place="PlanDefinition.status", remedy="What it becomes, votes decide"
        )
    parts = resource.get("contained", [])
    if not isinstance(parts, list) or not all(isinstance(one, dict) and "resourceType" in one for one in parts):
        raise BadInput("not a list of resources", place="PlanDefinition.contained", remedy=_CARRY)
    plan = {name: value for name, value in resource.items() if name != "contained"}
    return recognised([plan, *parts], None), msgspec.json.encode(resource)


def submit(connection: Connection, arrived: Arrived, data: bytes, *, by: Person, now: datetime) -> Proposal:
    """A new proposal, in state registered."""
    return import_release(connection, arrived, data, author=by.name, note="submitted as FHIR", by=by, now=now)


def revise(
    connection: Connection, number: str, arrived: Arrived, data: bytes, *, by: Person, place: Place, now: datetime
) -> Proposal:
    """A new proposal beside a draft of the same guidance; the authors of the draft are authors of it."""
    earlier = shelf.plan_behind(connection, number)
    at = f"PlanDefinition/{number}/$revise"
    if earlier.state not in BEFORE_SILENCE:
        raise Refused(f"it is in state {earlier.state}; only a draft is revised", place=at, remedy="Use $draft")
    if arrived.bundle.guidance != earlier.guidance:
        raise Refused("this is another guidance", place=at, remedy="Submit it on its own, or use $clone")
    if arrived.bundle.digest == earlier.release:
        raise Refused("nothing was changed", place=at, remedy="Change the text, the codes or the model")
    held = hold(connection, earlier, place)
    made = submit(connection, arrived, data, by=by, now=now)
    return derived(
        connection,
        made,
        earlier,
        how="revision",
        url=held.url("PlanDefinition"),
        version=held.version,
        by=by,
        now=now,
    )


def withdraw(
    connection: Connection,
    number: str,
    given: Mapping[str, list[Any]],
    *,
    by: Person,
    place: Place,
    policy: Policy,
    now: datetime,
) -> Standing:
    """One vote to retire a draft."""
    return _retired(connection, number, given, draft=True, by=by, place=place, policy=policy, now=now)


def retire(
    connection: Connection,
    number: str,
    given: Mapping[str, list[Any]],
    *,
    by: Person,
    place: Place,
    policy: Policy,
    now: datetime,
) -> Standing:
    """One vote to retire what was released."""
    return _retired(connection, number, given, draft=False, by=by, place=place, policy=policy, now=now)


def _retired(
    connection: Connection,
    number: str,
    given: Mapping[str, list[Any]],
    *,
    draft: bool,
    by: Person,
    place: Place,
    policy: Policy,
    now: datetime,
) -> Standing:
    state = shelf.plan_behind(connection, number).state
    if state == "retired" or (state in BEFORE_SILENCE) is not draft:
        raise Refused(
            f"it is in state {state}",
            place=f"PlanDefinition/{number}",
            remedy="A draft is withdrawn ($withdraw), what was released is retired ($retire), each once",
        )
    step = {**given, "transition": ["retired"]}
    return approving.approve(connection, number, step, by=by, place=place, policy=policy, now=now)
