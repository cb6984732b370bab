"""What the registry keeps of the CDS workers that serve its manifests, on the shared metadata."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, String, Table, UniqueConstraint

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
