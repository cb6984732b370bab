"""Everything the registry keeps, as tables. Times are RFC 3339 in UTC with microseconds, so they sort as text."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

TABLES = MetaData()

people = Table(
    "people",
    TABLES,
    Column("key", String(200), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("is_service", Boolean, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("is_active", Boolean, nullable=False),
    # The token itself is never kept: whoever reads this database cannot act as anybody.
    Column("token_sha256", String(64), unique=True),
    Column("added_at", String(32), nullable=False),
)

releases = Table(
    "releases",
    TABLES,
    Column("digest", String(71), primary_key=True),
    Column("guidance", String(64), nullable=False, index=True),
    Column("version", String(32), nullable=False),
    Column("bundle", LargeBinary, nullable=False),
    Column("added_at", String(32), nullable=False),
)

evidence = Table(
    "evidence",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(71), nullable=False, unique=True),
    Column("release", String(71), ForeignKey("releases.digest"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("pack", LargeBinary, nullable=False),
    Column("added_by", String(200), nullable=False),
    Column("added_at", String(32), nullable=False),
)

proposals = Table(
    "proposals",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("release", String(71), ForeignKey("releases.digest"), nullable=False, unique=True),
    Column("guidance", String(64), nullable=False, index=True),
    Column("author", String(200), nullable=False),
    # Everyone who authored, configured or ran it; none of them may vote on it.
    Column("authors", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stopped_at", String(16)),
    Column("round", Integer, nullable=False),
    Column("added_at", String(32), nullable=False),
    Column("changed_at", String(32), nullable=False),
    # The day by which it is looked at again; empty unless it runs.
    Column("review_by", String(10), nullable=False),
    # The `review_by` whose passing the ledger tells of; so it is told once, however many processes look.
    Column("overdue_entered", String(10), nullable=False, server_default=""),
)

votes = Table(
    "votes",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("proposal", String(32), ForeignKey("proposals.id"), nullable=False),
    Column("person", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("vote", String(32), nullable=False),
    Column("transition", String(16), nullable=False),
    Column("release", String(71), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("accepts", JSON, nullable=False),
    # How it will be found out, by name of the accepted check.
    Column("plans", JSON, nullable=False),
    # The conflict of interest declared; empty if none.
    Column("conflict", Text, nullable=False),
    # From then on an approval does not count.
    Column("expires_at", String(32)),
    Column("reason", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("ledger_number", Integer, nullable=False),
    Index("votes_of_a_proposal", "proposal", "number"),
)

trials = Table(
    "trials",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("proposal", String(32), ForeignKey("proposals.id"), nullable=False, index=True),
    Column("digest", String(71), nullable=False, unique=True),
    Column("trial", JSON, nullable=False),
    Column("filed_by", String(200), nullable=False),
    Column("filed_at", String(32), nullable=False),
    # At most one of a proposal: the one that the last vote to speak was about.
    Column("in_force", Boolean, nullable=False),
)

deployments = Table(
    "deployments",
    TABLES,
    Column("id", String(36), primary_key=True),
    Column("proposal", String(32), ForeignKey("proposals.id"), nullable=False, unique=True),
    Column("guidance", String(64), nullable=False, index=True),
    Column("release", String(71), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("sites", JSON, nullable=False),
    Column("hooks", JSON, nullable=False),
    Column("tenants", JSON, nullable=False),
    # Of 10,000 patients; 10,000: all.
    Column("share", Integer, nullable=False),
    # Draws the share; one for all releases of a guidance.
    Column("seed", String(64), nullable=False),
    Column("starts_at", String(32)),
    Column("ends_at", String(32)),
    Column("fallback", String(71)),
    # Who decided where it speaks; nobody: it follows from the vote.
    Column("decided_by", String(200)),
    Column("decided_in", Integer, nullable=False),
    # The release that took its place; a stop of the guidance forgets it, and so ends what could come back.
    Column("replaced_by", String(71)),
    Column("risk_tier", String(16), nullable=False),
    Column("policy", String(32), nullable=False),
    Column("overlay", JSON, nullable=False),
    Column("changed_at", String(32), nullable=False),
    Column("changed_by", String(200), nullable=False),
    # The entry of the ledger that tells of the last change: who names it or a later one has heard of it.
    Column("changed_in", Integer, nullable=False),
    # The manifest as last signed. One row each, whatever the number of renewals: nothing here grows with time.
    Column("jws", Text),
    Column("kid", String(64)),
    Column("ledger_number", Integer),
    Column("issued_at", String(32)),
    Column("expires_at", String(32)),
)

ledger = Table(
    "ledger",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    # A copy of what the entry says, to find it by; `verify` holds it against the entry.
    Column("subject", String(128), nullable=False, index=True),
    Column("entry", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)

ledger_head = Table(
    "ledger_head",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

daily_heads = Table(
    "daily_heads",
    TABLES,
    Column("day", String(10), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("jws", Text, nullable=False),
)

reports = Table(
    "reports",
    TABLES,
    Column("reporter", String(200), nullable=False),
    Column("guidance", String(80), nullable=False),
    Column("release", String(80), nullable=False),
    Column("site", String(80), nullable=False),
    Column("day", String(10), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("at", String(32), nullable=False),
    UniqueConstraint("reporter", "guidance", "release", "site", "day"),
)

acknowledgements = Table(
    "acknowledgements",
    TABLES,
    Column("reporter", String(200), nullable=False),
    Column("worker", String(80), nullable=False),
    Column("deployment", String(80), nullable=False),
    Column("guidance", String(80), nullable=False),
    Column("release", String(80)),
    Column("stage", String(16), nullable=False),
    Column("ledger_number", Integer, nullable=False),
    Column("at", String(80), nullable=False),
    # By our own clock; `at` is the worker's.
    Column("received_at", String(32), nullable=False),
    UniqueConstraint("reporter", "worker", "deployment"),
)


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC, always with microseconds: `2026-11-22T14:02:07.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(text: str) -> datetime:
    """The moment that `instant_text` wrote."""
    return datetime.fromisoformat(text)
