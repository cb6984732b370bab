"""What one person must know before they vote, and their answer as a ballot. How others voted is shown once they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, cast

from sqlalchemy import Connection

from services.guidance.counting import why_not
from services.guidance.definition import Guidance
from services.guidance.errors import NotFound
from services.guidance.lifecycle import APPROVALS, NEVER_VOTE, STATES, Check, Choice, Person, State, Vote, person_key
from services.guidance.policies import Policy
from services.registry.console import compare
from services.registry.console.compare import Change, Side
from services.registry.console.compare_page import side_of
from services.registry.decisions import blind, conditions, proposals, questions, trials, votes
from services.registry.decisions.ballots import Ballot, vote_of
from services.registry.decisions.cases import case_of
from services.registry.decisions.conditions import Condition, NewCondition
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.questions import Question
from services.registry.decisions.votes import Standing

CHOICES: Final[tuple[tuple[Choice, str, str], ...]] = (
    ("approve", "Agree", ""),
    (
        "approve-with-conditions",
        "Agree with conditions",
        "Write them below, one on each line; they hold the step until they are met.",
    ),
    ("reject", "Do not agree", "It holds the step until you withdraw it."),
    ("not-enough-evidence", "Not enough evidence", "Say in the reason what is missing."),
    ("withdraw", "Withdraw my earlier vote", ""),
)
SAID: Final[Mapping[str, str]] = {value: label for value, label, _ in CHOICES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One step of one release, as one person sees it."""

    proposal: Proposal
    guidance: Guidance
    standing: Standing
    checks: tuple[Check, ...]
    """Of the gate; whoever may still vote is not told by them that others have set conditions."""
    reads: tuple[str, ...]
    """Digests that a vote cast on this page has read: evidence packs, and the trial."""
    roles: tuple[str, ...]
    """The roles in which this person's vote would count; empty if in none."""
    barred: str
    """Why it would count in none."""
    mine: Vote | None
    seats: tuple[tuple[str, str], ...]
    """(role, who has voted in it, or that nobody has); how, only after this person's own vote."""
    doubts: tuple[Check, ...]
    """Checks that cannot tell and that this person may accept."""
    questions: tuple[Question, ...]
    conditions: tuple[Condition, ...]
    """Open ones; whoever may still vote on the step is not told those of others' votes on it."""
    other: Side | None
    """The release that runs now, if there is another."""
    changes: tuple[Change, ...]

    @property
    def to(self) -> State:
        """The step."""
        return self.standing.decision.to

    def count(self, verdict: str) -> int:
        """Checks with this verdict."""
        return sum(check.verdict == verdict for check in self.checks)

    @property
    def stamp(self) -> str:
        """Changes with everything that a vote binds: the release, the round, and what was read."""
        told = "\n".join((self.proposal.release, self.to, str(self.proposal.round), *sorted(self.reads)))
        return sha256(told.encode()).hexdigest()

    def may_close(self, person: Person, one: Condition | Question) -> bool:
        """Whether this person may say that a condition is met, or a question answered; the rules of `must_close`."""
        role = one.closes if isinstance(one, Condition) else one.role
        made_it = person_key(person.name) in {person_key(name) for name in self.proposal.authors}
        entitled = person_key(person.name) == person_key(one.person) or role in person.roles
        return entitled and not made_it and not person.roles & NEVER_VOTE.keys()

    @property
    def unheard(self) -> tuple[str, ...]:
        """Roles that must agree and in which nobody has voted; whoever said no is not told of by their absence."""
        voted = _voted(self.standing)
        return tuple(role for role in self.standing.decision.needed_roles if role not in voted)


def state_named(text: str) -> State:
    """A state by its name in an address; NotFound if there is none."""
    if text not in STATES:
        raise NotFound("there is no such step", place=text[:20], remedy="Choose one from the overview")
    return text


def review_of(
    connection: Connection, proposal_id: str, to: State, *, person: Person, policy: Policy, now: datetime
) -> Review:
    """Everything on the page; NotFound if there is no such proposal."""
    proposal = proposals.must_get(connection, proposal_id)
    standing = votes.stand(connection, proposal, to, policy=policy, now=now)
    trial = trials.filed_last(connection, proposal.id)
    filed = [one.digest for one in proposals.filed_for(connection, proposal.release)]
    reads = (*filed, *([trial.digest] if trial is not None else []))
    every = votes.kept_for(connection, proposal.id)
    here = [kept.vote for kept in every if kept.vote.round == proposal.round and kept.vote.transition == to]
    mine = next((vote for vote in reversed(here) if person_key(vote.person) == person_key(person.name)), None)
    roles, barred = _roles(connection, proposal, standing, person, policy, now)
    if mine is not None and mine.vote != "withdraw":
        roles = tuple(role for role in roles if role == mine.role)
    running = _running(connection, proposal)
    other = side_of(connection, running) if running is not None else None
    changes = tuple(compare.changes(side_of(connection, proposal), other)) if other is not None else ()
    return Review(
        proposal=proposal,
        guidance=proposals.definition_of(connection, proposal.release),
        standing=standing,
        checks=tuple(
            check
            for check in standing.checks
            if check.name != "conditions" or not blind.is_blind(person, proposal, every, to)
        ),
        reads=reads,
        roles=roles,
        barred=barred,
        mine=mine,
        seats=tuple(_seats(standing, told=mine is not None)),
        doubts=tuple(
            check for check in standing.checks if check.verdict == "cannot tell" and check.accepted_by & set(roles)
        ),
        questions=tuple(questions.of_proposal(connection, proposal.id)),
        conditions=tuple(
            one
            for one in blind.conditions_told(person, proposal, every, conditions.of_proposal(connection, proposal.id))
            if one.state == "open"
        ),
        other=other,
        changes=changes,
    )


def ballot_of(review: Review, fields: Mapping[str, Sequence[str]]) -> tuple[Ballot | None, list[tuple[str, str]]]:
    """The ballot that a form holds, or what is wrong with the form as (field, sentence)."""
    faults: list[tuple[str, str]] = []
    role = _one(fields, "role") or (review.roles[0] if len(review.roles) == 1 else "")
    choice, reason = _one(fields, "vote"), _one(fields, "reason").strip()
    if role not in review.roles:
        faults.append(("role", "Choose the role in which you vote"))
    if choice not in SAID:
        faults.append(("vote", "Choose whether you agree"))
    if not reason and choice != "withdraw":
        faults.append(("reason", "Give the reason for your vote"))
    asked = [line.strip() for line in _one(fields, "conditions").splitlines() if line.strip()]
    if choice == "approve-with-conditions" and not asked:
        faults.append(("conditions", "Write the conditions, one on each line"))
    accepted = [check for check in review.doubts if choice in APPROVALS and check.name in fields.get("accepts", ())]
    asking = {check.name for check in accepted if check.asks_plan}
    plans = {check.name: _one(fields, f"plan-{check.name}").strip() for check in accepted}
    faults += [
        (f"plan-{name}", "Say how it will be found out") for name, plan in plans.items() if not plan and name in asking
    ]
    if faults:
        return None, faults
    return (
        Ballot(
            transition=review.to,
            role=role,
            vote=cast("Choice", choice),
            release=review.proposal.release,
            evidence=frozenset(review.reads),
            reason=reason,
            accepts=frozenset(check.name for check in accepted),
            plans={name: plan for name, plan in plans.items() if plan},
            conditions=tuple(NewCondition(text=one) for one in asked) if choice == "approve-with-conditions" else (),
            conflict=_one(fields, "conflict"),
        ),
        [],
    )


def effect_of(review: Review, ballot: Ballot) -> str:
    """What a vote would do now, in a sentence."""
    if ballot.conflict.strip():
        return "Your vote and the conflict of interest are kept; it counts for nobody."
    if ballot.vote not in APPROVALS:
        return "Your vote does not take the step; what you say is kept in the memory."
    if left := [role for role in review.unheard if role != ballot.role]:
        return f"Still to vote after you: {', '.join(left)}."
    return (
        "Every role has then voted. If all of them agree, and no rule and no condition is in the way, "
        f"the release moves to {review.to} at once."
    )


def _roles(
    connection: Connection, proposal: Proposal, standing: Standing, person: Person, policy: Policy, now: datetime
) -> tuple[tuple[str, ...], str]:
    """The roles in which this person may speak on the step, else why in none; a no needs nothing to have been read."""
    to = standing.decision.to
    if standing.decision.refusal:
        return (), standing.decision.refusal
    case = case_of(connection, proposal, policy=policy, now=now)
    able, why = [], "you hold no role that votes"
    for role in sorted(person.roles):
        ballot = Ballot(
            transition=to, role=role, vote="reject", release=proposal.release, evidence=frozenset(), reason="-"
        )
        refusal = why_not(case, to, vote_of(ballot, by=person, round_=case.round, policy=policy, now=now), person)
        if refusal is None:
            able.append(role)
        else:
            why = refusal
    return tuple(able), "" if able else why


def _voted(standing: Standing) -> dict[str, Vote]:
    decision = standing.decision
    said = (*decision.counted, *decision.rejected_by, *decision.unconvinced, *decision.dissent)
    return {vote.role: vote for vote in said}


def _seats(standing: Standing, *, told: bool) -> list[tuple[str, str]]:
    needed, voted = standing.decision.needed_roles, _voted(standing)
    found = []
    for role in (*needed, *(role for role in voted if role not in needed)):
        vote = voted.get(role)
        if vote is None:
            found.append((role, "has not voted"))
        else:
            found.append((role, f"{vote.person}: {SAID[vote.vote].lower()}" if told else f"{vote.person} has voted"))
    return found


def _running(connection: Connection, proposal: Proposal) -> Proposal | None:
    """The release of the same guidance that speaks, else the one that is silent, but for this one."""
    order = {"general": 0, "pilot": 1, "silent": 2}
    others = [
        one
        for one in proposals.every(connection, guidance=proposal.guidance)
        if one.id != proposal.id and one.state in order
    ]
    return min(others, key=lambda one: order[one.state], default=None)


def _one(fields: Mapping[str, Sequence[str]], name: str) -> str:
    found: Any = fields.get(name) or ("",)
    return str(found[0])
