"""What people add to the memory: incidents, lessons, later outcomes, corrections. Nothing is ever edited or deleted.

A correction is a new line that points back. A lesson has an owner and a day on which it is looked at again.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final, Literal, get_args

from sqlalchemy import Connection

from services.guidance.errors import NotFound, NotPermitted
from services.guidance.lifecycle import Person
from services.guidance.manifest import LedgerHead
from services.registry.decisions import proposals
from services.registry.memory import ledger
from services.registry.people.persons import Act, acts_of
from services.timeline.errors import BadInput

NoteKind = Literal["incident", "lesson", "outcome", "correction"]
NOTE_KINDS: Final[tuple[NoteKind, ...]] = get_args(NoteKind)
LONGEST: Final = 4000
NOTING: Final[frozenset[Act]] = frozenset({"vote", "stop", "propose"})
"""Who may do one of these may add to the memory, and so may a token whose scopes name one."""
_PATIENT_LIKE: Final = (
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.]+\b"), "an e-mail address"),
    (re.compile(r"\b(?:\+?\d[ ()/.-]?){9,}\b"), "a long number, as of a telephone or a record"),
    (re.compile(r"\b(?:MRN|PID|patient (?:id|no\.?|number))\s*[:#]?\s*\w*\d", re.IGNORECASE), "a record number"),
    (re.compile(r"\b(?:born|DOB|date of birth)\b", re.IGNORECASE), "a date of birth"),
    (re.compile(r"\b(?:Mr|Mrs|Ms)\.? [A-Z]\w+"), "a person's name"),
)
"""Looks that a patient's details have. It cannot find every one: the page says so beside the field."""


def must_note(by: Person) -> None:
    """NotPermitted unless this person's roles add to the memory: whoever votes, stops or proposes."""
    if not acts_of(by) & NOTING:
        raise NotPermitted(
            f"{by.name} ({', '.join(sorted(by.roles)) or 'no role'}) adds nothing to the memory",
            place="roles",
            remedy="Ask a reviewer, the safety officer or a developer to note it",
        )


def remember(
    connection: Connection,
    guidance: str,
    *,
    kind: NoteKind,
    text: str,
    by: Person,
    now: datetime,
    about: int | None = None,
    owner: str = "",
    review_on: date | None = None,
) -> LedgerHead:
    """Add a note about a guidance, or about an entry of it. BadInput if it looks like a patient's details."""
    must_note(by)
    if not proposals.every(connection, guidance=guidance):
        raise NotFound(
            "no guidance of that name is known here", place=guidance[:80], remedy="See `knowdo registry list`"
        )
    written = " ".join(text.split())
    if not 1 <= len(written) <= LONGEST:
        raise BadInput(f"a note has 1 to {LONGEST} characters", place="text", remedy="Write a sentence or two")
    if found := patient_like(written):
        raise BadInput(
            f"it seems to hold {found}", place="text", remedy="Write it without anything that tells who a patient is"
        )
    if kind == "lesson" and (not owner.strip() or review_on is None):
        raise BadInput(
            "a lesson has an owner and a day on which it is looked at again", place="owner", remedy="Name both"
        )
    if kind == "correction" and about is None:
        raise BadInput("a correction points back to an entry", place="about", remedy="Give the number of the entry")
    if about is not None and not 1 <= about <= ledger.head(connection).number:
        raise NotFound("there is no such entry", place="about", remedy="See `knowdo registry memory` for the numbers")
    return ledger.append(
        connection,
        actor=by.name,
        role=",".join(sorted(by.roles)),
        action=kind,
        subject=f"guidance:{guidance}",
        detail={
            "guidance": guidance,
            "text": written,
            **({"about": about} if about is not None else {}),
            **({"owner": " ".join(owner.split())[:100]} if owner.strip() else {}),
            **({"review_on": review_on.isoformat()} if review_on is not None else {}),
        },
        now=now,
    )


def patient_like(text: str) -> str | None:
    """What in a text looks like a patient's details; None if nothing does."""
    return next((said for pattern, said in _PATIENT_LIKE if pattern.search(text)), None)
