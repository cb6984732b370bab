"""What the registry keeps of the CDS workers that serve its manifests, on the shared metadata."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint

from services.registry.tables import TABLES

workers: Final = Table(
    "workers",
    TABLES,
    Column("reporter", String(200), nullable=False),
    Column("worker", String(80), nullable=False),
    Column("heard_at", String(32), nullable=False),
    # Its question is held no longer than that, and what answers it is the newest lease that it may hold.
    Column("answered_by", String(32), nullable=False),
    UniqueConstraint("reporter", "worker"),
)
"""One row for each worker that may hold a lease: when it last asked for manifests, by our clock."""

stops: Final = Table(
    "stops",
    TABLES,
    # The entry of the ledger that tells of it.
    Column("ledger_number", Integer, primary_key=True, autoincrement=False),
    Column("guidance", String(64), nullable=False, index=True),
    Column("release", String(71), nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", String(32), nullable=False),
    # Empty until somebody has given one.
    Column("reason", Text, nullable=False),
)
"""Stops by people, each with its reason; a stop waits for no words, and owes them within a day."""
