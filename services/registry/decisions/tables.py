"""What a decision keeps besides its votes: conditions, questions with replies, and what speaks if it must be taken back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text

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
