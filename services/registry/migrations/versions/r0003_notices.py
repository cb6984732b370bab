"""Who wants notices where, and the outbox of those that were made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables, empty."""
    op.create_table(
        "notice_choices",
        sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("webhook", sa.String(500), nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "notices",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.String(32), nullable=False),
        sa.Column("fault", sa.String(300), nullable=False),
        sa.Column("sent_at", sa.String(32)),
        sa.UniqueConstraint("person", "channel", "about"),
        sa.Index("notices_due", "state", "next_at"),
    )
