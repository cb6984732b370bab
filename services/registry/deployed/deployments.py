"""Where releases run: stages become signed manifests, renewed when they are read; a stop takes one person and one call.

At most one release of a guidance speaks (pilot or general) and at most one is silent. A new one takes the place of the
old in the same transaction, so there is no moment with none or with two; the old one is suspended and can come back by
the quorum of its stage. A CDS is told of one deployment for each guidance (`current`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, insert, select, update

from services.guidance.definition import Guidance
from services.guidance.errors import NotFound, NotPermitted
from services.guidance.lifecycle import RUNNING, SPEAKING, Person, may_stop
from services.guidance.manifest import (
    EVERYWHERE,
    LONGEST_LEASE,
    LedgerHead,
    Manifest,
    RiskTier,
    Stage,
    Where,
    is_half_spent,
    lease_of,
    new_manifest,
    policy_named,
    to_payload,
)
from services.guidance.policies import Policy
from services.guidance.trial import Trial
from services.plumbing.keys import SigningKey, sign
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.trials import put_in_force, read_trial
from services.registry.memory import ledger
from services.registry.tables import deployments, instant_of, instant_text, trials

_WITH_TRIAL: Final = select(deployments, trials.c.trial).select_from(
    deployments.outerjoin(trials, and_(trials.c.proposal == deployments.c.proposal, trials.c.in_force))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One release, where it runs and in which stage; the last signed manifest beside it."""

    id: str
    proposal: str
    guidance: str
    release: str
    stage: Stage
    sites: tuple[str, ...]
    hooks: tuple[str, ...]
    risk_tier: RiskTier
    policy: str
    overlay: dict[str, Any]
    changed_at: str
    changed_by: str
    changed_in: int
    """The entry of the ledger that tells of it."""
    jws: str | None
    kid: str | None
    ledger_number: int | None
    issued_at: str | None
    expires_at: str | None
    trial: Trial | None
    """The one that the vote for this stage was about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedList:
    """All current manifests as signed, and the head of the ledger that they name."""

    head: LedgerHead
    manifests: tuple[str, ...]


def enter_stage(
    connection: Connection,
    proposal: Proposal,
    stage: Stage,
    *,
    guidance: Guidance,
    policy: Policy,
    by: Person,
    now: datetime,
) -> None:
    """Put a release into a stage, and suspend the one whose place it takes."""
    if stage in RUNNING:
        rivals = SPEAKING if stage in SPEAKING else ("silent",)
        for other in proposals.every(connection, guidance=proposal.guidance):
            if other.id != proposal.id and other.state in rivals:
                _suspend(connection, other, by=by, role="registry", reason=f"replaced by {proposal.release}", now=now)
    if stage in RUNNING:
        put_in_force(connection, proposal.id, speaks=stage in SPEAKING)
    facts = {
        "stage": stage,
        "changed_at": instant_text(now),
        "changed_by": by.name,
        # The entry that tells of the step is written next, in this transaction.
        "changed_in": ledger.head(connection).number + 1,
        "policy": policy.name,
    }
    if _of_proposal(connection, proposal.id) is not None:
        connection.execute(update(deployments).where(deployments.c.proposal == proposal.id).values(**facts))
    elif stage in RUNNING:
        connection.execute(
            insert(deployments).values(
                id=str(uuid.uuid4()),
                proposal=proposal.id,
                guidance=proposal.guidance,
                release=proposal.release,
                sites=[EVERYWHERE],
                hooks=sorted({hook.hook for hook in guidance.hooks}),
                risk_tier=guidance.policy.risk_tier,
                overlay={},
                **facts,
            )
        )


def stop(connection: Connection, guidance: str, *, by: Person, reason: str, now: datetime) -> list[str]:
    """Suspend every running release of a guidance; answers their digests, none if all stood still already."""
    if not may_stop(by):
        raise NotPermitted(
            f"{by.name} ({', '.join(sorted(by.roles)) or 'no role'}) may not stop guidance",
            place="roles",
            remedy="Ask a reviewer, operations, a patient representative or the safety officer: one is enough",
        )
    known = proposals.every(connection, guidance=guidance)
    if not known:
        raise NotFound(
            "no guidance of that name is known here", place=guidance[:80], remedy="See `knowdo registry list`"
        )
    running = [proposal for proposal in known if proposal.state in RUNNING]
    for proposal in running:
        _suspend(connection, proposal, by=by, role=",".join(sorted(by.roles)), reason=reason, now=now)
    return [proposal.release for proposal in running]


def signed_manifests(
    connection: Connection, *, kid: str, now: datetime, longest: timedelta = LONGEST_LEASE
) -> SignedList | None:
    """Every manifest as signed; None if one must be renewed first: half its lease is over, the ledger grew, a new key."""
    last = ledger.head(connection)
    signed = []
    for deployment in current(connection, now=now):
        if deployment.jws is None or _is_stale(deployment, last, kid, now, longest):
            return None
        signed.append(deployment.jws)
    return SignedList(head=last, manifests=tuple(signed))


def renew_manifests(
    connection: Connection, key: SigningKey, *, issuer: str, now: datetime, longest: timedelta = LONGEST_LEASE
) -> SignedList:
    """Every manifest, signed anew where it must be."""
    last = ledger.head(connection)
    signed = []
    for deployment in current(connection, now=now):
        jws = deployment.jws
        if jws is None or _is_stale(deployment, last, key.kid, now, longest):
            manifest = _manifest(deployment, last, issuer, now, longest)
            jws = sign(to_payload(manifest), key)
            _keep(connection, manifest, jws, key.kid)
        signed.append(jws)
    return SignedList(head=last, manifests=tuple(signed))


def current(connection: Connection, *, now: datetime) -> list[Deployment]:
    """For each guidance the deployment that counts: the one that speaks, else the silent one, else what stopped last.

    One retired so long ago that no lease of it can be running is left out.
    """
    rows = connection.execute(_WITH_TRIAL.order_by(deployments.c.guidance, deployments.c.id))
    longest = instant_text(now - LONGEST_LEASE)
    counts: dict[str, Deployment] = {}
    for one in map(_deployment, rows):
        if one.stage == "retired" and one.changed_at < longest:
            continue
        other = counts.get(one.guidance)
        if other is None or _weight(one) > _weight(other):
            counts[one.guidance] = one
    return list(counts.values())


def of_guidance(connection: Connection, guidance: str) -> list[Deployment]:
    """The deployments of one guidance."""
    rows = connection.execute(_WITH_TRIAL.where(deployments.c.guidance == guidance))
    return [_deployment(row) for row in rows]


def _suspend(connection: Connection, proposal: Proposal, *, by: Person, role: str, reason: str, now: datetime) -> None:
    proposals.change_state(connection, proposal, "suspended", now=now)
    entry = ledger.append(
        connection,
        actor=by.name,
        role=role,
        action="suspended",
        subject=proposal.release,
        detail={
            "proposal": proposal.id,
            "guidance": proposal.guidance,
            "from": proposal.state,
            "to": "suspended",
            "reason": reason,
        },
        now=now,
    )
    connection.execute(
        update(deployments)
        .where(deployments.c.proposal == proposal.id)
        .values(stage="suspended", changed_at=instant_text(now), changed_by=by.name, changed_in=entry.number)
    )


def _weight(deployment: Deployment) -> tuple[int, str]:
    stage = deployment.stage
    return 2 if stage in SPEAKING else 1 if stage == "silent" else 0, deployment.changed_at


def _is_stale(deployment: Deployment, last: LedgerHead, kid: str, now: datetime, longest: timedelta) -> bool:
    if deployment.issued_at is None or deployment.expires_at is None or deployment.kid != kid:
        return True
    issued, expires = instant_of(deployment.issued_at), instant_of(deployment.expires_at)
    if expires - issued > lease_of(deployment.risk_tier, longest):
        return True  # signed before leases were shortened
    # Every manifest names the newest head: whoever has seen entry n takes nothing that is signed at an earlier one.
    return deployment.ledger_number != last.number or is_half_spent(issued, expires, now)


def _manifest(deployment: Deployment, last: LedgerHead, issuer: str, now: datetime, longest: timedelta) -> Manifest:
    return new_manifest(
        deployment=deployment.id,
        guidance=deployment.guidance,
        release=deployment.release,
        stage=deployment.stage,
        where=Where(sites=deployment.sites, hooks=deployment.hooks),
        policy=policy_named(deployment.policy, deployment.overlay),
        risk_tier=deployment.risk_tier,
        ledger=last,
        issuer=issuer,
        now=now,
        trial=deployment.trial,
        longest=longest,
    )


def _keep(connection: Connection, manifest: Manifest, jws: str, kid: str) -> None:
    connection.execute(
        update(deployments)
        .where(deployments.c.id == manifest.deployment)
        .values(
            jws=jws,
            kid=kid,
            ledger_number=manifest.ledger.number,
            issued_at=instant_text(manifest.issued_at),
            expires_at=instant_text(manifest.expires_at),
        )
    )


def _of_proposal(connection: Connection, proposal: str) -> Deployment | None:
    row = connection.execute(_WITH_TRIAL.where(deployments.c.proposal == proposal)).first()
    return None if row is None else _deployment(row)


def _deployment(row: Row[tuple[object, ...]]) -> Deployment:
    facts = row._asdict()
    trial = None if facts["trial"] is None else read_trial(facts["trial"])
    return Deployment(
        **{**facts, "sites": _texts(facts["sites"]), "hooks": _texts(facts["hooks"]), "trial": trial},
    )


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(str, values))
