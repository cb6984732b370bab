"""The tables of the decision log, as the migrations leave them. Few indexes: each is paid for by every call.

`decision` is ordered by time (see `identity`): it is primary key, partition key and the order of every page that is read.
On PostgreSQL `decisions` is partitioned by day; dropping a day costs nothing. On SQLite the key's order does the same
work: old rows lie together.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

TABLES: Final = MetaData()

# "C": by bytes on every server. A server's own collation passes over hyphens, and time order would be lost.
ByBytes: Final = String().with_variant(String(collation="C"), "postgresql")

decisions: Final = Table(
    "decisions",
    TABLES,
    Column("decision", ByBytes, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("index_at", BigInteger, nullable=False),
    Column("guidance", String, nullable=False),
    Column("release", String, nullable=False),
    Column("policy_digest", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("hook", String, nullable=False),
    Column("hook_instance", String, nullable=False),
    Column("patient", String, nullable=False),
    Column("encounter", String, nullable=False),
    Column("user", String, nullable=False),
    Column("issuer", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("suppressed_because", String, nullable=False),
    Column("band", String, nullable=False),
    Column("arm", String, nullable=False),
    Column("arm_probability", Float, nullable=False),
    Column("risk", Float),
    Column("log_odds", Float),
    Column("risks", Text),
    Column("feature_set", String, nullable=False),  # "" where no feature was read
    Column("features", Text),
    Column("latency", Text),
    Column("card", Text),  # "": there was one; pseudonymisation removed its text
    Column("beside", String, nullable=False, server_default=""),
    postgresql_partition_by="RANGE (decision)",
)
# One index for all that is asked of one patient: what was shown of late, a FHIR search, erasure on request.
Index("decisions_patient", decisions.c.patient, decisions.c.index_at)
# The cards of an hour, for a circuit breaker; only what was shown is in it, so most calls do not pay.
Index(
    "decisions_shown_at",
    decisions.c.guidance,
    decisions.c.at,
    sqlite_where=text("status = 'shown'"),
    postgresql_where=text("status = 'shown'"),
)

feature_sets: Final = Table(
    "feature_sets",
    TABLES,
    Column("feature_set", String, primary_key=True),
    Column("release", String, nullable=False),
    Column("names", Text, nullable=False),
)
"""The names of a release's features in their order, once; `release` is the first that had them."""

feedback: Final = Table(
    "feedback",
    TABLES,
    Column("feedback", String, primary_key=True),
    Column("service", String, nullable=False),
    # Compared with `decision`: an index of another collation would not serve.
    Column("card_uuid", ByBytes, nullable=False, index=True),
    Column("outcome", String, nullable=False),
    Column("accepted_suggestions", Text, nullable=False),
    Column("override_reason", Text),
    Column("comment", Text),
    Column("at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False, index=True),
    Column("raw", Text, nullable=False),
)

tokens: Final = Table(
    "tokens_seen",
    TABLES,
    Column("iss", String, primary_key=True),
    Column("jti", String, primary_key=True),
    Column("expires_at", Integer, nullable=False, index=True),
)

retention: Final = Table(
    "retention",
    TABLES,
    Column("name", String, primary_key=True),
    Column("said", String, nullable=False),
)
"""How far pseudonymisation has come, and the fingerprint of the key that it uses."""

accesses: Final = Table(
    "accesses",
    TABLES,
    Column("access", ByBytes, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("role", String, nullable=False),
    Column("action", String, nullable=False),
    Column("what", String, nullable=False),
    Column("patient", String, nullable=False),  # "" where the reading was not about one patient
    Column("found", BigInteger, nullable=False),
)
"""Who read or erased what of patients: one row for each reading."""

exports: Final = Table(
    "exports",
    TABLES,
    Column("export", ByBytes, primary_key=True),
    Column("role", String, nullable=False),
    Column("asked", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("progress", String, nullable=False),
    Column("fault", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""Bulk exports that were asked for."""

export_files: Final = Table(
    "export_files",
    TABLES,
    Column("export", ByBytes, ForeignKey("exports.export", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("count", BigInteger, nullable=False),
)
