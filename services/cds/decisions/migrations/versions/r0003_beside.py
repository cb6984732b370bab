"""Which decisions a silent release made beside one that answered, and beside which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A default that both databases keep apart from the rows: none of them is written anew."""
    op.add_column("decisions", sa.Column("beside", sa.String(), nullable=False, server_default=""))
