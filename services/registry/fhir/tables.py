"""Where a release came from, if it was made elsewhere, and which evidence is not of this organisation."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, String, Table, Text

from services.registry.tables import TABLES

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
