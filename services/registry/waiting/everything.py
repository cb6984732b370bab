"""Everything that is open in the registry, read once for all people who ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from services.guidance.lifecycle import RUNNING, SPEAKING, STATES, State
from services.guidance.policies import Policy
from services.registry.console import week
from services.registry.console.standing import Line, lines
from services.registry.console.week import Week
from services.registry.decisions import conditions, questions, votes
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.tables import conditions as kept_conditions
from services.registry.decisions.tables import questions as kept_questions
from services.registry.decisions.votes import Kept
from services.registry.deployed import deployments, reasons, workers
from services.registry.deployed.deployments import Deployment
from services.registry.deployed.reasons import Due
from services.registry.memory import ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One release that is not retired, with all that is open on it."""

    line: Line
    proposal: Proposal
    asked: Sequence[questions.Question] = ()
    conditions: Sequence[conditions.Condition] = ()
    """Open ones, of every voter: who may not be told of them yet is for the rules to say."""
    votes: Sequence[Kept] = ()
    """Read only where a condition is open."""
    awaits_place: str = ""
    """The stage in which it runs, where a vote has allowed more since and operations have not decided; else empty."""

    @property
    def name(self) -> str:
        """Title and version."""
        return f"{self.line.guidance.title} {self.line.versions[self.proposal.release]}"

    @property
    def step(self) -> State:
        """The next step that a vote may take."""
        return votes.steps_from(self.proposal.state)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What is open, and when it was looked at."""

    lines: Sequence[Line]
    cases: Sequence[Case]
    weeks: Mapping[str, Week]
    last_heard: datetime | None
    """When any CDS last asked what may speak."""
    owing: Sequence[Due]
    now: datetime


def everything_open(connection: Connection, policy: Policy, now: datetime, known: Sequence[Line] | None = None) -> Open:
    """What is open in the registry; `known` spares reading the lines again."""
    found = lines(connection, policy, now) if known is None else known
    asked = set(
        connection.execute(select(kept_questions.c.proposal).where(kept_questions.c.closed_at.is_(None)).distinct())
        .scalars()
        .all()
    )
    set_out = set(
        connection.execute(select(kept_conditions.c.proposal).where(kept_conditions.c.state == "open").distinct())
        .scalars()
        .all()
    )
    placed = {one.proposal: one for one in deployments.every(connection)}

    def case(line: Line, one: Proposal) -> Case:
        return Case(
            line=line,
            proposal=one,
            asked=_questions(connection, one) if one.id in asked else (),
            conditions=_conditions(connection, one) if one.id in set_out else (),
            votes=votes.kept_for(connection, one.id) if one.id in set_out else (),
            awaits_place=_awaits_place(connection, one, placed.get(one.id)),
        )

    return Open(
        lines=found,
        cases=[case(line, one) for line in found for one in line.proposals if one.state != "retired"],
        weeks=week.weeks(connection, now),
        last_heard=workers.last_heard(connection),
        owing=reasons.due(connection, now),
        now=now,
    )


def _questions(connection: Connection, proposal: Proposal) -> list[questions.Question]:
    return [one for one in questions.of_proposal(connection, proposal.id) if one.is_open]


def _conditions(connection: Connection, proposal: Proposal) -> list[conditions.Condition]:
    return [one for one in conditions.of_proposal(connection, proposal.id) if one.state == "open"]


def _awaits_place(connection: Connection, proposal: Proposal, place: Deployment | None) -> str:
    """See `Case`. Who decided on less after the vote has decided; a decision of before it knew nothing of it."""
    if place is None or proposal.state not in SPEAKING or place.stage not in RUNNING:
        return ""
    if STATES.index(place.stage) >= STATES.index(proposal.state):
        return ""
    if place.decided_by is not None:
        (decided,) = ledger.entries(connection, after=place.decided_in - 1, limit=1)
        if decided["at"] >= proposal.changed_at:
            return ""
    return place.stage
