"""A proposal as the pure rules of counting see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from services.guidance.counting import Case
from services.guidance.lifecycle import RUNNING
from services.guidance.policies import Policy
from services.registry.decisions import proposals, trials
from services.registry.decisions.kept_votes import with_conflicts
from services.registry.decisions.proposals import A_DAY, BEFORE_SILENCE, Filed, Proposal
from services.registry.tables import instant_of


def case_of(connection: Connection, proposal: Proposal, *, policy: Policy, now: datetime) -> Case:
    """Where it stands, who made it, what points to it, who has a conflict of interest, and whether it has lapsed."""
    trial = trials.filed_last(connection, proposal.id)
    filed = proposals.filed_for(connection, proposal.release)
    return Case(
        release=proposal.release,
        state=proposal.state,
        authors=frozenset(proposal.authors),
        evidence={one.digest: one.kind for one in filed},
        stopped_at=proposal.stopped_at,
        round=proposal.round,
        trial=trial.digest if trial is not None else "",
        conflicts=with_conflicts(connection, proposal.id),
        review_opens=_review_opens(proposal, now),
        lapsed=_lapsed(proposal, filed, policy, now),
    )


def _review_opens(proposal: Proposal, now: datetime) -> str:
    opens = instant_of(proposal.changed_at) + A_DAY
    return f"{opens:%Y-%m-%d %H:%M} UTC" if proposal.state in RUNNING and now < opens else ""


def _lapsed(proposal: Proposal, filed: Sequence[Filed], policy: Policy, now: datetime) -> str:
    """The day on which it lapsed: before silence nothing was heard of it for as long as the policy waits."""
    if proposal.state not in BEFORE_SILENCE:
        return ""
    heard = max([proposal.changed_at, *(one.added_at for one in filed)])
    until = instant_of(heard) + timedelta(days=policy.proposal_days)
    return f"{until:%Y-%m-%d}" if until <= now else ""
