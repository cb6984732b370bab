"""Blind voting: whoever may still be swayed on a step is told who has voted on it, and not how.

Hidden is everything from which a direction could be read: words, conditions, accepted doubts, and a role that is
missing although somebody has voted in it. Every way out of the registry asks `is_blind`, or `withheld_from` for entries
of the ledger: the pages, the API, the ledger and its export, the search, and FHIR.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from services.guidance.errors import NotFound
from services.guidance.lifecycle import NEVER_VOTE, Person, State, person_key
from services.registry import schemas
from services.registry.decisions.conditions import CLOSED, Condition
from services.registry.decisions.kept_votes import Kept
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.tables import conditions as conditions_table
from services.registry.decisions.votes import Standing
from services.registry.tables import ledger as entries_table
from services.registry.tables import proposals as proposals_table
from services.registry.tables import votes as votes_table

WITHHELD: Final = "withheld"
WHY: Final = (
    "A vote on an open step: withheld until the step is decided or you have voted on it. Its hash stands in the chain."
)


def is_blind(reader: Person | None, proposal: Proposal, kept: Iterable[Kept], to: State) -> bool:
    """Whether a reader must not be told how others voted on a step that is open. None: anyone, as on a public page.

    Told are those who have voted on it, who made the release, and persons in a role that never votes: an auditor must
    be able to prove the whole chain, and none of them can be swayed. A service is not told: its token is read by
    programs of many people, and none of them counts votes. A withdrawal alone is no vote, so nobody sees by withdrawing.
    """
    here = (one.vote for one in kept if one.vote.round == proposal.round and one.vote.transition == to)
    return _is_blind(reader, proposal.authors, ((vote.person, vote.vote) for vote in here))


def withheld_from(connection: Connection, reader: Person | None) -> frozenset[int]:
    """The entries of the ledger that tell how others voted on a step that is open, and on which this reader is blind.

    They are the votes, and the closing of conditions that such a vote set. A step that was decided is told to everyone.
    """
    open_steps: dict[tuple[str, str], list[Any]] = {}
    for row in connection.execute(
        select(
            votes_table.c.proposal,
            votes_table.c.transition,
            votes_table.c.person,
            votes_table.c.vote,
            votes_table.c.ledger_number,
            proposals_table.c.authors,
            proposals_table.c.release,
        )
        .join(proposals_table, proposals_table.c.id == votes_table.c.proposal)
        .where(votes_table.c.round == proposals_table.c.round)
        .order_by(votes_table.c.number)
    ):
        open_steps.setdefault((row.proposal, row.transition), []).append(row)
    found: set[int] = set()
    for (proposal, to), rows in open_steps.items():
        if _is_blind(reader, rows[0].authors, ((row.person, row.vote) for row in rows)):
            found |= {row.ledger_number for row in rows}
            found |= _closings(connection, proposal, to, release=rows[0].release, after=rows[0].ledger_number)
    return frozenset(found)


def entry_told(entry: Mapping[str, Any], withheld: frozenset[int]) -> dict[str, Any]:
    """An entry of the ledger with its hash; of one that is withheld what the chain needs, and why the rest is not there."""
    if entry["number"] not in withheld:
        return dict(entry)
    kept = {name: entry[name] for name in ("number", "at", "subject", "prev", "hash")}
    return {**kept, "action": WITHHELD, "actor": "", "role": "", "withheld": WHY}


def _is_blind(reader: Person | None, authors: Iterable[str], said: Iterable[tuple[str, str]]) -> bool:
    """The rule itself. `said`: who has voted on the step in this round, and what."""
    if reader is None or reader.is_service or not reader.roles:
        return True
    me = person_key(reader.name)
    if reader.roles & NEVER_VOTE.keys() or me in {person_key(author) for author in authors}:
        return False
    return not any(person_key(who) == me for who, what in said if what != "withdraw")


def _closings(connection: Connection, proposal: str, to: str, *, release: str, after: int) -> set[int]:
    """Entries that tell of a condition that was set on this step and closed."""
    wanted = select(conditions_table.c.number).where(
        conditions_table.c.proposal == proposal,
        conditions_table.c.transition == to,
        conditions_table.c.round
        == select(proposals_table.c.round).where(proposals_table.c.id == proposal).scalar_subquery(),
        conditions_table.c.closed_at.is_not(None),
    )
    closed = set(connection.execute(wanted).scalars())
    if not closed:
        return set()
    about = select(entries_table.c.number, entries_table.c.entry).where(
        entries_table.c.subject == release, entries_table.c.number > after
    )
    told = ((row.number, msgspec.json.decode(row.entry)) for row in connection.execute(about))
    return {number for number, entry in told if entry["action"] == CLOSED and entry["detail"]["condition"] in closed}


def vote_told(viewer: Person | None, proposal: Proposal, every: Sequence[Kept], kept: Kept) -> dict[str, Any]:
    """One vote; of an open step on which the viewer may still vote, only who and when."""
    vote = kept.vote
    if vote.round < proposal.round or not is_blind(viewer, proposal, every, vote.transition):
        return schemas.kept_shown(kept)
    return {
        "person": vote.person,
        "role": vote.role,
        "vote": None,
        "transition": vote.transition,
        "release": vote.release,
        "round": vote.round,
        "at": kept.at,
    }


def step_told(viewer: Person | None, proposal: Proposal, kept: Sequence[Kept], standing: Standing) -> dict[str, Any]:
    """How far a step is; to whom may still vote on it, only in which roles somebody has voted, and what the gate found."""
    shown = schemas.standing_shown(standing)
    to = standing.decision.to
    if not is_blind(viewer, proposal, kept, to):
        return shown
    voted = {one.vote.role for one in kept if one.vote.round == proposal.round and one.vote.transition == to}
    checks = standing.checks_of_facts
    hidden: dict[str, Any] = {"agreed": {}, "rejected_by": [], "unconvinced": [], "dissent": [], "not_counted": []}
    return {
        **shown,
        **hidden,
        "passes": False,
        "voted": sorted(voted),
        "missing_roles": list(standing.decision.unheard(voted)),
        "checks": [schemas.check_shown(check) for check in checks],
        # Each that does not meet, also where somebody has accepted it: that is their word.
        "failed_checks": [check.name for check in checks if check.verdict != "meets"],
    }


def conditions_told(
    viewer: Person | None, proposal: Proposal, kept: Sequence[Kept], every: Sequence[Condition]
) -> list[Condition]:
    """Conditions, but for those that others set on a step on which the viewer may still vote."""
    return [
        one
        for one in every
        if one.round < proposal.round or not is_blind(viewer, proposal, kept, _step(one.transition))
    ]


def must_be_told(
    viewer: Person, proposal: Proposal, kept: Sequence[Kept], every: Sequence[Condition], number: int
) -> None:
    """NotFound for a condition of which this person is not told, as for one that is not there; whose role closes it may."""
    told = {one.number for one in conditions_told(viewer, proposal, kept, every)}
    if not any(one.number == number and (number in told or one.closes in viewer.roles) for one in every):
        raise NotFound("no such condition", place=str(number), remedy="See the proposal for those there are")


def _step(text: str) -> State:
    return text  # type: ignore[return-value]  # kept as it was voted on
