"""What waits for one person, and the rules by which it was looked for: silence must be shown to be checked.

Nothing is here that this person may not act on, nothing that tells how somebody voted, and no text that somebody typed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from services.guidance.lifecycle import ENTRY, NEVER_VOTE, RUNNING, Person, State, may_stop, person_key
from services.guidance.words import console_wording as words
from services.guidance.words import task_wording
from services.registry.console.standing import Line, my_role
from services.registry.console.strip import SILENCE
from services.registry.decisions import blind
from services.registry.decisions.questions import Question
from services.registry.decisions.reviews import is_overdue
from services.registry.decisions.votes import Standing
from services.registry.deployed import placing
from services.registry.waiting.everything import Case, Open

TaskKind = Literal["check", "reason", "deploy", "vote", "question", "condition", "review"]
RULES: Final = (
    "guidance runs, no service has asked what may speak for 90 seconds, and you may stop it",
    "cards were shown on more calls in 7 days than the guidance's alert budget allows, and you may stop it",
    "a stop of yours owes its reason; once it is late, all who may stop are told",
    "a vote lets a release speak, and operations, of whom you are one, have not decided where",
    "a release meets its gate and awaits a vote in a role that you hold",
    "a question is open on a release that you made, or one that you may close has a reply",
    "a condition is open that you may close, or on a release that you made",
    "guidance runs, the day by which it is looked at again has passed, and you hold a role that let it run",
    "people vote on a step whose gate has a check that is not met, and you made the release or hold a role of the step",
)
"""One for each kind of task, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do: the sentence, and where it is done. `about` is the same for as long as it is the same thing."""

    kind: TaskKind
    about: str
    guidance: str
    said: str
    path: str
    verb: str


def tasks_of(person: Person, found: Open) -> list[Task]:
    """Everything that waits for this person, the most pressing first; nothing for a service."""
    if person.is_service or not person.is_active:
        return []
    return [
        *(task for line in found.lines for task in _silence(person, line, found)),
        *(task for line in found.lines for task in _budget(person, line, found)),
        *_reasons(person, found),
        *(task for case in found.cases for task in _deploy(person, case)),
        *(task for line in found.lines for task in _votes(person, line)),
        *(task for case in found.cases for task in _questions(person, case)),
        *(task for case in found.cases for task in _conditions(person, case)),
        *(task for case in found.cases for task in _review(person, case, found)),
        *(task for line in found.lines for task in _failed(person, line)),
    ]


def _silence(person: Person, line: Line, found: Open) -> Iterator[Task]:
    silence = None if found.last_heard is None else found.now - found.last_heard
    if line.counts.state in RUNNING and may_stop(person) and (silence is None or silence > SILENCE):
        seconds = None if silence is None else int(silence.total_seconds())
        yield Task(
            kind="check",
            about=f"silence:{line.guidance.id}",
            guidance=line.guidance.id,
            said=words.not_answered(line.guidance.title, seconds),
            path=f"/console/deploy/{line.guidance.id}",
            verb="Look",
        )


def _budget(person: Person, line: Line, found: Open) -> Iterator[Task]:
    week, budget = found.weeks.get(line.guidance.id), line.guidance.policy.alert_budget
    if week is not None and week.calls and week.shown / week.calls > budget and may_stop(person):
        yield Task(
            kind="check",
            about=f"budget:{line.guidance.id}",
            guidance=line.guidance.id,
            said=words.over_budget(line.guidance.title, shown=week.shown, calls=week.calls, budget=budget),
            path=f"/console/guidance/{line.guidance.id}",
            verb="Look",
        )


def _reasons(person: Person, found: Open) -> Iterator[Task]:
    titles = {line.guidance.id: line.guidance.title for line in found.lines}
    for one in found.owing:
        if may_stop(person) and (one.is_late or person_key(one.by) == person_key(person.name)):
            yield Task(
                kind="reason",
                about=f"reason:{one.number}",
                guidance=one.guidance,
                said=task_wording.owes_reason(
                    titles.get(one.guidance, one.guidance), by=one.by, due_at=one.due_at, is_late=one.is_late
                ),
                path=f"/console/deploy/{one.guidance}#owed",
                verb="Give it",
            )


def _deploy(person: Person, case: Case) -> Iterator[Task]:
    one = case.proposal
    if case.awaits_place and placing.may_decide(person, one):
        yield Task(
            kind="deploy",
            about=f"deploy:{one.id}:{one.round}",
            guidance=one.guidance,
            said=task_wording.awaits_place(case.name, allowed=one.state, now=case.awaits_place),
            path=f"/console/deploy/{one.guidance}/place/{one.release}",
            verb="Decide",
        )


def _votes(person: Person, line: Line) -> Iterator[Task]:
    for standing in line.steps:
        role = my_role(standing, person)
        if role is None or _fails(standing):
            continue
        decision, proposal = standing.decision, standing.proposal
        voted = {vote.role for vote in (*decision.counted, *decision.rejected_by, *decision.unconvinced)}
        yield Task(
            kind="vote",
            about=f"vote:{proposal.id}:{decision.to}:{proposal.round}:{role}",
            guidance=line.guidance.id,
            said=words.vote_awaits(
                line.guidance.title,
                line.versions[proposal.release],
                step=decision.to,
                role=role,
                voted=len(voted & ENTRY[decision.to].roles),
                needed=len(ENTRY[decision.to].roles),
            ),
            path=f"/console/review/{proposal.id}/{decision.to}",
            verb="Review",
        )


def _questions(person: Person, case: Case) -> Iterator[Task]:
    made_it = _made_it(person, case)
    for asked in case.asked:
        if made_it and _waits_for_makers(asked, case):
            said = task_wording.question_open(case.name, holds=asked.blocking)
        elif _has_a_reply(asked) and not made_it and _may_close(person, asked.person, asked.role):
            said = task_wording.question_replied(case.name, holds=asked.blocking)
        else:
            continue
        yield Task(
            kind="question",
            about=f"question:{asked.number}:{len(asked.replies)}",
            guidance=case.proposal.guidance,
            said=said,
            path=f"/console/review/{case.proposal.id}/{case.step}#question-{asked.number}",
            verb="Reply" if made_it else "Read it",
        )


def _conditions(person: Person, case: Case) -> Iterator[Task]:
    made_it = _made_it(person, case)
    for kept in blind.conditions_told(person, case.proposal, case.votes, list(case.conditions)):
        if made_it:
            said, verb = task_wording.condition_owed(case.name, holds=kept.blocking), "Read it"
        elif _may_close(person, kept.person, kept.closes):
            said, verb = task_wording.condition_to_confirm(case.name, role=kept.closes, holds=kept.blocking), "Confirm"
        else:
            continue
        yield Task(
            kind="condition",
            about=f"condition:{kept.number}",
            guidance=case.proposal.guidance,
            said=said,
            path=f"/console/review/{case.proposal.id}/{case.step}#condition-{kept.number}",
            verb=verb,
        )


def _review(person: Person, case: Case, found: Open) -> Iterator[Task]:
    one = case.proposal
    if is_overdue(one, found.now) and _votes_on(person, one.state):
        yield Task(
            kind="review",
            about=f"review:{one.id}:{one.review_by}",
            guidance=one.guidance,
            said=task_wording.review_overdue(case.name, stage=one.state, day=one.review_by),
            path=f"/console/guidance/{one.guidance}",
            verb="Look",
        )


def _failed(person: Person, line: Line) -> Iterator[Task]:
    me = person_key(person.name)
    for standing in line.steps:
        decision, proposal = standing.decision, standing.proposal
        # Any vote, not only one that agrees: else the task would tell which there are.
        voted = (*decision.counted, *decision.rejected_by, *decision.unconvinced, *decision.dissent)
        concerned = me in {person_key(one) for one in proposal.authors} or _votes_on(person, decision.to)
        if _fails(standing) and voted and concerned:
            yield Task(
                kind="check",
                about=f"gate:{proposal.id}:{decision.to}:{proposal.round}",
                guidance=line.guidance.id,
                said=words.gate_fails(line.guidance.title, line.versions[proposal.release], step=decision.to),
                path=f"/console/review/{proposal.id}/{decision.to}",
                verb="Look",
            )


def _fails(standing: Standing) -> bool:
    """Whether the gate keeps the step from being taken; but for conditions, of which a blind voter would learn by it."""
    return any(check.verdict == "does not meet" for check in standing.checks if check.name != "conditions")


def _votes_on(person: Person, to: State) -> bool:
    """Whether this person holds a role that the step to a state needs, and none that never votes."""
    return bool(ENTRY[to].roles & person.roles) and not person.roles & NEVER_VOTE.keys()


def _made_it(person: Person, case: Case) -> bool:
    return person_key(person.name) in {person_key(one) for one in case.proposal.authors}


def _waits_for_makers(asked: Question, case: Case) -> bool:
    """Whether the last word is not theirs."""
    last = asked.replies[-1].person if asked.replies else asked.person
    return person_key(last) not in {person_key(one) for one in case.proposal.authors}


def _has_a_reply(asked: Question) -> bool:
    """Whether somebody has answered since the one who asked spoke last."""
    return bool(asked.replies) and person_key(asked.replies[-1].person) != person_key(asked.person)


def _may_close(person: Person, who: str, role: str) -> bool:
    """As `conditions.must_close`, for people who did not make the release."""
    entitled = person_key(person.name) == person_key(who) or role in person.roles
    return entitled and not person.roles & NEVER_VOTE.keys()
