"""Who made what a new release was made from: they made the new one too, and cannot vote on it either."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, update

from services.guidance.lifecycle import Person
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.memory import ledger
from services.registry.tables import proposals as table

How = Literal["draft", "clone", "revision"]


def derived(
    connection: Connection,
    made: Proposal,
    source: Proposal,
    *,
    how: How,
    url: str,
    version: str,
    by: Person,
    now: datetime,
) -> Proposal:
    """Remember which release a new one was made from (`url`, `version`: its canonical address), and carry its authors over."""
    authors = sorted({*made.authors, *source.authors})
    connection.execute(update(table).where(table.c.id == made.id).values(authors=authors))
    ledger.append(
        connection,
        actor=by.name,
        role=",".join(sorted(by.roles)),
        action="derived",
        subject=made.release,
        detail={
            "proposal": made.id,
            "how": how,
            "from": source.release,
            "url": url,
            "version": version,
            "authors": authors,
        },
        now=now,
    )
    return proposals.must_get(connection, made.id)
