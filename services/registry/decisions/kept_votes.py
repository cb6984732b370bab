"""Votes as rows: each with its reason, its time, what it accepts and how, and its entry in the ledger. Nothing is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from services.guidance.lifecycle import Vote
from services.registry.decisions.conditions import NewCondition
from services.registry.memory import ledger
from services.registry.tables import instant_of, instant_text, votes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One vote as kept, with its reason, its time and its entry in the ledger."""

    vote: Vote
    reason: str
    at: str
    ledger_number: int


def keep(
    connection: Connection,
    proposal: str,
    vote: Vote,
    *,
    reason: str,
    conditions: tuple[NewCondition, ...] = (),
    now: datetime,
) -> None:
    """Keep a vote and remember it; its conditions are remembered with it and kept by `conditions`."""
    said: dict[str, Any] = {
        "proposal": proposal,
        "transition": vote.transition,
        "vote": vote.vote,
        "evidence": sorted(vote.evidence),
        "accepts": sorted(vote.accepts),
        "reason": reason,
    }
    more = {
        "plans": dict(vote.plans),
        "conflict": vote.conflict,
        "conditions": [{"text": one.text, "closes": one.closes, "blocking": one.blocking} for one in conditions],
    }
    head = ledger.append(
        connection,
        actor=vote.person,
        role=vote.role,
        action="voted",
        subject=vote.release,
        detail=ledger.salted(said | {name: value for name, value in more.items() if value}),
        now=now,
    )
    connection.execute(
        insert(votes).values(
            proposal=proposal,
            person=vote.person,
            role=vote.role,
            vote=vote.vote,
            transition=vote.transition,
            release=vote.release,
            evidence=sorted(vote.evidence),
            accepts=sorted(vote.accepts),
            plans=dict(vote.plans),
            conflict=vote.conflict,
            expires_at=None if vote.expires is None else instant_text(vote.expires),
            reason=reason,
            round=vote.round,
            at=instant_text(now),
            ledger_number=head.number,
        )
    )


def kept_for(connection: Connection, proposal_id: str) -> list[Kept]:
    """Every vote on a proposal, in the order in which they were cast."""
    rows = connection.execute(select(votes).where(votes.c.proposal == proposal_id).order_by(votes.c.number))
    return [
        Kept(
            vote=Vote(
                person=row.person,
                role=row.role,
                vote=row.vote,
                transition=row.transition,
                release=row.release,
                round=row.round,
                evidence=frozenset(row.evidence),
                accepts=frozenset(row.accepts),
                plans=dict(row.plans),
                conflict=row.conflict,
                expires=None if row.expires_at is None else instant_of(row.expires_at),
            ),
            reason=row.reason,
            at=row.at,
            ledger_number=row.ledger_number,
        )
        for row in rows
    ]


def with_conflicts(connection: Connection, proposal_id: str) -> frozenset[str]:
    """Who has declared a conflict of interest on a proposal, at whatever step."""
    asked = select(votes.c.person).where(votes.c.proposal == proposal_id, votes.c.conflict != "").distinct()
    return frozenset(connection.execute(asked).scalars())
