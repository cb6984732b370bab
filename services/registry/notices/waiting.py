"""What waits for one person, as notices: the same rules as on the console's first page, and nothing that tells a vote.

No text that somebody typed goes into a notice: it names the guidance and what is asked, and links to the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from services.guidance.lifecycle import ENTRY, NEVER_VOTE, Person, person_key
from services.guidance.policies import Policy
from services.registry.console.standing import Line, lines, my_role
from services.registry.decisions import blind, conditions, questions
from services.registry.decisions.kept_votes import Kept, kept_for
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.reviews import is_overdue
from services.registry.deployed.tables import stops
from services.registry.notices.choices import Kind
from services.registry.tables import instant_text

TOLD_FOR: Final = timedelta(days=2)
"""How long a stop is news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell one person. `about` is the same for as long as it is the same thing."""

    kind: Kind
    about: str
    said: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One release that is not retired, with all that is open on it."""

    line: Line
    proposal: Proposal
    asked: Sequence[questions.Question]
    kept: Sequence[Kept]
    open_conditions: Sequence[conditions.Condition]

    @property
    def name(self) -> str:
        """Title and version."""
        return f"{self.line.guidance.title} {self.line.versions[self.proposal.release]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop by a person."""

    number: int
    guidance: str
    by: str
    at: str
    owes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Everything that is open, read once for all people."""

    cases: tuple[Case, ...]
    stops: tuple[Stop, ...]
    now: datetime


def everything_open(connection: Connection, policy: Policy, now: datetime) -> Open:
    """What is open in the registry."""
    cases = tuple(
        Case(
            line=line,
            proposal=one,
            asked=[asked for asked in questions.of_proposal(connection, one.id) if asked.is_open],
            kept=kept_for(connection, one.id),
            open_conditions=[kept for kept in conditions.of_proposal(connection, one.id) if kept.state == "open"],
        )
        for line in lines(connection, policy, now)
        for one in line.proposals
        if one.state != "retired"
    )
    rows = connection.execute(
        select(stops).where((stops.c.reason == "") | (stops.c.at >= instant_text(now - TOLD_FOR)))
    )
    known = tuple(
        Stop(number=row.ledger_number, guidance=row.guidance, by=row.by, at=row.at, owes=row.reason == "")
        for row in rows
    )
    return Open(cases=cases, stops=known, now=now)


def waiting_for(person: Person, found: Open) -> Iterator[Notice]:
    """What of it waits for this person, of every kind."""
    me = person_key(person.name)
    for case in found.cases:
        yield from _votes(person, case)
        yield from _answers(person, me, case)
        yield from _review(person, case, found.now)
    for one in found.stops:
        mine = person_key(one.by) == me
        page = f"/console/guidance/{one.guidance}"
        if one.owes and mine:
            said = (
                f"Your stop of {one.guidance} owes its reason, within 24 hours of {one.at[:16].replace('T', ' ')} UTC."
            )
            yield Notice(kind="reason", about=f"reason:{one.number}", said=said, path="/console/deploy")
        if not mine and one.at >= instant_text(found.now - TOLD_FOR):
            said = f"{one.guidance} was stopped by {one.by} at {one.at[:16].replace('T', ' ')} UTC."
            yield Notice(kind="stop", about=f"stop:{one.number}", said=said, path=page)


def _votes(person: Person, case: Case) -> Iterator[Notice]:
    for standing in case.line.steps:
        if standing.proposal.id != case.proposal.id or any(
            one.verdict == "does not meet" for one in standing.checks_of_facts
        ):
            continue
        role, to = my_role(standing, person), standing.decision.to
        if role is not None:
            yield Notice(
                kind="vote",
                about=f"vote:{case.proposal.id}:{to}:{case.proposal.round}:{role}",
                said=f"{case.name} awaits your vote as {role} on the step to {to}.",
                path=f"/console/review/{case.proposal.id}/{to}",
            )


def _answers(person: Person, me: str, case: Case) -> Iterator[Notice]:
    page = f"/releases/{case.proposal.release}/page"
    made_it = me in {person_key(one) for one in case.proposal.authors}
    for asked in case.asked:
        if made_it and person_key(asked.person) != me:
            holds = ", which holds it up" if asked.blocking else ""
            said = f"A question is open on {case.name}{holds}."
            yield Notice(kind="question", about=f"question:{asked.number}", said=said, path=page)
    for kept in blind.conditions_told(person, case.proposal, case.kept, case.open_conditions):
        entitled = kept.closes in person.roles or person_key(kept.person) == me
        if entitled and not made_it and not person.roles & NEVER_VOTE.keys():
            said = f"A condition is open on {case.name} that you may close as {kept.closes}."
            yield Notice(kind="condition", about=f"condition:{kept.number}", said=said, path=page)


def _review(person: Person, case: Case, now: datetime) -> Iterator[Notice]:
    one = case.proposal
    if is_overdue(one, now) and ENTRY[one.state].roles & person.roles:
        # A second notice when it begins to block.
        blocks = one.id == case.line.counts.id and case.line.review_blocks
        more = " Until a review lets it go on it is neither deployed nor promoted." if blocks else ""
        yield Notice(
            kind="review",
            about=f"review:{one.id}:{one.review_by}" + (":blocks" if blocks else ""),
            said=f"{case.name} runs in stage {one.state}, and was to be looked at again by {one.review_by}.{more}",
            path=f"/console/review/{one.id}/{one.state}",
        )
