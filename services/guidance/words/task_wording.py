"""The sentences of what waits for a person: the overview, the API and the notices say the same.

None holds a word that somebody typed, and none tells how somebody voted.
"""

from __future__ import annotations

from datetime import datetime


def owes_reason(title: str, *, by: str, due_at: datetime, is_late: bool) -> str:
    """`Readmission: its stop by R. Okafor owes a reason until 23 Nov 14:02 UTC, and is late.`."""
    late = ", and is late" if is_late else ""
    return f"{title}: its stop by {by} owes a reason until {due_at:%d %b %H:%M} UTC{late}."


def awaits_place(name: str, *, allowed: str, now: str, lapses_on: str) -> str:
    """`Readmission 4.1.0 may speak as pilot by its vote and runs as silent: operations decide where and to whom, before the vote lapses on 2027-05-21.`."""
    until = f", before the vote lapses on {lapses_on}" if lapses_on else ""
    return f"{name} may speak as {allowed} by its vote and runs as {now}: operations decide where and to whom{until}."


def question_open(name: str, *, holds: bool) -> str:
    """`A question is open on Readmission 4.1.0, which holds it up; you made it, so you are asked.`."""
    return f"A question is open on {name}{_holds(holds)}; you made the release, so you are asked."


def question_replied(name: str, *, holds: bool) -> str:
    """`A question on Readmission 4.1.0, which holds it up, has a reply: close it, or ask on.`."""
    return f"A question on {name}{_holds(holds)}{',' if holds else ''} has a reply: close it, or ask on."


def condition_owed(name: str, *, holds: bool) -> str:
    """`A condition is open on Readmission 4.1.0, which holds it up; you made it, so it waits for you.`."""
    return f"A condition is open on {name}{_holds(holds)}; you made the release, so it waits for you."


def condition_to_confirm(name: str, *, role: str, holds: bool) -> str:
    """`A condition is open on Readmission 4.1.0, which holds it up: say whether it is met (patient-representative).`."""
    return f"A condition is open on {name}{_holds(holds)}: say whether it is met ({role})."


def review_overdue(name: str, *, stage: str, day: str, blocks: bool) -> str:
    """`Readmission 4.1.0 runs in stage pilot, and was to be looked at again by 2027-05-21.`; and what follows."""
    more = " Until a review lets it go on it is neither deployed nor promoted." if blocks else ""
    return f"{name} runs in stage {stage}, and was to be looked at again by {day}.{more}"


def _holds(holds: bool) -> str:
    return ", which holds it up" if holds else ""
