"""Where releases run: a stage becomes a deployment; a stop takes one person and one call.

Unless an operations person decides otherwise (`placing`), a release that may speak does so everywhere, and takes the place
of the one before in the same transaction, so there is no moment with none or with two. The old one is suspended; it comes
back by the quorum of its stage, or where it was named as what speaks when its successor is stopped.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, and_, insert, select, update

from services.guidance.definition import Guidance
from services.guidance.lifecycle import RUNNING, SPEAKING, Person
from services.guidance.manifest import EVERYWHERE, RiskTier, Share, Stage, Where
from services.guidance.policies import Policy
from services.guidance.trial import Trial
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.trials import put_in_force, read_trial
from services.registry.memory import ledger
from services.registry.tables import deployments, instant_text, trials

ALL: Final = 10_000
"""The share that is everybody."""
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
    tenants: tuple[str, ...]
    share: int
    seed: str
    starts_at: str | None
    ends_at: str | None
    fallback: str | None
    decided_by: str | None
    decided_in: int
    replaced_by: str | None
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

    @property
    def where(self) -> Where:
        """Sites, tenants and hooks."""
        return Where(sites=self.sites, hooks=self.hooks, tenants=self.tenants)

    @property
    def drawn(self) -> Share | None:
        """The share of patients; None: all."""
        return None if self.share == ALL else Share(of_10000=self.share, seed=self.seed)

    @property
    def is_whole(self) -> bool:
        """Whether it is for every patient, from now on and without an end."""
        return self.share == ALL and self.starts_at is None and self.ends_at is None


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
    """Put a release into the stage that a vote gave it; where somebody decided on its place, that decision stands."""
    known = of_proposal(connection, proposal.id)
    if stage in RUNNING:
        put_in_force(connection, proposal.id, speaks=stage in SPEAKING)
    if stage in SPEAKING and known is not None and known.decided_by is not None:
        if known.stage in RUNNING:
            return
    elif stage in SPEAKING and policy.deploys == "by decision":
        stage = "silent"  # it may speak; where, operations decide
    if stage in RUNNING:
        mine = known.where if known is not None else None
        for other in every(connection, guidance=proposal.guidance):
            if other.proposal != proposal.id and _makes_way(other, stage, mine, known):
                rival = proposals.must_get(connection, other.proposal)
                suspend(
                    connection, rival, by=by, role="registry", reason=f"replaced by {proposal.release}", now=now,
                    replaced_by=proposal.release,
                )  # fmt: skip
    # The entry that tells of the step is written next, in this transaction.
    entry = ledger.head(connection).number + 1
    facts = {
        "stage": stage,
        "changed_at": instant_text(now),
        "changed_by": by.name,
        "changed_in": entry,
        "decided_in": entry,
        "replaced_by": None,
        "policy": policy.name,
    }
    if known is not None:
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
                tenants=[EVERYWHERE],
                share=ALL,
                seed=seed_of(connection, proposal.guidance),
                risk_tier=guidance.policy.risk_tier,
                overlay=overlay_of(connection, proposal.guidance),
                **facts,
            )
        )


def suspend(
    connection: Connection,
    proposal: Proposal,
    *,
    by: Person,
    role: str,
    reason: str,
    now: datetime,
    replaced_by: str | None = None,
) -> int:
    """A running release stands still from now on; the entry that tells of it. `replaced_by`: another took its place."""
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
        .values(
            stage="suspended",
            changed_at=instant_text(now),
            changed_by=by.name,
            changed_in=entry.number,
            replaced_by=replaced_by,
        )
    )
    return entry.number


def every(connection: Connection, *, guidance: str | None = None) -> list[Deployment]:
    """All deployments, or those of one guidance, in a fixed order."""
    asked = _WITH_TRIAL.order_by(deployments.c.guidance, deployments.c.id)
    if guidance is not None:
        asked = asked.where(deployments.c.guidance == proposals.known_as(guidance))
    return [_deployment(row) for row in connection.execute(asked)]


def of_guidance(connection: Connection, guidance: str) -> list[Deployment]:
    """The deployments of one guidance."""
    return every(connection, guidance=guidance)


def of_proposal(connection: Connection, proposal: str) -> Deployment | None:
    """The deployment of one release; None before its silent stage."""
    row = connection.execute(_WITH_TRIAL.where(deployments.c.proposal == proposal)).first()
    return None if row is None else _deployment(row)


def widest(known: Deployment, stage: Stage) -> Deployment:
    """The same deployment for every site, tenant and patient, from now on and without an end."""
    return replace(
        known, stage=stage, sites=(EVERYWHERE,), tenants=(EVERYWHERE,), share=ALL, starts_at=None, ends_at=None
    )


def seed_of(connection: Connection, guidance: str) -> str:
    """The key that draws shares: that of the guidance's other releases, or a new one."""
    row = connection.execute(select(deployments.c.seed).where(deployments.c.guidance == guidance).limit(1)).first()
    return secrets.token_hex(32) if row is None else str(row.seed)


def overlay_of(connection: Connection, guidance: str) -> dict[str, Any]:
    """What the sites' overlays say today; a new release of the guidance begins with it."""
    row = connection.execute(
        select(deployments.c.overlay)
        .where(deployments.c.guidance == guidance)
        .order_by(deployments.c.changed_in.desc())
        .limit(1)
    ).first()
    return {} if row is None else cast("dict[str, Any]", row.overlay)


def _makes_way(other: Deployment, stage: Stage, mine: Where | None, known: Deployment | None) -> bool:
    """Whether another deployment has nothing left to do beside the one that enters its stage."""
    if other.stage not in (SPEAKING if stage in SPEAKING else ("silent",)):
        return False
    if mine is None or known is None or known.decided_by is None:
        return True
    return known.is_whole and other.share == ALL and mine.encloses(other.where)


def _deployment(row: Row[tuple[object, ...]]) -> Deployment:
    facts = row._asdict()
    lists = {name: _texts(facts[name]) for name in ("sites", "hooks", "tenants")}
    trial = None if facts["trial"] is None else read_trial(facts["trial"])
    return Deployment(**{**facts, **lists, "trial": trial})


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(str, values))
