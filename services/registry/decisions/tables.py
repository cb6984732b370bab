"""What a decision keeps besides its votes: conditions, questions, the way back, and where an imported release came from."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, Table, Text

from services.registry.tables import TABLES

conditions = Table(
    "conditions",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("proposal", String(32), ForeignKey("proposals.id"), nullable=False, index=True),
    Column("person", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("transition", String(16), nullable=False),
    Column("round", Integer, nullable=False),
    Column("text", Text, nullable=False),
    # Blocking: before this step is taken. Else before the next one is.
    Column("blocking", Boolean, nullable=False),
    Column("closes", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", String(32), nullable=False),
    Column("closed_by", String(200)),
    Column("closed_how", Text),
    Column("closed_at", String(32)),
)

questions = Table(
    "questions",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("proposal", String(32), ForeignKey("proposals.id"), nullable=False, index=True),
    Column("person", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("blocking", Boolean, nullable=False),
    Column("at", String(32), nullable=False),
    Column("closed_by", String(200)),
    Column("closed_how", Text),
    Column("closed_at", String(32)),
)

replies = Table(
    "replies",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("question", Integer, ForeignKey("questions.number"), nullable=False, index=True),
    Column("person", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", String(32), nullable=False),
)

rollbacks = Table(
    "rollbacks",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("proposal", String(32), ForeignKey("proposals.id"), nullable=False, index=True),
    # A release's digest, or `none`.
    Column("fallback", String(71), nullable=False),
    Column("reason", Text, nullable=False),
    Column("declared_by", String(200), nullable=False),
    Column("declared_at", String(32), nullable=False),
)

origins = Table(
    "origins",
    TABLES,
    Column("release", String(71), ForeignKey("releases.digest"), primary_key=True),
    # What the package said of itself, and what was verified of it.
    Column("url", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("package_sha256", String(64), nullable=False),
    Column("issuer", Text, nullable=False),
    # The key that signed it, or empty: then nobody vouches for it.
    Column("signed_by", String(64), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("imported_by", String(200), nullable=False),
    Column("imported_at", String(32), nullable=False),
)

foreign_reports = Table(
    "foreign_reports",
    TABLES,
    Column("release", String(71), ForeignKey("releases.digest"), primary_key=True),
    # SHA-256 of a report's bytes: packed again, it is still what another organisation found.
    Column("report_sha256", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
)
