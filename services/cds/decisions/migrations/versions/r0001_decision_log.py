"""The decision log: decisions by day, feedback, tokens seen, who read what, bulk exports, how far retention has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table; on PostgreSQL decisions are partitioned, with a net under the days."""
    postgres = op.get_bind().dialect.name == "postgresql"
    by_bytes = sa.String(collation="C") if postgres else sa.String()

    def text(name: str) -> sa.Column[str]:
        return sa.Column(name, sa.String(), nullable=False)

    op.create_table(
        "decisions",
        sa.Column("decision", by_bytes, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("index_at", sa.BigInteger(), nullable=False),
        *map(text, ("guidance", "release", "policy_digest", "stage", "hook", "hook_instance")),
        *map(text, ("patient", "encounter", "user", "issuer", "tenant", "status")),
        sa.Column("reason", sa.Text(), nullable=False),
        *map(text, ("suppressed_because", "band", "arm")),
        sa.Column("arm_probability", sa.Float(), nullable=False),
        sa.Column("risk", sa.Float()),
        sa.Column("log_odds", sa.Float()),
        sa.Column("risks", sa.Text()),
        text("feature_set"),
        sa.Column("features", sa.Text()),
        sa.Column("latency", sa.Text()),
        sa.Column("card", sa.Text()),
        postgresql_partition_by="RANGE (decision)",
    )
    op.create_index("decisions_patient", "decisions", ["patient", "index_at"])
    if postgres:
        # What has no day of its own (an old spool brought home, a clock far off) is kept all the same.
        op.execute("CREATE TABLE decisions_default PARTITION OF decisions DEFAULT")
    op.create_table(
        "feature_sets",
        sa.Column("feature_set", sa.String(), primary_key=True),
        text("release"),
        sa.Column("names", sa.Text(), nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("feedback", sa.String(), primary_key=True),
        text("service"),
        # Compared with `decision`: an index of another collation would not serve.
        sa.Column("card_uuid", by_bytes, nullable=False),
        text("outcome"),
        sa.Column("accepted_suggestions", sa.Text(), nullable=False),
        sa.Column("override_reason", sa.Text()),
        sa.Column("comment", sa.Text()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
    )
    op.create_index("ix_feedback_card_uuid", "feedback", ["card_uuid"])
    op.create_index("ix_feedback_received_at", "feedback", ["received_at"])
    op.create_table(
        "tokens_seen",
        sa.Column("iss", sa.String(), primary_key=True),
        sa.Column("jti", sa.String(), primary_key=True),
        sa.Column("expires_at", sa.Integer(), nullable=False),
    )
    op.create_index("ix_tokens_seen_expires_at", "tokens_seen", ["expires_at"])
    op.create_table("retention", sa.Column("name", sa.String(), primary_key=True), text("said"))
    op.create_table(
        "accesses",
        sa.Column("access", by_bytes, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *map(text, ("role", "action", "what", "patient")),
        sa.Column("found", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "exports",
        sa.Column("export", by_bytes, primary_key=True),
        text("role"),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        *map(text, ("status", "progress")),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "export_files",
        sa.Column(
            "export", by_bytes, sa.ForeignKey("exports.export", ondelete="CASCADE"), primary_key=True, nullable=False
        ),
        sa.Column("name", sa.String(), primary_key=True, nullable=False),
        text("type"),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
