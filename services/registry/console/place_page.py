"""Deploy: where a release speaks, to which share, from when to when, and what speaks if it is stopped.

Operations decide it after the vote, and nobody who made the release (ADR 0030). What is decided is shown once more, with
the cards to expect and what it takes the place of; only then it counts. A stage that no vote allows is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.definition import Guidance
from services.guidance.errors import NotFound, Refused
from services.guidance.lifecycle import RUNNING, STATES
from services.guidance.manifest import Stage
from services.registry.console import place_form
from services.registry.console.done import leads_to
from services.registry.console.place_form import FIELD_OF, TOP
from services.registry.console.reader import Reader
from services.registry.console.refused import Faults, said_of, status_within
from services.registry.console.shell import page_router, render
from services.registry.console.volume import volume_of
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.deployed import deployments, placing, stops
from services.registry.deployed.deployments import Deployment
from services.registry.deployed.placing import Placement
from services.registry.desk import Desk, DeskDep
from services.registry.people.visitor import Visitor, checked_form
from services.timeline.errors import KnowdoError

router = page_router()
SURE: Final = "sure"
CHANGE: Final = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One release that may be deployed, as it stands now."""

    guidance: Guidance
    proposal: Proposal
    known: Deployment
    stages: tuple[tuple[str, str, str], ...]
    """The stages that its vote allows, the lowest first, as choices."""
    hooks: tuple[str, ...]
    fallbacks: tuple[tuple[str, str], ...]
    may: bool
    """Whether whoever looks may decide."""

    @property
    def name(self) -> str:
        """`Readmission 1.1.0`."""
        return f"{self.guidance.title} {self.guidance.version}"

    @property
    def stage(self) -> Stage:
        """The furthest that its vote allows."""
        return cast("Stage", self.proposal.state)

    @property
    def stamp(self) -> str:
        """Changes with every decision on this release and with every step that it takes."""
        return f"{self.known.changed_in}-{self.proposal.round}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What would stand, the cards to expect, and what it takes the place of."""

    deployment: Deployment
    volume: tuple[str, ...]
    replaces: tuple[str, ...]


@router.get("/console/deploy/{guidance}/place/{release}")
async def place_page(guidance: str, release: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """The form, as the deployment stands."""
    found = await desk.read(lambda connection: _found(connection, guidance, release, visitor))
    return await _form(request, desk, visitor, found, place_form.fields_of(found.known))


@router.post("/console/deploy/{guidance}/place/{release}")
async def place(guidance: str, release: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """What was written once more, with its effect; with `sure`, it is decided."""
    fields = await checked_form(request, visitor)
    found = await desk.read(lambda connection: _found(connection, guidance, release, visitor))
    if fields.get("stamp", [""])[0] != found.stamp:
        faults = [(TOP, "Something about this release changed while you wrote: look again, your words are kept")]
        return await _form(request, desk, visitor, found, fields, faults, status=409)
    if CHANGE in fields:
        return await _form(request, desk, visitor, found, fields)
    placement, faults = place_form.placement_of(fields)
    if placement is None:
        return await _form(request, desk, visitor, found, fields, faults, status=400)
    try:
        if SURE in fields:
            await desk.write(
                lambda connection: placing.deploy(
                    connection, guidance, release, placement, by=visitor.person, policy=desk.policy, now=desk.now()
                )
            )
            return leads_to(request, f"/console/deploy/{guidance}", "deployed")
        planned = await _planned(desk, found, placement, visitor)
    except KnowdoError as fault:
        status = status_within(fault)
        faults = [(FIELD_OF.get(fault.place or "", TOP), said_of(fault))]
        return await _form(request, desk, visitor, found, fields, faults, status=status)
    return await render(
        "place_check.html.j2", request, visitor, found=found, planned=planned, fields=fields,
        said=place_form.said_of(planned.deployment), names=dict(found.fallbacks),
    )  # fmt: skip


async def _planned(desk: Desk, found: Found, placement: Placement, visitor: Visitor) -> Planned:
    now = desk.now()

    def asked(connection: Connection) -> Planned:
        planned = placing.plan(
            connection,
            found.proposal.guidance,
            found.proposal.release,
            placement,
            by=visitor.person,
            policy=desk.policy,
            now=now,
        )
        return Planned(
            deployment=planned,
            volume=tuple(volume_of(connection, planned, found.guidance, now)),
            replaces=tuple(
                f"{proposals.definition_of(connection, one.release).version} ({one.release[7:19]})"
                for one in placing.giving_way(connection, planned)
            ),
        )

    return await desk.read(asked)


async def _form(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    found: Found,
    fields: Mapping[str, Sequence[str]],
    faults: Faults = (),
    *,
    status: int = 200,
) -> Response:
    now = desk.now()
    volume = await desk.read(lambda connection: _as_it_may(connection, found, now))
    return await render(
        "place.html.j2", request, visitor, status=status, found=found, fields=fields, faults=faults,
        wrong=dict(faults), volume=volume, read_only=visitor.via == "demo",
    )  # fmt: skip


def _as_it_may(connection: Connection, found: Found, now: datetime) -> list[str]:
    """The cards of all that the vote allows: every site, every patient, the furthest stage."""
    furthest = deployments.widest(found.known, found.stage)
    return volume_of(connection, furthest, found.guidance, now)


def _found(connection: Connection, guidance: str, release: str, visitor: Visitor) -> Found:
    proposal = proposals.by_release(connection, release)
    known = deployments.of_proposal(connection, proposal.id) if proposal is not None else None
    if proposal is None or proposal.guidance != guidance:
        raise NotFound("no such release of that guidance", place=release[:80], remedy="Choose one on the page")
    if known is None or proposal.state not in RUNNING:
        raise Refused(
            f"it is in {proposal.state}, and only what a vote has brought to silent, pilot or general is deployed",
            place="release",
            remedy="Vote first, in Review",
        )
    definition = proposals.definition_of(connection, release)
    allowed = [one for one in RUNNING if STATES.index(one) <= STATES.index(proposal.state)]
    does = {"silent": "It computes, and nobody sees a card", "pilot": "Cards are shown, to a share if you like"}
    return Found(
        guidance=definition,
        proposal=proposal,
        known=known,
        stages=tuple((one, one, does.get(one, "Cards are shown to everybody")) for one in allowed),
        hooks=tuple(sorted({hook.hook for hook in definition.hooks})),
        fallbacks=tuple(_fallbacks(connection, proposal)),
        may=placing.may_decide(visitor.person, proposal),
    )


def _fallbacks(connection: Connection, proposal: Proposal) -> list[tuple[str, str]]:
    """Releases that are approved to speak, by digest, and nothing."""
    return [
        (place_form.NOBODY, "nothing speaks"),
        *(
            (one.release, f"{proposals.definition_of(connection, one.release).version} ({one.release[7:19]})")
            for one in proposals.every(connection, guidance=proposal.guidance)
            if one.id != proposal.id and stops.is_approved(one, deployments.of_proposal(connection, one.id))
        ),
    ]
