"""What waits for one person, and the rules by which it was looked for: silence must be shown to be checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from services.guidance.lifecycle import RUNNING, Person, may_stop, person_key
from services.guidance.words import console_wording as words
from services.registry.console.standing import Line, my_role
from services.registry.console.strip import SILENCE
from services.registry.console.week import Week
from services.registry.decisions.reviews import is_overdue
from services.registry.decisions.votes import Standing
from services.registry.deployed.placing import may_decide
from services.registry.deployed.reasons import Due

RULES: Final = (
    "a release meets its gate and awaits a vote in a role that you hold",
    "cards were shown on more calls in 7 days than the guidance's alert budget allows",
    "guidance runs, and no service has asked what may speak for 90 seconds",
    "people vote on a step whose gate has a check that is not met",
    "guidance runs, and the day by which it is looked at again has passed",
    "a release is approved to speak, and you may deploy it before the approval lapses",
    "a stop of yours owes its reason; once it is late, all who may stop are told",
)
"""One for each kind of task, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do: its kind in a word, the sentence, and where it is done."""

    kind: Literal["VOTE", "CHECK", "REASON"]
    said: str
    path: str
    verb: str


def tasks_of(
    person: Person,
    lines: Sequence[Line],
    weeks: Mapping[str, Week],
    last_heard: datetime | None,
    now: datetime,
    owing: Sequence[Due] = (),
) -> list[Task]:
    """Everything that waits for this person, the most pressing first."""
    silence = None if last_heard is None else now - last_heard
    silent = silence is None or silence > SILENCE
    found: list[Task] = []
    for line in lines:
        if silent and line.counts.state in RUNNING:
            seconds = None if silence is None else int(silence.total_seconds())
            said = words.not_answered(line.guidance.title, seconds)
            found.append(Task(kind="CHECK", said=said, path=_page(line), verb="Look"))
        found.extend(_budget(line, weeks))
        found.extend(_review(line, now))
        found.extend(_lapsing(line, person))
    found.extend(_reasons(owing, person))
    for line in lines:
        found.extend(_votes(line, person))
        found.extend(_failed(line))
    return found


def _reasons(owing: Sequence[Due], person: Person) -> Iterator[Task]:
    for one in owing:
        if may_stop(person) and (one.is_late or person_key(one.by) == person_key(person.name)):
            late = ", and is late" if one.is_late else ""
            said = f"{one.guidance}: its stop by {one.by} owes a reason until {one.due_at:%d %b %H:%M} UTC{late}."
            yield Task(kind="REASON", said=said, path=f"/console/deploy/{one.guidance}#owed", verb="Give it")


def _votes(line: Line, person: Person) -> Iterator[Task]:
    for standing in line.steps:
        role = my_role(standing, person)
        if role is None or _fails(standing):
            continue
        decision = standing.decision
        needed = len(decision.needed_roles) - max(0, len(decision.one_of) - 1)
        voted = {vote.role for vote in (*decision.counted, *decision.rejected_by, *decision.unconvinced)}
        said = words.vote_awaits(
            line.guidance.title,
            line.versions[standing.proposal.release],
            step=decision.to,
            role=role,
            voted=len(voted.intersection(decision.needed_roles)),
            needed=needed,
        )
        yield Task(kind="VOTE", said=said, path=f"/console/review/{standing.proposal.id}/{decision.to}", verb="Review")


def _budget(line: Line, weeks: Mapping[str, Week]) -> Iterator[Task]:
    week, budget = weeks.get(line.guidance.id), line.guidance.policy.alert_budget
    if week is not None and week.calls and week.shown / week.calls > budget:
        said = words.over_budget(line.guidance.title, shown=week.shown, calls=week.calls, budget=budget)
        yield Task(kind="CHECK", said=said, path=_page(line), verb="Look")


def _review(line: Line, now: datetime) -> Iterator[Task]:
    if is_overdue(line.counts, now):
        due = line.counts.review_by
        said = words.review_overdue(line.guidance.title, due, blocks=line.review_blocks)
        path = f"/console/review/{line.counts.id}/{line.counts.state}"
        yield Task(kind="CHECK", said=said, path=path, verb="Review")


def _lapsing(line: Line, person: Person) -> Iterator[Task]:
    for one in line.proposals:
        if one.release in line.lapsing and may_decide(person, one):
            version, until = line.versions[one.release], line.lapsing[one.release]
            said = words.approval_lapses(line.guidance.title, version, stage=one.state, day=f"{until:%Y-%m-%d}")
            path = f"/console/deploy/{line.guidance.id}"
            yield Task(kind="CHECK", said=said, path=path, verb="Deploy")


def _failed(line: Line) -> Iterator[Task]:
    for standing in line.steps:
        if _fails(standing) and standing.decision.counted:
            version = line.versions[standing.proposal.release]
            said = words.gate_fails(line.guidance.title, version, step=standing.decision.to)
            yield Task(kind="CHECK", said=said, path=f"/releases/{standing.proposal.release}/page", verb="Look")


def _fails(standing: Standing) -> bool:
    return any(check.verdict == "does not meet" for check in standing.checks_of_facts)


def _page(line: Line) -> str:
    return f"/console/guidance/{line.guidance.id}"
