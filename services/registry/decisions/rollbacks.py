"""What speaks if a release must be taken back: another release of the same guidance that has spoken before, or nothing.

It is declared before a release speaks, so that nobody has to think about it when it must be stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select

from services.guidance.errors import Refused
from services.guidance.lifecycle import SPEAKING, Person
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.tables import rollbacks
from services.registry.tables import instant_text
from services.timeline.errors import BadInput

NOTHING: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The one declared last."""

    fallback: str
    """A release's digest, or `none`: then nothing is said."""
    reason: str
    declared_by: str
    declared_at: str
    trouble: str = ""
    """Why that release cannot speak again; empty if it can, or if there is none."""


def declare(
    connection: Connection, proposal: Proposal, *, fallback: str, reason: str, by: Person, now: datetime
) -> Rollback:
    """Declare it; who does joins the authors. Refused if that release is not one that has spoken and may again."""
    if not reason.strip():
        raise BadInput("why it is this one is needed", place="reason", remedy="Write one sentence")
    if trouble := _trouble(connection, proposal, fallback):
        raise Refused(trouble, place="fallback", remedy="Name a release that has spoken before, or `none`")
    connection.execute(
        insert(rollbacks).values(
            proposal=proposal.id,
            fallback=fallback,
            reason=reason.strip(),
            declared_by=by.name,
            declared_at=instant_text(now),
        )
    )
    proposals.configured(
        connection, proposal, "rollback declared", by, {"fallback": fallback, "reason": reason.strip()}, now
    )
    return must_have(connection, proposal)


def declared(connection: Connection, proposal: Proposal) -> Rollback | None:
    """What was declared last, and whether it still holds; None if nothing was."""
    asked = select(rollbacks).where(rollbacks.c.proposal == proposal.id).order_by(rollbacks.c.number.desc()).limit(1)
    row = connection.execute(asked).first()
    if row is None:
        return None
    return Rollback(
        fallback=row.fallback,
        reason=row.reason,
        declared_by=row.declared_by,
        declared_at=row.declared_at,
        trouble=_trouble(connection, proposal, row.fallback),
    )


def must_have(connection: Connection, proposal: Proposal) -> Rollback:
    """What was declared last; Refused if nothing was."""
    found = declared(connection, proposal)
    if found is None:
        raise Refused("no rollback is declared", place=proposal.id, remedy="Use `knowdo registry rollback`")
    return found


def _trouble(connection: Connection, proposal: Proposal, fallback: str) -> str:
    if fallback == NOTHING:
        return ""
    if fallback == proposal.release:
        return "a release cannot take its own place"
    other = proposals.by_release(connection, fallback)
    if other is None or other.guidance != proposal.guidance:
        return f"no other release of {proposal.guidance} has that digest"
    if other.state == "retired":
        return "that release is retired and never returns"
    if other.state not in SPEAKING and other.stopped_at not in SPEAKING:
        return "that release has never spoken"
    return ""
