"""Second factors; sessions say in which browser; what happens to how a person signs in is kept for that person; notices may go elsewhere.

And there is room for secrets that are sealed.
"""

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
    # Sealed texts are longer than what is sealed. The registry seals what is there when it starts: the keys are its own.
    for table, column, length in (("accounts", "password", 200), ("notice_choices", "secret", 100)):
        with op.batch_alter_table(table) as changed:
            changed.alter_column(column, type_=sa.Text(), existing_type=sa.String(length), existing_nullable=False)
    op.create_table(
        "second_factors",
        sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), primary_key=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False, index=True),
    )
    op.create_table(
        "half_sign_ins",
        sa.Column("id_sha256", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False, index=True),
        sa.Column("following", sa.String(2000), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False, index=True),
    )
    op.create_table(
        "request_counts",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("minute", sa.Integer(), nullable=False, index=True),
        sa.Column("calls", sa.Integer(), nullable=False),
    )
    op.create_table(
        "security_events",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False, index=True),
        sa.Column("happened", sa.String(40), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
