"""How votes are counted: one pure function says whether a step may be taken, and if not, everything that is in its way.

The same rules hold at the first vote, at the last, and on every page that explains why something did not move. Whoever
is not counted is kept, with the reason; a role that must agree and says no, or not yet, holds the step until that same
person says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.guidance.evidence import Kind
from services.guidance.lifecycle import (
    APPROVALS,
    ENTRY,
    NEVER_VOTE,
    ROLES,
    RUNNING,
    SPEAKING,
    STATES,
    UPDATES,
    Check,
    Person,
    Reduced,
    Role,
    Rule,
    State,
    Vote,
    person_key,
    rule_of,
)


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
    conflicts: frozenset[str] = frozenset()
    """Who has declared a conflict of interest on this release, at whatever step: it does not go away by voting again."""
    review_opens: str = ""
    """The day from which it can be decided that it goes on; empty if that is past. A vote for the step that was just taken,
    cast too late, is not taken for a review."""
    lapsed: str = ""
    """The day on which the proposal lapsed, because nothing came of it; empty if it has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a step may be taken, and if not, everything that is in its way."""

    to: State
    needed_roles: tuple[Role, ...]
    """Those of `one_of` among them."""
    counted: tuple[Vote, ...]
    missing_roles: tuple[Role, ...]
    rejected_by: tuple[Vote, ...]
    unconvinced: tuple[Vote, ...]
    """Roles that must agree and to whom the evidence is not enough."""
    dissent: tuple[Vote, ...]
    """The same two, of roles that need not agree: kept, and not in the way."""
    not_counted: tuple[tuple[Vote, str], ...]
    failed_checks: tuple[Check, ...]
    refusal: str | None
    one_of: tuple[Role, ...] = ()
    """Of these one is enough; empty with the full quorum."""

    def unheard(self, voted: Collection[str]) -> tuple[Role, ...]:
        """Roles in which somebody must still speak, whatever those who have voted said."""
        heard = frozenset(self.one_of) if set(self.one_of) & set(voted) else frozenset[Role]()
        return tuple(role for role in self.needed_roles if role not in voted and role not in heard)

    @property
    def passes(self) -> bool:
        """All roles agree, nobody who must agree says no or not yet, and no check is in the way."""
        return not (self.refusal or self.missing_roles or self.rejected_by or self.unconvinced or self.failed_checks)


def why_no_step(case: Case, to: State) -> str | None:
    """Why this step is not in the table for this release; None if it is."""
    if case.state == "retired":
        return "a retired release never returns; propose a new one"
    if rule_of(case.state, to) is None:
        return f"there is no step from {case.state} to {to}"
    if case.state == to and case.review_opens:
        return f"it is in {to} already; that it goes on there can be decided from {case.review_opens}"
    if case.state == "suspended" and to in RUNNING:
        highest = case.stopped_at or "silent"
        if STATES.index(to) > STATES.index(highest):
            return f"it was suspended in {highest} and can return no higher"
    if case.lapsed and to != "retired":
        return f"the proposal lapsed on {case.lapsed}, for nothing came of it; propose the release again to renew it"
    return None


def why_not(case: Case, to: State, vote: Vote, person: Person | None) -> str | None:
    """Why this vote is not counted; None if it is. The same answer when it is cast and when votes are counted."""
    return _why_nobody(case, vote, person) or _why_unbound(case, to, vote) or _why_unread(case, to, vote)


def decide(
    *,
    case: Case,
    to: State,
    votes: Sequence[Vote],
    people: Mapping[str, Person],
    now: datetime,
    checks: Iterable[Check] = (),
    further_roles: frozenset[Role] = frozenset(),
    reduced: Reduced | None = None,
) -> Decision:
    """Count the votes, in the order in which they were cast, for one step. `people` is keyed by `person_key`.

    `further_roles`: who must agree besides those that the table names; they can only be added. `reduced`: who must agree
    instead, to an update within an agreed change plan; a no of anyone in the full quorum holds that, too.
    """
    rule = rule_of(case.state, to) or Rule()
    everyone = rule.roles | further_roles if rule.roles else rule.roles
    needed, one_of = everyone, frozenset[Role]()
    if reduced is not None and (case.state, to) in UPDATES:
        needed, one_of = reduced.roles, reduced.one_of
    refusal = why_no_step(case, to)
    if rule.any_one:
        refusal = refusal or "it takes one person and no vote; stop it"
    case = replace(case, conflicts=case.conflicts | {vote.person for vote in votes if vote.conflict})
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
        elif vote.vote in APPROVALS and vote.expires is not None and vote.expires <= now:
            # It was this person's last word all the same: what they said before does not come back.
            standing.pop(who, None)
            not_counted.append((vote, f"the approval expired on {vote.expires:%Y-%m-%d}; vote again"))
        else:
            standing[who] = vote
    approvals = tuple(vote for vote in standing.values() if vote.vote in APPROVALS)
    against = tuple(vote for vote in standing.values() if vote.vote not in APPROVALS)
    agreed = {vote.role for vote in approvals}
    lacking = needed - agreed if one_of & agreed else (needed | one_of) - agreed
    holding = everyone | needed | one_of
    return Decision(
        to=to,
        needed_roles=tuple(role for role in ROLES if role in needed | one_of),
        one_of=tuple(role for role in ROLES if role in one_of),
        counted=approvals,
        missing_roles=tuple(role for role in ROLES if role in lacking),
        rejected_by=tuple(vote for vote in against if vote.role in holding and vote.vote == "reject"),
        unconvinced=tuple(vote for vote in against if vote.role in holding and vote.vote == "not-enough-evidence"),
        dissent=tuple(vote for vote in against if vote.role not in holding),
        not_counted=tuple(not_counted),
        failed_checks=tuple(check for check in checks if not _open(check, approvals)),
        refusal=refusal,
    )


def _why_nobody(case: Case, vote: Vote, person: Person | None) -> str | None:
    if person is None or not person.is_active:
        return "nobody of that name may act here"
    if person.is_service:
        return "a service proposes and reports; it never votes"
    if barred := sorted(NEVER_VOTE.keys() & person.roles):
        return f"a {barred[0]} does not vote: {NEVER_VOTE[barred[0]]}"
    if vote.role not in person.roles:
        return f"{person.name} does not hold the role {vote.role}"
    who = person_key(person.name)
    if who in {person_key(author) for author in case.authors}:
        return "who authored, configured or ran it does not vote on it"
    return None


def _why_unbound(case: Case, to: State, vote: Vote) -> str | None:
    if vote.release != case.release:
        return "it was cast for another release"
    if vote.transition != to:
        return "it was cast for another step"
    if vote.round != case.round:
        return "it was cast before the last change of state"
    return None


def _why_unread(case: Case, to: State, vote: Vote) -> str | None:
    if vote.conflict or person_key(vote.person) in {person_key(name) for name in case.conflicts}:
        return "a conflict of interest was declared: it is kept, and not counted"
    if vote.vote not in APPROVALS:
        return None
    read = {case.evidence[digest] for digest in vote.evidence if digest in case.evidence}
    if unread := [kind for kind in ENTRY[to].evidence if kind not in read]:
        return f"it names no {' and no '.join(unread)} evidence of this release as read"
    if case.trial and to in SPEAKING and case.trial not in vote.evidence:
        return f"it does not name the trial {case.trial} as read"
    return None


def _open(check: Check, approvals: Sequence[Vote]) -> bool:
    if check.verdict == "meets":
        return True
    # A doubt is accepted by a named person with a reason; a failure is accepted by nobody.
    return check.verdict == "cannot tell" and any(_accepts(vote, check) for vote in approvals)


def _accepts(vote: Vote, check: Check) -> bool:
    planned = not check.asks_plan or bool(vote.plans.get(check.name, "").strip())
    return check.name in vote.accepts and vote.role in check.accepted_by and planned
