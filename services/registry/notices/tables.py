"""What is kept of notices: who wants them where, and every one that was made until after it is delivered."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from services.registry.tables import TABLES

notice_choices: Final = Table(
    "notice_choices",
    TABLES,
    Column("person", String(200), ForeignKey("people.key"), primary_key=True),
    # Empty: not by this way.
    Column("email", String(254), nullable=False),
    Column("webhook", String(500), nullable=False),
    # Signs what is sent to the webhook; sealed.
    Column("secret", Text, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("changed_at", String(32), nullable=False),
)
"""One row for each person who wants notices; without one there are none."""

notices: Final = Table(
    "notices",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False),
    Column("channel", String(8), nullable=False),
    # What it is about; one notice of it for each person and way.
    Column("about", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("said", Text, nullable=False),
    Column("path", String(300), nullable=False),
    Column("made_at", String(32), nullable=False),
    # `waiting`, `sent`, or `failed`: given up, and shown.
    Column("state", String(8), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", String(32), nullable=False),
    Column("fault", String(300), nullable=False),
    Column("sent_at", String(32)),
    # Where it goes; empty: to the address chosen now. A former address still hears of what made it a former one.
    Column("to", String(500), nullable=False, server_default=""),
    UniqueConstraint("person", "channel", "about"),
    Index("notices_due", "state", "next_at"),
)
"""The outbox."""
