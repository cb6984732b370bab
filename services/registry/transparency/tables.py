"""Corrections of source attributes as a table: every version is kept, the last of each key holds."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from services.registry.tables import TABLES

attribute_edits = Table(
    "attribute_edits",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("guidance", String(64), nullable=False),
    Column("attribute", String(40), nullable=False),
    Column("value", JSON, nullable=False),
    # What the author said when it was made: of another text the edit is spent.
    Column("replaced", JSON, nullable=False),
    # The release that its writer had before them.
    Column("release", String(71), nullable=False),
    Column("by", String(200), nullable=False),
    Column("role", String(400), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", String(32), nullable=False),
    Column("ledger_number", Integer, nullable=False),
    Index("attribute_edits_of_a_guidance", "guidance", "number"),
)
