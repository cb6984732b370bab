"""Open questions on a proposal: who may vote asks, any person replies, and the one who asked, or their role, closes.

A blocking question holds every step up until it is closed; the author replies and does not close.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select, update

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.lifecycle import NEVER_VOTE, Person
from services.registry.decisions.conditions import must_close
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.tables import questions, replies
from services.registry.memory import ledger
from services.registry.tables import instant_text
from services.timeline.errors import BadInput

LONGEST: Final = 4000
MOST_OPEN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What someone answered."""

    person: str
    text: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with its replies, the oldest first."""

    number: int
    person: str
    role: str
    text: str
    blocking: bool
    at: str
    replies: tuple[Reply, ...]
    closed_by: str | None
    closed_how: str | None
    closed_at: str | None

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer that satisfies."""
        return self.closed_at is None


def ask(
    connection: Connection, proposal: Proposal, *, text: str, role: str, blocking: bool, by: Person, now: datetime
) -> Question:
    """Put a question in a role that votes; who made the release does not ask it."""
    _text(text, "question")
    if role not in by.roles or by.is_service or by.roles & NEVER_VOTE.keys():
        raise NotPermitted(
            f"{by.name} does not ask as {role[:40]}", place="role", remedy="Ask in a role that you hold and that votes"
        )
    if proposal.state == "retired":
        raise Refused("this release is retired", place=proposal.id, remedy="Nothing is decided about it any more")
    if len([one for one in of_proposal(connection, proposal.id) if one.is_open]) >= MOST_OPEN:
        raise Refused(f"{MOST_OPEN} questions are open", place=proposal.id, remedy="Close some first")
    made = connection.execute(
        insert(questions).values(
            proposal=proposal.id, person=by.name, role=role, text=text.strip(), blocking=blocking, at=instant_text(now)
        )
    )
    number = int(made.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has one
    _remember(connection, proposal, "asked", by, role, {"question": number, "text": text, "blocking": blocking}, now)
    return _must_get(connection, proposal, number)


def reply(connection: Connection, proposal: Proposal, number: int, *, text: str, by: Person, now: datetime) -> Question:
    """Answer a question; every person may, the author above all."""
    _text(text, "reply")
    found = _must_get(connection, proposal, number)
    if by.is_service:
        raise NotPermitted("a service does not answer questions", place="reply", remedy="Answer with your own token")
    if not found.is_open:
        raise Refused("it is closed", place=f"question {number}", remedy="Ask again if something is left")
    connection.execute(insert(replies).values(question=number, person=by.name, text=text.strip(), at=instant_text(now)))
    role = ",".join(sorted(by.roles))
    _remember(connection, proposal, "replied", by, role, {"question": number, "text": text}, now)
    return _must_get(connection, proposal, number)


def close(connection: Connection, proposal: Proposal, number: int, *, how: str, by: Person, now: datetime) -> Question:
    """Say that a question is answered."""
    _text(how, "how")
    found = _must_get(connection, proposal, number)
    if not found.is_open:
        raise Refused("it is closed already", place=f"question {number}", remedy="Nothing is left to be closed")
    must_close(by, who=found.person, role=found.role, authors=frozenset(proposal.authors), place=f"question {number}")
    connection.execute(
        update(questions)
        .where(questions.c.number == number)
        .values(closed_by=by.name, closed_how=how.strip(), closed_at=instant_text(now))
    )
    _remember(connection, proposal, "question closed", by, found.role, {"question": number, "how": how}, now)
    return _must_get(connection, proposal, number)


def of_proposal(connection: Connection, proposal: str) -> list[Question]:
    """Every question of a proposal, the oldest first."""
    said: dict[int, list[Reply]] = {}
    for row in connection.execute(
        select(replies)
        .join(questions, replies.c.question == questions.c.number)
        .where(questions.c.proposal == proposal)
        .order_by(replies.c.number)
    ):
        said.setdefault(row.question, []).append(Reply(person=row.person, text=row.text, at=row.at))
    rows = connection.execute(select(questions).where(questions.c.proposal == proposal).order_by(questions.c.number))
    return [
        Question(
            number=row.number,
            person=row.person,
            role=row.role,
            text=row.text,
            blocking=row.blocking,
            at=row.at,
            replies=tuple(said.get(row.number, ())),
            closed_by=row.closed_by,
            closed_how=row.closed_how,
            closed_at=row.closed_at,
        )
        for row in rows
    ]


def _must_get(connection: Connection, proposal: Proposal, number: int) -> Question:
    found = next((one for one in of_proposal(connection, proposal.id) if one.number == number), None)
    if found is None:
        raise NotFound("no such question", place=str(number), remedy="See the proposal for those there are")
    return found


def _text(text: str, place: str) -> None:
    if not 1 <= len(text.strip()) <= LONGEST:
        raise BadInput(f"1 to {LONGEST} characters", place=place, remedy="Write a sentence, without patient data")


def _remember(
    connection: Connection,
    proposal: Proposal,
    action: str,
    by: Person,
    role: str,
    detail: dict[str, object],
    now: datetime,
) -> None:
    ledger.append(
        connection,
        actor=by.name,
        role=role,
        action=action,
        subject=proposal.release,
        detail={"proposal": proposal.id, **detail},
        now=now,
    )
