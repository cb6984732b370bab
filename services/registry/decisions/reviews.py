"""The day by which what runs is looked at again. When it passes, the ledger says so, once; guidance is not stopped by it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from services.guidance.lifecycle import RUNNING
from services.registry.decisions.proposals import Proposal, every
from services.registry.memory import ledger
from services.registry.tables import proposals


def is_overdue(proposal: Proposal, now: datetime) -> bool:
    """Whether it runs and the whole of its day has passed."""
    return proposal.state in RUNNING and "" != proposal.review_by < f"{now:%Y-%m-%d}"


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
        where = proposals.c.id == one.id
        told = connection.execute(select(proposals.c.overdue_entered).where(where)).scalar_one()
        if told == one.review_by:
            continue
        connection.execute(update(proposals).where(where).values(overdue_entered=one.review_by))
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
