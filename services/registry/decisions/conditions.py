"""Conditions of an approval: what must be so before the step, or before the next one, and who may say that it is.

A condition lapses when whoever set it votes anew or withdraws; else it stays open until someone who may closes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection, insert, select, update

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.lifecycle import NEVER_VOTE, ROLES, Person, Vote, person_key
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.tables import conditions
from services.registry.memory import ledger
from services.registry.tables import instant_text
from services.timeline.errors import BadInput

MOST: Final = 20
LONGEST: Final = 1000
LONGEST_HOW: Final = 4000
CLOSED: Final = "condition closed"
"""What the ledger calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCondition:
    """What a voter asks for. `closes`: the role that may say that it is met; the voter always may."""

    text: str
    closes: str = ""
    blocking: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition as kept."""

    number: int
    proposal: str
    person: str
    role: str
    transition: str
    round: int
    text: str
    blocking: bool
    closes: str
    state: Literal["open", "closed", "lapsed"]
    at: str
    closed_by: str | None
    closed_how: str | None
    closed_at: str | None


def checked(asked: tuple[NewCondition, ...], *, vote: Vote) -> tuple[NewCondition, ...]:
    """The conditions of a vote, each with the role that closes it; BadInput if there are none, or where none belong."""
    if (vote.vote == "approve-with-conditions") != bool(asked):
        raise BadInput(
            "conditions and `approve-with-conditions` go together", place="conditions", remedy="Give both or neither"
        )
    if len(asked) > MOST:
        raise BadInput(f"more than {MOST}", place="conditions", remedy="Reject it, and say why")
    found = []
    for one in asked:
        text = one.text.strip()
        closes = one.closes or vote.role
        if not 1 <= len(text) <= LONGEST:
            raise BadInput(f"1 to {LONGEST} characters", place="conditions", remedy="Say in a sentence what must be so")
        if closes not in ROLES or closes in NEVER_VOTE:
            raise BadInput(
                f"no role that may close a condition: {closes[:40]}",
                place="conditions",
                remedy=f"Choose from {', '.join(role for role in ROLES if role not in NEVER_VOTE)}",
            )
        found.append(NewCondition(text=text, closes=closes, blocking=one.blocking))
    return tuple(found)


def keep(connection: Connection, proposal: str, vote: Vote, asked: tuple[NewCondition, ...], *, now: datetime) -> None:
    """Keep the conditions of a vote; those of the same person's earlier vote on the same step lapse."""
    earlier = connection.execute(
        select(conditions.c.number, conditions.c.person).where(
            conditions.c.proposal == proposal,
            conditions.c.transition == vote.transition,
            conditions.c.round == vote.round,
            conditions.c.state == "open",
        )
    )
    mine = [row.number for row in earlier if person_key(row.person) == person_key(vote.person)]
    connection.execute(update(conditions).where(conditions.c.number.in_(mine)).values(state="lapsed"))
    for one in asked:
        connection.execute(
            insert(conditions).values(
                proposal=proposal,
                person=vote.person,
                role=vote.role,
                transition=vote.transition,
                round=vote.round,
                text=one.text,
                blocking=one.blocking,
                closes=one.closes,
                state="open",
                at=instant_text(now),
            )
        )


def of_proposal(connection: Connection, proposal: str) -> list[Condition]:
    """Every condition of a proposal, the oldest first."""
    rows = connection.execute(select(conditions).where(conditions.c.proposal == proposal).order_by(conditions.c.number))
    return [Condition(**row._asdict()) for row in rows]


def in_the_way(kept: list[Condition], *, to: str, round_: int) -> list[Condition]:
    """What must be closed before this step: what blocks it, and what any earlier step left to be done."""
    return [
        one for one in kept if one.state == "open" and (one.round < round_ or (one.blocking and one.transition == to))
    ]


def close(connection: Connection, proposal: Proposal, number: int, *, how: str, by: Person, now: datetime) -> Condition:
    """Say that a condition is met; only who set it, or who holds the role that closes it, and no author."""
    found = _must_get(connection, proposal.id, number)
    place = f"condition {number}"
    if found.state != "open":
        raise Refused(f"it is {found.state}", place=place, remedy="Nothing is left to be closed")
    must_close(by, who=found.person, role=found.closes, authors=frozenset(proposal.authors), place=place)
    if not 1 <= len(how.strip()) <= LONGEST_HOW:
        raise BadInput("how it was met is needed", place="how", remedy="Write one sentence, without patient data")
    connection.execute(
        update(conditions)
        .where(conditions.c.number == number)
        .values(state="closed", closed_by=by.name, closed_how=how.strip(), closed_at=instant_text(now))
    )
    ledger.append(
        connection,
        actor=by.name,
        role=found.closes if found.closes in by.roles else found.role,
        action=CLOSED,
        subject=proposal.release,
        detail=ledger.salted({"proposal": proposal.id, "condition": number, "text": found.text, "how": how.strip()}),
        now=now,
    )
    return _must_get(connection, proposal.id, number)


def must_close(by: Person, *, who: str, role: str, authors: frozenset[str], place: str) -> None:
    """NotPermitted unless this person raised it or holds the role, and neither made the release nor is barred from voting."""
    made_it = person_key(by.name) in {person_key(name) for name in authors}
    entitled = person_key(by.name) == person_key(who) or role in by.roles
    if by.is_service or made_it or by.roles & NEVER_VOTE.keys() or not entitled:
        raise NotPermitted(
            f"{by.name} may not close it", place=place, remedy=f"{who}, or another {role} who did not make it, may"
        )


def _must_get(connection: Connection, proposal: str, number: int) -> Condition:
    found = next((one for one in of_proposal(connection, proposal) if one.number == number), None)
    if found is None:
        raise NotFound("no such condition", place=str(number), remedy="See the proposal for those there are")
    return found
