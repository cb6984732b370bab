"""The day by which what runs is looked at again, and what follows when it passes.

The ledger says so, once. Beyond the policy's days of grace a release of a tier that the policy names is neither deployed
anew nor promoted until its committee has voted that it goes on. Nothing is silenced by a date, unless the policy says so.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from services.guidance.lifecycle import RUNNING, Person
from services.guidance.manifest import RiskTier
from services.guidance.policies import Policy
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal, every
from services.registry.deployed import deployments
from services.registry.memory import ledger
from services.registry.tables import proposals as proposals_table

REGISTRY: Final = Person(name="registry", roles=frozenset(), is_service=True)


def is_overdue(proposal: Proposal, now: datetime) -> bool:
    """Whether it runs and the whole of its day has passed."""
    return proposal.state in RUNNING and "" != proposal.review_by < f"{now:%Y-%m-%d}"


def is_past_grace(proposal: Proposal, tier: RiskTier, policy: Policy, now: datetime) -> bool:
    """Whether the days of grace have passed, too."""
    if not is_overdue(proposal, now):
        return False
    last = date.fromisoformat(proposal.review_by) + timedelta(days=policy.grace_days[tier])
    return f"{last:%Y-%m-%d}" < f"{now:%Y-%m-%d}"


def blocks(connection: Connection, proposal: Proposal, policy: Policy, now: datetime) -> bool:
    """Whether it may be neither deployed nor promoted, because its review is overdue beyond grace in such a tier."""
    if not is_overdue(proposal, now):
        return False
    tier = _tier(connection, proposal)
    return tier in policy.overdue_blocks and is_past_grace(proposal, tier, policy, now)


def any_to_enter(connection: Connection, now: datetime) -> bool:
    """Whether a review is overdue of which the ledger does not tell yet: a reading, so that most looks write nothing."""
    return any(is_overdue(one, now) and one.overdue_entered != one.review_by for one in every(connection))


def enter_overdue(connection: Connection, *, now: datetime) -> int:
    """Tell the ledger of each overdue review of which it does not tell yet; answers how many."""
    ledger.wait_in_line(connection)
    entered = 0
    for one in every(connection):
        if not is_overdue(one, now) or one.overdue_entered == one.review_by:
            continue
        where = proposals_table.c.id == one.id
        told = connection.execute(select(proposals_table.c.overdue_entered).where(where)).scalar_one()
        if told == one.review_by:
            continue
        connection.execute(update(proposals_table).where(where).values(overdue_entered=one.review_by))
        ledger.append(
            connection,
            actor="registry",
            role="registry",
            action="review overdue",
            subject=one.release,
            detail={"proposal": one.id, "guidance": one.guidance, "review_by": one.review_by},
            now=now,
        )
        entered += 1
    return entered


def to_silence(connection: Connection, policy: Policy, now: datetime) -> list[Proposal]:
    """What the policy stops because its review is overdue beyond grace; nothing unless it names tiers."""
    if not policy.overdue_silences:
        return []
    found = []
    for one in every(connection):
        if is_overdue(one, now) and (tier := _tier(connection, one)) in policy.overdue_silences:
            found += [one] if is_past_grace(one, tier, policy, now) else []
    return found


def silence(connection: Connection, policy: Policy, now: datetime) -> int:
    """Suspend these, each with its entry; answers how many."""
    due = to_silence(connection, policy, now)
    for one in due:
        reason = f"its review was due by {one.review_by}, and policy {policy.name} stops what nobody looks at"
        known = proposals.must_get(connection, one.id, for_change=True)
        deployments.suspend(connection, known, by=REGISTRY, role="registry", reason=reason, now=now)
    return len(due)


def _tier(connection: Connection, proposal: Proposal) -> RiskTier:
    return proposals.definition_of(connection, proposal.release).policy.risk_tier
