"""Who asked for manifests is kept in `workers` alone; a proposal knows whether its overdue review was entered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was heard of services without a worker's name goes along, under the empty name."""
    op.execute(
        "INSERT INTO workers (reporter, worker, heard_at, answered_by) "
        "SELECT service, '', at, at FROM heard "
        "WHERE NOT EXISTS (SELECT 1 FROM workers WHERE workers.reporter = heard.service)"
    )
    op.drop_table("heard")
    op.add_column("proposals", sa.Column("overdue_entered", sa.String(10), nullable=False, server_default=""))
