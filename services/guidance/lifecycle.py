"""How guidance earns the right to speak: seven states, one table of transitions, and one pure function that decides.

    registered → development → silent → pilot → general        each step: distinct people in every role named
    silent | pilot | general → suspended                       any one person in a role that may stop
    suspended → silent | pilot | general                       the quorum of the state it returns to, never higher
    any → retired                                              and retired never returns

The same rules hold at the first vote, at the last, and on every page that explains why something did not move.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args

from services.guidance.evidence import Kind

State = Literal["registered", "development", "silent", "pilot", "general", "suspended", "retired"]
Role = Literal[
    "model-developer", "data-steward", "clinical-reviewer", "data-science-reviewer", "equity-reviewer",
    "privacy-security", "statistician", "operations", "patient-representative", "safety-officer", "auditor",
    "administrator",
]  # fmt: skip
Verdict = Literal["meets", "does not meet", "cannot tell"]
Choice = Literal["approve", "reject", "withdraw"]

STATES: Final[tuple[State, ...]] = get_args(State)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
RUNNING: Final[tuple[State, ...]] = ("silent", "pilot", "general")
SPEAKING: Final[tuple[State, ...]] = ("pilot", "general")
NEVER_VOTE: Final[Mapping[Role, str]] = MappingProxyType(
    {
        "model-developer": "who builds does not approve",
        "administrator": "who makes accounts does not vote",
        "auditor": "who reads everything changes nothing",
        "safety-officer": "who may stop on their own does not vote",
    }
)
"""Roles whose holders vote in no role at all, and why."""
MAY_STOP: Final[frozenset[Role]] = frozenset(
    {
        "clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security", "operations",
        "patient-representative", "safety-officer",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one step needs: a distinct person in each of `roles`, who read evidence of each kind in `evidence`.

    `any_one`: instead of a quorum, one person in any of these roles.
    """

    roles: frozenset[Role] = frozenset()
    evidence: tuple[Kind, ...] = ()
    any_one: frozenset[Role] = frozenset()


ENTRY: Final[Mapping[State, Rule]] = MappingProxyType(
    {
        "registered": Rule(),
        "development": Rule(roles=frozenset({"data-steward", "operations"})),
        "silent": Rule(roles=frozenset({"clinical-reviewer", "data-science-reviewer"}), evidence=("training",)),
        "pilot": Rule(
            roles=frozenset({"clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security"}),
            evidence=("training", "silent"),
        ),
        "general": Rule(
            roles=frozenset(
                {
                    "clinical-reviewer",
                    "data-science-reviewer",
                    "equity-reviewer",
                    "privacy-security",
                    "operations",
                    "patient-representative",
                }
            ),
            evidence=("training", "silent", "trial"),
        ),
        "suspended": Rule(any_one=MAY_STOP),
        "retired": Rule(roles=frozenset({"clinical-reviewer", "operations"})),
    }
)
"""What entering a state needs; nothing leads to `registered` but a proposal. `operations` stands for the service line that owns the guidance in use."""

_STEPS: Final[Mapping[State, tuple[State, ...]]] = MappingProxyType(
    {
        "registered": ("development", "retired"),
        "development": ("silent", "retired"),
        "silent": ("pilot", "suspended", "retired"),
        "pilot": ("general", "suspended", "retired"),
        "general": ("suspended", "retired"),
        "suspended": ("silent", "pilot", "general", "retired"),
        "retired": (),
    }
)
TRANSITIONS: Final[Mapping[tuple[State, State], Rule]] = MappingProxyType(
    {(source, target): ENTRY[target] for source, targets in _STEPS.items() for target in targets}
)
"""Every step there is, and what it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts. A service is known by name and token too, and never votes."""

    name: str
    roles: frozenset[str]
    is_service: bool = False
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's word on one step of one release, and the digests of what was read: evidence packs, and the trial."""

    person: str
    role: str
    vote: Choice
    transition: State
    release: str
    round: int
    evidence: frozenset[str] = frozenset()
    accepts: frozenset[str] = frozenset()
    """Names of checks whose verdict is `cannot tell` and that this person accepts, with the reason given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One checked fact of a gate: what was asked, what was found, and by which evidence."""

    name: str
    asked: str
    found: str
    verdict: Verdict
    evidence: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    accepted_by: frozenset[Role] = frozenset()
    """Roles that may accept `cannot tell`; nobody may accept `does not meet`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One release on its way: where it stands, who made it, what evidence points to it."""

    release: str
    state: State
    authors: frozenset[str] = frozenset()
    evidence: Mapping[str, Kind] = field(default_factory=dict)
    stopped_at: State | None = None
    """The stage it had when it was suspended."""
    round: int = 0
    """How often the state has changed; votes of an earlier round are spent."""
    trial: str = ""
    """Digest of the trial filed last; whoever agrees that it may speak must have read who will see nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a step may be taken, and if not, everything that is in its way."""

    to: State
    counted: tuple[Vote, ...]
    missing_roles: tuple[Role, ...]
    rejected_by: tuple[Vote, ...]
    dissent: tuple[Vote, ...]
    not_counted: tuple[tuple[Vote, str], ...]
    failed_checks: tuple[Check, ...]
    refusal: str | None

    @property
    def passes(self) -> bool:
        """All roles agree, nobody who must agree rejects, and no check is in the way."""
        return not (self.refusal or self.missing_roles or self.rejected_by or self.failed_checks)


def person_key(name: str) -> str:
    """A name as it is compared: an author cannot vote by writing the name with other spaces, letters or case."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


def why_no_step(case: Case, to: State) -> str | None:
    """Why this step is not in the table for this release; None if it is."""
    if case.state == "retired":
        return "a retired release never returns; propose a new one"
    if (case.state, to) not in TRANSITIONS:
        return f"there is no step from {case.state} to {to}"
    if case.state == "suspended" and to in RUNNING:
        highest = case.stopped_at or "silent"
        if STATES.index(to) > STATES.index(highest):
            return f"it was suspended in {highest} and can return no higher"
    return None


def why_not(case: Case, to: State, vote: Vote, person: Person | None) -> str | None:
    """Why this vote is not counted; None if it is. The same answer when it is cast and when votes are counted."""
    if person is None or not person.is_active:
        return "nobody of that name may act here"
    if person.is_service:
        return "a service proposes and reports; it never votes"
    if barred := sorted(NEVER_VOTE.keys() & person.roles):
        return f"a {barred[0]} does not vote: {NEVER_VOTE[barred[0]]}"
    if vote.role not in person.roles:
        return f"{person.name} does not hold the role {vote.role}"
    if person_key(person.name) in {person_key(author) for author in case.authors}:
        return "who authored, configured or ran it does not vote on it"
    if vote.release != case.release:
        return "it was cast for another release"
    if vote.transition != to:
        return "it was cast for another step"
    if vote.round != case.round:
        return "it was cast before the last change of state"
    if vote.vote == "approve":
        read = {case.evidence[digest] for digest in vote.evidence if digest in case.evidence}
        if unread := [kind for kind in ENTRY[to].evidence if kind not in read]:
            return f"it names no {' and no '.join(unread)} evidence of this release as read"
        if case.trial and to in SPEAKING and case.trial not in vote.evidence:
            return f"it does not name the trial {case.trial} as read"
    return None


def decide(
    *, case: Case, to: State, votes: Sequence[Vote], people: Mapping[str, Person], checks: Iterable[Check] = ()
) -> Decision:
    """Count the votes, in the order in which they were cast, for one step. `people` is keyed by `person_key`."""
    rule = TRANSITIONS.get((case.state, to), Rule())
    refusal = why_no_step(case, to)
    if rule.any_one:
        refusal = refusal or "it takes one person and no vote; stop it"
    standing: dict[str, Vote] = {}
    not_counted: list[tuple[Vote, str]] = []
    for vote in votes:
        who = person_key(vote.person)
        earlier = standing.get(who)
        if reason := why_not(case, to, vote, people.get(who)):
            not_counted.append((vote, reason))
        elif earlier is not None and earlier.role != vote.role:
            not_counted.append((vote, f"one person counts for one role, and has voted as {earlier.role}"))
        elif vote.vote == "withdraw":
            standing.pop(who, None)
        else:
            standing[who] = vote
    approvals = tuple(vote for vote in standing.values() if vote.vote == "approve")
    rejections = tuple(vote for vote in standing.values() if vote.vote == "reject")
    agreed = {vote.role for vote in approvals}
    return Decision(
        to=to,
        counted=approvals,
        missing_roles=tuple(role for role in ROLES if role in rule.roles and role not in agreed),
        rejected_by=tuple(vote for vote in rejections if vote.role in rule.roles),
        dissent=tuple(vote for vote in rejections if vote.role not in rule.roles),
        not_counted=tuple(not_counted),
        failed_checks=tuple(check for check in checks if not _open(check, approvals)),
        refusal=refusal,
    )


def may_stop(person: Person) -> bool:
    """Whether this person may suspend guidance alone and at once. Authors may stop their own."""
    return person.is_active and not person.is_service and bool(MAY_STOP & person.roles)


def _open(check: Check, approvals: Sequence[Vote]) -> bool:
    if check.verdict == "meets":
        return True
    # A doubt is accepted by a named person with a reason; a failure is accepted by nobody.
    return check.verdict == "cannot tell" and any(
        check.name in vote.accepts and vote.role in check.accepted_by for vote in approvals
    )
