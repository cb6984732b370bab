"""Sessions say in which browser; what happens to how a person signs in is kept for that person; notices may go elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Sessions that stand go on, in a browser that is not known."""
    op.add_column("sessions", sa.Column("browser", sa.String(60), nullable=False, server_default=""))
    op.add_column("notices", sa.Column("to", sa.String(500), nullable=False, server_default=""))
    op.create_table(
        "security_events",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False, index=True),
        sa.Column("happened", sa.String(40), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
