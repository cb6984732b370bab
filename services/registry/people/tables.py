"""What is kept of people besides their names and roles: passwords as hashes, failed tries, sessions. No secret is kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table

from services.registry.tables import TABLES

accounts: Final = Table(
    "accounts",
    TABLES,
    Column("person", String(200), ForeignKey("people.key"), primary_key=True),
    Column("password", String(200), nullable=False),  # argon2id, with its salt and cost
    Column("must_change", Boolean, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    # Of a password that someone else has seen: it ends, used or not.
    Column("good_until", String(32)),
    Column("changed_at", String(32), nullable=False),
)

tries: Final = Table(
    "sign_in_tries",
    TABLES,
    # SHA-256 of the name or address that was given: what strangers type has no other place here.
    Column("subject", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", String(32), nullable=False, index=True),
    Column("blocked_until", String(32)),
)

sessions: Final = Table(
    "sessions",
    TABLES,
    Column("id_sha256", String(64), primary_key=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False, index=True),
    Column("how", String(16), nullable=False),
    Column("began_at", String(32), nullable=False, index=True),
    Column("seen_at", String(32), nullable=False),
)
