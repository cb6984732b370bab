"""Deploying is a decision of its own, after the vote: where a release speaks, to which share, from when to when.

And what speaks when it is stopped. Operations decide it, nobody who made it, within what the vote allows; the ledger keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, update

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.lifecycle import RUNNING, SPEAKING, STATES, Person, State, person_key
from services.guidance.manifest import EVERYWHERE, Stage, Where
from services.guidance.policies import Policy
from services.guidance.prefetch import prefetch_templates
from services.guidance.ready import Release, open_release
from services.guidance.release import unpack
from services.registry.decisions import proposals
from services.registry.decisions.lapses import lapses_at
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.reviews import blocks
from services.registry.deployed.deployments import ALL, Deployment, every, of_proposal, suspend
from services.registry.deployed.names import place_names
from services.registry.deployed.stops import is_approved
from services.registry.memory import ledger
from services.registry.tables import deployments, instant_text
from services.timeline.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What is decided. Empty `hooks`: all of the guidance's; `share`: of 10,000 patients; None: no bound in time."""

    sites: Sequence[str] = (EVERYWHERE,)
    tenants: Sequence[str] = (EVERYWHERE,)
    hooks: Sequence[str] = ()
    stage: str = ""
    share: int = ALL
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    fallback: str | None = None


def deploy(
    connection: Connection,
    guidance: str,
    release: str,
    placement: Placement,
    *,
    by: Person,
    policy: Policy,
    now: datetime,
) -> Deployment:
    """Decide where a release speaks; what it leaves no place to is suspended as replaced.

    NotPermitted for who is not of operations or made it; Refused where no vote allows it; BadInput for what cannot be meant.
    """
    planned = plan(connection, guidance, release, placement, by=by, policy=policy, now=now)
    entry = ledger.head(connection).number + 1
    facts: dict[str, Any] = {
        "stage": planned.stage,
        "sites": list(planned.sites),
        "tenants": list(planned.tenants),
        "hooks": list(planned.hooks),
        "share": planned.share,
        "starts_at": planned.starts_at,
        "ends_at": planned.ends_at,
        "fallback": planned.fallback,
    }
    ledger.append(
        connection,
        actor=by.name,
        role="operations",
        action="deployed",
        subject=release,
        detail={"proposal": planned.proposal, "guidance": guidance, "deployment": planned.id, **facts},
        now=now,
    )
    connection.execute(
        update(deployments)
        .where(deployments.c.id == planned.id)
        .values(
            **facts,
            decided_by=by.name,
            decided_in=entry,
            changed_at=instant_text(now),
            changed_by=by.name,
            changed_in=entry,
        )
    )
    placed = of_proposal(connection, planned.proposal)
    assert placed is not None  # noqa: S101 (updated above)
    for other in giving_way(connection, placed):
        suspend(
            connection, proposals.must_get(connection, other.proposal), by=by, role="registry",
            reason=f"replaced by {placed.release}", now=now, replaced_by=placed.release,
        )  # fmt: skip
    return placed


def plan(
    connection: Connection,
    guidance: str,
    release: str,
    placement: Placement,
    *,
    by: Person,
    policy: Policy,
    now: datetime,
) -> Deployment:
    """The deployment as it would stand, every rule asked and nothing written; raises what `deploy` would."""
    proposal = proposals.by_release(connection, release)
    if proposal is None or proposal.guidance != guidance:
        raise NotFound("no such release of that guidance", place=release[:80], remedy="See `knowdo registry list`")
    _may(by, proposal)
    known = of_proposal(connection, proposal.id)
    if proposal.state not in RUNNING or known is None:
        raise Refused(
            f"it is in {proposal.state}, and only what a vote has brought to silent, pilot or general is deployed",
            place=release,
            remedy="Vote first: `knowdo registry vote`",
        )
    opened = open_release(unpack(proposals.release_bytes(connection, release), expected_digest=release))
    stage = _stage(placement, proposal.state)
    if stage in SPEAKING:
        _check_looked_at(connection, proposal, known, stage, policy, now)
    hooks = _hooks(placement, {hook.hook for hook in opened.guidance.hooks})
    sites, tenants = place_names(placement.sites, "site"), place_names(placement.tenants, "tenant")
    _check_time(placement, now)
    _check_share(connection, placement, stage, proposal)
    _check_fallback(connection, placement, proposal)
    _check_side_by_side(connection, opened, proposal)
    return replace(
        known,
        stage=stage,
        sites=tuple(sites),
        tenants=tuple(tenants),
        hooks=tuple(hooks),
        share=placement.share,
        starts_at=_text(placement.starts_at),
        ends_at=_text(placement.ends_at),
        fallback=placement.fallback,
    )


def giving_way(connection: Connection, placed: Deployment) -> list[Deployment]:
    """What would speak nowhere any more: each place of it belongs to this one, for every patient."""
    if placed.stage not in SPEAKING or not placed.is_whole:
        return []
    where: Where = placed.where
    return [
        other
        for other in every(connection, guidance=placed.guidance)
        if other.proposal != placed.proposal
        and other.stage in SPEAKING
        and other.share == ALL
        and where.encloses(other.where)
    ]


def may_decide(by: Person, proposal: Proposal) -> bool:
    """Whether this person may say where a release speaks: of operations, and not among those who made it."""
    able = by.is_active and not by.is_service and "operations" in by.roles
    return able and person_key(by.name) not in {person_key(author) for author in proposal.authors}


def _may(by: Person, proposal: Proposal) -> None:
    if not by.is_active or by.is_service or "operations" not in by.roles:
        raise NotPermitted(
            f"{by.name} ({', '.join(sorted(by.roles)) or 'no role'}) may not deploy",
            place="roles",
            remedy="Ask an operations person; an administrator gives roles with `knowdo registry person add`",
        )
    if not may_decide(by, proposal):
        raise NotPermitted(
            "who authored, configured or ran a release does not deploy it", place="roles", remedy="Ask a colleague"
        )


def _stage(placement: Placement, state: State) -> Stage:
    stage = placement.stage or state
    if stage not in RUNNING:
        raise BadInput(f"no such stage: {stage[:40]}", place="stage", remedy=f"Choose from {', '.join(RUNNING)}")
    if STATES.index(stage) > STATES.index(state):
        raise Refused(
            f"the vote allows {state}, which is less than {stage}",
            place="stage",
            remedy=f"Deploy it as {state}, or vote first",
        )
    return cast("Stage", stage)


def _check_looked_at(
    connection: Connection, proposal: Proposal, known: Deployment, stage: Stage, policy: Policy, now: datetime
) -> None:
    """Refused if the approval has lapsed unused, or a review is so long overdue that it blocks; silence is always allowed."""
    lapsed = lapses_at(connection, proposal, known, policy)
    if lapsed is not None and lapsed <= now and STATES.index(stage) > STATES.index(known.stage):
        raise Refused(
            f"its approval for {proposal.state} lapsed on {lapsed:%Y-%m-%d}: nobody used it for {policy.unused_days} days",
            place="stage",
            remedy="Vote again: `knowdo registry vote`",
        )
    if blocks(connection, proposal, policy, now):
        raise Refused(
            f"its review was due by {proposal.review_by}, and the days of grace are over",
            place="review",
            remedy=f"Let its committee decide that it goes on: `knowdo registry vote {proposal.id} --to {proposal.state}`",
        )


def _hooks(placement: Placement, known: set[str]) -> list[str]:
    if strange := sorted(set(placement.hooks) - known):
        raise BadInput(
            f"it does not answer {', '.join(strange)[:200]}",
            place="hook",
            remedy=f"Choose from {', '.join(sorted(known))}",
        )
    return sorted(set(placement.hooks) or known)


def _check_time(placement: Placement, now: datetime) -> None:
    times = [one for one in (placement.starts_at, placement.ends_at) if one is not None]
    if any(one.tzinfo is None for one in times):
        raise BadInput("a time without its zone", place="from/until", remedy="Write 2026-12-01T08:00:00Z")
    if placement.ends_at is not None and placement.ends_at <= max(now, placement.starts_at or now):
        raise BadInput("it would end before it begins", place="until", remedy="Give a later time, or stop it")


def _check_share(connection: Connection, placement: Placement, stage: Stage, proposal: Proposal) -> None:
    if placement.share == ALL:
        return
    if not 0 < placement.share < ALL:
        raise BadInput("a share lies between 0.01 % and 100 %", place="share", remedy="Write 5%")
    if stage != "pilot":
        raise Refused(
            f"a share of patients is for a pilot, not for {stage}", place="share", remedy="Deploy it as pilot"
        )
    others = sum(
        one.share
        for one in every(connection, guidance=proposal.guidance)
        if one.stage in SPEAKING and one.share != ALL and one.proposal != proposal.id
    )
    if others + placement.share > ALL:
        raise Refused(
            f"the shares of this guidance's releases would be {(others + placement.share) / 100:g} % together",
            place="share",
            remedy="Give less, or lower another one's share first",
        )


def _check_fallback(connection: Connection, placement: Placement, proposal: Proposal) -> None:
    if placement.fallback is None:
        return
    other = proposals.by_release(connection, placement.fallback)
    if other is None or other.guidance != proposal.guidance or other.id == proposal.id:
        raise NotFound(
            "no such other release of this guidance", place="fallback", remedy="See `knowdo registry list`, or say none"
        )
    if not is_approved(other, of_proposal(connection, other.id)):
        raise Refused(
            f"that release is in {other.state}: only what is approved to speak can take over",
            place="fallback",
            remedy="Vote it back first, or say none",
        )


def _check_side_by_side(connection: Connection, opened: Release, proposal: Proposal) -> None:
    """One service is asked for all releases of a guidance, so what one key of its prefetch means must be the same in each."""
    mine = _templates(opened)
    for other in every(connection, guidance=proposal.guidance):
        if other.stage not in RUNNING or other.proposal == proposal.id:
            continue
        data = proposals.release_bytes(connection, other.release)
        theirs = _templates(open_release(unpack(data, expected_digest=other.release)))
        if clash := sorted(key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key]):
            raise Refused(
                f"it asks another thing under {', '.join(key for _, key in clash)[:200]} than {other.release[:19]}, which runs beside it",
                place="prefetch",
                remedy="Stop that one first; or let the two releases differ in their models, thresholds and words only",
            )


def _templates(opened: Release) -> Mapping[tuple[str, str], str]:
    return {
        (hook.hook, key): template
        for hook in opened.guidance.hooks
        for key, template in prefetch_templates(opened.guidance, opened.value_sets, hook=hook.hook).items()
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else instant_text(moment)
