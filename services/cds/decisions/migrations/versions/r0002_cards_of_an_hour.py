"""An index of the cards shown, by guidance and time: what a circuit breaker counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """On PostgreSQL every day's partition gets its own."""
    shown = sa.text("status = 'shown'")
    op.create_index("decisions_shown_at", "decisions", ["guidance", "at"], sqlite_where=shown, postgresql_where=shown)
