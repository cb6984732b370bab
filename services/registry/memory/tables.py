"""What the memory is found by: one line of plain words per entry of the ledger, made from it and nothing else.

The index may be thrown away at any time; the next search makes it again.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, Column, Index, Integer, String, Table, Text, event

from services.registry.tables import TABLES

lines: Final = Table(
    "memory_lines",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("guidance", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    # Everything that may be searched for; shown is only the sentence.
    Column("words", Text, nullable=False),
    Index("memory_lines_of_guidance", "guidance", "number"),
)

WORDS: Final = "memory_words"
"""SQLite's full-text table; PostgreSQL has an index over `words` instead."""

event.listen(
    lines,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        f"CREATE VIRTUAL TABLE {WORDS} USING fts5(words, content='memory_lines', content_rowid='number', "
        "tokenize='unicode61 remove_diacritics 2')"
    ).execute_if(dialect="sqlite"),
)
event.listen(
    lines,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE INDEX memory_lines_words ON memory_lines USING gin (to_tsvector('simple', words))"
    ).execute_if(dialect="postgresql"),
)
