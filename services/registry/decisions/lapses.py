"""An approval that nobody uses lapses: the facts that it was given on grow old, and it must be voted again.

It is used when the release was deployed in the stage that it allows. Where votes deploy at once, each is used at once.
What runs is not touched: the release stays where it is deployed, and only what it was allowed beyond that goes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from services.guidance.lifecycle import RUNNING, SPEAKING, STATES, State
from services.guidance.policies import Policy
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.deployed import deployments
from services.registry.deployed.deployments import Deployment
from services.registry.memory import ledger
from services.registry.tables import instant_of
from services.registry.tables import ledger as entries

LAPSED: Final = "approval lapsed"


def lapses_at(connection: Connection, proposal: Proposal, known: Deployment | None, policy: Policy) -> datetime | None:
    """When its approval lapses unless it is used before; None if it was used, or there is nothing to use."""
    if proposal.state not in SPEAKING or known is None or known.stage not in RUNNING:
        return None
    if STATES.index(known.stage) >= STATES.index(proposal.state) or _was_used(connection, proposal):
        return None
    return instant_of(proposal.changed_at) + timedelta(days=policy.unused_days)


def any_due(connection: Connection, policy: Policy, now: datetime) -> bool:
    """Whether an approval has lapsed of which the ledger does not tell yet."""
    return any(_is_due(connection, one, policy, now) for one in proposals.every(connection))


def enter(connection: Connection, policy: Policy, now: datetime) -> int:
    """Take back each approval that has lapsed; answers how many."""
    ledger.wait_in_line(connection)
    return sum(take_back(connection, one, policy, now).round != one.round for one in proposals.every(connection))


def take_back(connection: Connection, proposal: Proposal, policy: Policy, now: datetime) -> Proposal:
    """The proposal as it stands now: if its approval has lapsed, in the stage where it runs, its votes spent."""
    if not _is_due(connection, proposal, policy, now):
        return proposal
    proposal = proposals.must_get(connection, proposal.id, for_change=True)
    known = deployments.of_proposal(connection, proposal.id)
    if known is None or not _is_due(connection, proposal, policy, now):
        return proposal
    to: State = known.stage
    ledger.append(
        connection,
        actor="registry",
        role="registry",
        action=LAPSED,
        subject=proposal.release,
        detail={
            "proposal": proposal.id,
            "guidance": proposal.guidance,
            "from": proposal.state,
            "to": to,
            "approved_at": proposal.changed_at,
            "days": policy.unused_days,
            "policy": policy.name,
        },
        now=now,
    )
    return proposals.change_state(connection, proposal, to, now=now)


def _is_due(connection: Connection, proposal: Proposal, policy: Policy, now: datetime) -> bool:
    if proposal.state not in SPEAKING:
        return False
    at = lapses_at(connection, proposal, deployments.of_proposal(connection, proposal.id), policy)
    return at is not None and at <= now


def _was_used(connection: Connection, proposal: Proposal) -> bool:
    """Whether it was deployed in this stage since the vote."""
    texts = connection.execute(select(entries.c.entry).where(entries.c.subject == proposal.release)).scalars()
    told = (msgspec.json.decode(text) for text in texts)
    return any(
        one["action"] == "deployed" and one["at"] >= proposal.changed_at and one["detail"]["stage"] == proposal.state
        for one in told
    )
