"""`$approve` and `$release`: CRMI's words for a vote and for the step that the votes decide.

`$approve` is one person's vote in one role, counted by the same rules as any other. `$release` is refused, with all that
is missing, until the quorum agrees and the gates are open; it takes the step if that is all that was left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, get_args

from sqlalchemy import Connection

from services.guidance.errors import Lacking, Refused
from services.guidance.lifecycle import SPEAKING, STATES, Check, Choice, Person, State
from services.guidance.policies import Policy
from services.registry.decisions import blind, proposals, votes
from services.registry.decisions.conditions import NewCondition
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.votes import Ballot, Standing
from services.registry.fhir import shelf
from services.registry.fhir.held import Place, hold
from services.registry.fhir.names import digests_in
from services.registry.fhir.parameters import one_text
from services.timeline.errors import BadInput

_TEXT: Final = ("valueMarkdown", "valueString")
APPROVE: Final[Mapping[str, tuple[str, ...]]] = {
    "approvalDate": ("valueDate", "valueDateTime"),
    "artifactAssessmentType": ("valueCode",),
    "artifactAssessmentSummary": _TEXT,
    "artifactAssessmentTarget": ("valueCanonical", "valueUri"),
    "artifactAssessmentRelatedArtifact": ("valueRelatedArtifact",),
    "artifactAssessmentAuthor": ("valueReference",),
    "role": ("valueCode", "valueString"),
    "transition": ("valueCode", "valueString"),
    "vote": ("valueCode", "valueString"),
    "accepts": ("valueCode", "valueString"),
    "plan": _TEXT,
    "condition": _TEXT,
    "conflict": _TEXT,
}
"""Parameters of `$approve`: CRMI's, then the registry's own: role, transition (else the next step), vote, accepted checks, for
each how it will be found out (`check: plan`), conditions, and a conflict of interest."""
RELEASE: Final[Mapping[str, tuple[str, ...]]] = {"version": ("valueString",), "versionBehavior": ("valueCode",)}
"""Parameters of `$release`; a release has its version from its bytes, so it can be confirmed and not given."""
_CHOICES: Final[tuple[Choice, ...]] = get_args(Choice)


def approve(
    connection: Connection,
    number: str,
    given: Mapping[str, list[Any]],
    *,
    by: Person,
    place: Place,
    policy: Policy,
    now: datetime,
) -> Standing:
    """Cast one vote on the release of a PlanDefinition; the step is taken if it completes the quorum."""
    proposal = shelf.plan_behind(connection, number)
    must_be_of(connection, proposal, one_text(given, "artifactAssessmentTarget"), place)
    must_be_today(one_text(given, "approvalDate"), now, place="approvalDate")
    must_be_you(given, by)
    if one_text(given, "artifactAssessmentType", "comment") != "comment":
        raise BadInput(
            "a vote is kept as a comment", place="artifactAssessmentType", remedy="Leave it out, or `comment`"
        )
    to, choice = one_text(given, "transition", _next_step(proposal)), one_text(given, "vote", "approve")
    if to not in STATES:
        raise BadInput(f"no such state: {to[:40]}", place="transition", remedy=f"Choose from {', '.join(STATES)}")
    if choice not in _CHOICES:
        raise BadInput(f"no such vote: {choice[:40]}", place="vote", remedy=f"Choose from {', '.join(_CHOICES)}")
    ballot = Ballot(
        transition=to,
        role=one_text(given, "role", next(iter(by.roles)) if len(by.roles) == 1 else ""),
        vote=choice,
        release=proposal.release,
        evidence=frozenset(_read(given)),
        reason=one_text(given, "artifactAssessmentSummary"),
        accepts=frozenset(map(str, given.get("accepts", []))),
        plans=dict(map(_plan, given.get("plan", []))),
        conditions=tuple(NewCondition(text=str(text)) for text in given.get("condition", [])),
        conflict=one_text(given, "conflict"),
    )
    return votes.cast(connection, proposal.id, ballot, by=by, policy=policy, now=now)


def release(
    connection: Connection,
    number: str,
    given: Mapping[str, list[Any]],
    *,
    by: Person,
    place: Place,
    policy: Policy,
    now: datetime,
) -> tuple[Proposal, Lacking | None]:
    """The proposal, and everything that is missing until it may speak; None once it may.

    A step whose quorum is complete and whose gate has opened since is taken, whatever is missing for the next one: so what
    is lacking is handed back to be raised once that is durable.
    """
    proposal = proposals.must_get(connection, shelf.plan_behind(connection, number).id, for_change=True)
    version = hold(connection, proposal, place).version
    if one_text(given, "version", version) != version:
        raise Refused(
            f"this release is version {version}", place="version", remedy="A version comes from the bytes; leave it out"
        )
    if one_text(given, "versionBehavior", "default") != "default":
        raise BadInput(
            "a version comes from the bytes and cannot be forced", place="versionBehavior", remedy="Leave it out"
        )
    if proposal.state in SPEAKING:
        return proposal, None
    if proposal.state == "retired":
        raise Refused("a retired release never returns", place=number, remedy="Propose a new one")
    standing = votes.stand(connection, proposal, _next_step(proposal), policy=policy, now=now)
    if standing.decision.passes:
        proposal = votes.move(connection, standing, by=by, policy=policy, now=now)
        if proposal.state in SPEAKING:
            return proposal, None
        standing = votes.stand(connection, proposal, _next_step(proposal), policy=policy, now=now)
    return proposal, Lacking(
        f"it is in state {proposal.state}, and may not speak yet; the next step is to {standing.decision.to}",
        place=f"PlanDefinition/{number}/$release",
        remedy="Each reviewer votes with $approve, in the console, or with `knowdo registry vote`",
        faults=list(_missing(connection, standing, by)),
    )


def _missing(connection: Connection, standing: Standing, reader: Person) -> Iterator[str]:
    """Everything between a release and its next step, one sentence each; how others voted only as far as one is told."""
    decision, kept = standing.decision, votes.kept_for(connection, standing.proposal.id)
    if decision.refusal:
        yield decision.refusal
    if blind.is_blind(reader, standing.proposal, kept, decision.to):
        told = blind.step_told(reader, standing.proposal, kept, standing)
        yield from (f"{role}: no approval yet" for role in told["missing_roles"])
        if told["voted"]:
            yield f"{', '.join(told['voted'])}: voted; how is told once you have voted"
        failed = [check for check in standing.checks_of_facts if check.name in told["failed_checks"]]
        yield from map(_in_the_way, failed)
        return
    for role in decision.missing_roles:
        yield f"{role}: no approval yet" + (
            f" (one of {', '.join(decision.one_of)})" if role in decision.one_of else ""
        )
    for vote in decision.rejected_by:
        yield f"{vote.role}: {vote.person} rejects it"
    for vote in decision.unconvinced:
        yield f"{vote.role}: for {vote.person} the evidence is not enough"
    for check in decision.failed_checks:
        yield _in_the_way(check)


def _in_the_way(check: Check) -> str:
    return f"{check.name}: {check.asked}; found: {check.found} ({check.verdict})"


def _plan(text: str) -> tuple[str, str]:
    """The check that is accepted, and how what it cannot tell will be found out."""
    name, colon, said = text.partition(":")
    if not colon or not said.strip():
        raise BadInput("no plan for a check", place="plan", remedy="Write it as `check-name: how it will be found out`")
    return name.strip(), said.strip()


def _next_step(proposal: Proposal) -> State:
    """Where a vote leads when it does not say: up the ladder, or back to where it was stopped."""
    if proposal.state == "suspended":
        return proposal.stopped_at or "silent"
    return next((to for to in votes.steps_from(proposal.state) if to != "retired"), "retired")


def _read(given: Mapping[str, list[Any]]) -> Iterator[str]:
    """The digests that the related artifacts name as read."""
    for one in given.get("artifactAssessmentRelatedArtifact", []):
        named = (str(one.get(name, "")) for name in ("resource", "url", "display", "label", "citation"))
        found = [digest for text in named for digest in digests_in(text)]
        if not found:
            raise BadInput(
                "it names no digest",
                place="artifactAssessmentRelatedArtifact",
                remedy="Name the evidence read by its digest, e.g. `display: urn:knowdo:evidence:sha256:…`",
            )
        yield from found


def must_be_of(connection: Connection, proposal: Proposal, target: str, place: Place) -> None:
    """Refused if the target that is named is another release."""
    held = hold(connection, proposal, place)
    if target and target not in (held.canonical("PlanDefinition"), f"PlanDefinition/{held.key}"):
        raise Refused(
            f"this release is {held.canonical('PlanDefinition')}",
            place="artifactAssessmentTarget",
            remedy="Vote on what you have read: take address and version from the PlanDefinition",
        )


def must_be_today(said: str, now: datetime, *, place: str) -> None:
    """BadInput if another day is named than the registry's clock shows."""
    if said and said[:10] != now.date().isoformat():
        raise BadInput("it is dated by the registry's clock", place=place, remedy=f"Leave it out, or {now.date()}")


def must_be_you(given: Mapping[str, list[Any]], by: Person) -> None:
    """Refused if somebody else is named as author."""
    for author in given.get("artifactAssessmentAuthor", []):
        if author.get("display", by.name) != by.name:
            raise Refused(
                "nobody speaks for another", place="artifactAssessmentAuthor", remedy="The token says who you are"
            )
