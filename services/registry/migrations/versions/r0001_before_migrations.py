"""The registry's tables as they were when migrations began; a database made by them is recognised by these names.

They are a copy on purpose: what the code declares goes on, this does not.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES: Final = sa.MetaData()

sa.Table(
    "accesses",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("at", sa.String(32), nullable=False, index=True),
    sa.Column("who", sa.String(200), nullable=False, index=True),
    sa.Column("method", sa.String(10), nullable=False),
    sa.Column("route", sa.String(100), nullable=False),
    sa.Column("path", sa.String(200), nullable=False),
    sa.Column("status", sa.Integer(), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
)
sa.Table(
    "acknowledgements",
    TABLES,
    sa.Column("reporter", sa.String(200), nullable=False),
    sa.Column("worker", sa.String(80), nullable=False),
    sa.Column("deployment", sa.String(80), nullable=False),
    sa.Column("guidance", sa.String(80), nullable=False),
    sa.Column("release", sa.String(80)),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("ledger_number", sa.Integer(), nullable=False),
    sa.Column("at", sa.String(80), nullable=False),
    sa.Column("received_at", sa.String(32), nullable=False),
    sa.UniqueConstraint("reporter", "worker", "deployment"),
)
sa.Table(
    "attribute_edits",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("guidance", sa.String(64), nullable=False),
    sa.Column("attribute", sa.String(40), nullable=False),
    sa.Column("value", sa.JSON(), nullable=False),
    sa.Column("replaced", sa.JSON(), nullable=False),
    sa.Column("release", sa.String(71), nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("role", sa.String(400), nullable=False),
    sa.Column("why", sa.Text(), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("ledger_number", sa.Integer(), nullable=False),
    sa.Index("attribute_edits_of_a_guidance", "guidance", "number"),
)
sa.Table(
    "daily_heads",
    TABLES,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.Column("jws", sa.Text(), nullable=False),
)
sa.Table(
    "heard",
    TABLES,
    sa.Column("service", sa.String(200), primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),
)
sa.Table(
    "ledger",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("subject", sa.String(128), nullable=False, index=True),
    sa.Column("entry", sa.Text(), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
sa.Table(
    "ledger_head",
    TABLES,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
sa.Table(
    "memory_lines",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("guidance", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("words", sa.Text(), nullable=False),
    sa.Index("memory_lines_of_guidance", "guidance", "number"),
)
sa.Table(
    "people",
    TABLES,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("is_service", sa.Boolean(), nullable=False),
    sa.Column("roles", sa.JSON(), nullable=False),
    sa.Column("is_active", sa.Boolean(), nullable=False),
    sa.Column("token_sha256", sa.String(64), unique=True),
    sa.Column("added_at", sa.String(32), nullable=False),
)
sa.Table(
    "releases",
    TABLES,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("guidance", sa.String(64), nullable=False, index=True),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("bundle", sa.LargeBinary(), nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
)
sa.Table(
    "reports",
    TABLES,
    sa.Column("reporter", sa.String(200), nullable=False),
    sa.Column("guidance", sa.String(80), nullable=False),
    sa.Column("release", sa.String(80), nullable=False),
    sa.Column("site", sa.String(80), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("counts", sa.JSON(), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.UniqueConstraint("reporter", "guidance", "release", "site", "day"),
)
sa.Table(
    "sign_in_tries",
    TABLES,
    sa.Column("subject", sa.String(64), primary_key=True),
    sa.Column("failures", sa.Integer(), nullable=False),
    sa.Column("last_at", sa.String(32), nullable=False, index=True),
    sa.Column("blocked_until", sa.String(32)),
)
sa.Table(
    "sign_ins_begun",
    TABLES,
    sa.Column("state_sha256", sa.String(64), primary_key=True),
    sa.Column("browser_sha256", sa.String(64), nullable=False),
    sa.Column("nonce", sa.String(64), nullable=False),
    sa.Column("verifier", sa.String(128), nullable=False),
    sa.Column("following", sa.String(2000), nullable=False),
    sa.Column("expires_at", sa.String(32), nullable=False, index=True),
)
sa.Table(
    "stops",
    TABLES,
    sa.Column("ledger_number", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("guidance", sa.String(64), nullable=False, index=True),
    sa.Column("release", sa.String(71), nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
)
sa.Table(
    "used_assertions",
    TABLES,
    sa.Column("id_sha256", sa.String(64), primary_key=True),
    sa.Column("expires_at", sa.String(32), nullable=False, index=True),
)
sa.Table(
    "workers",
    TABLES,
    sa.Column("reporter", sa.String(200), nullable=False),
    sa.Column("worker", sa.String(80), nullable=False),
    sa.Column("heard_at", sa.String(32), nullable=False),
    sa.Column("answered_by", sa.String(32), nullable=False),
    sa.UniqueConstraint("reporter", "worker"),
)
sa.Table(
    "accounts",
    TABLES,
    sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), primary_key=True),
    sa.Column("password", sa.String(200), nullable=False),
    sa.Column("must_change", sa.Boolean(), nullable=False),
    sa.Column("is_demo", sa.Boolean(), nullable=False),
    sa.Column("good_until", sa.String(32)),
    sa.Column("changed_at", sa.String(32), nullable=False),
)
sa.Table(
    "evidence",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("digest", sa.String(71), nullable=False, unique=True),
    sa.Column("release", sa.String(71), sa.ForeignKey("releases.digest"), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("pack", sa.LargeBinary(), nullable=False),
    sa.Column("added_by", sa.String(200), nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
)
sa.Table(
    "foreign_reports",
    TABLES,
    sa.Column("release", sa.String(71), sa.ForeignKey("releases.digest"), primary_key=True),
    sa.Column("report_sha256", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
)
sa.Table(
    "identities",
    TABLES,
    sa.Column("issuer", sa.String(300), primary_key=True),
    sa.Column("subject", sa.String(300), primary_key=True),
    sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False, index=True),
    sa.Column("added_at", sa.String(32), nullable=False),
)
sa.Table(
    "origins",
    TABLES,
    sa.Column("release", sa.String(71), sa.ForeignKey("releases.digest"), primary_key=True),
    sa.Column("url", sa.Text(), nullable=False),
    sa.Column("version", sa.Text(), nullable=False),
    sa.Column("package_sha256", sa.String(64), nullable=False),
    sa.Column("issuer", sa.Text(), nullable=False),
    sa.Column("signed_by", sa.String(64), nullable=False),
    sa.Column("evidence", sa.JSON(), nullable=False),
    sa.Column("imported_by", sa.String(200), nullable=False),
    sa.Column("imported_at", sa.String(32), nullable=False),
)
sa.Table(
    "proposals",
    TABLES,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("release", sa.String(71), sa.ForeignKey("releases.digest"), nullable=False, unique=True),
    sa.Column("guidance", sa.String(64), nullable=False, index=True),
    sa.Column("author", sa.String(200), nullable=False),
    sa.Column("authors", sa.JSON(), nullable=False),
    sa.Column("note", sa.Text(), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("stopped_at", sa.String(16)),
    sa.Column("round", sa.Integer(), nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
    sa.Column("changed_at", sa.String(32), nullable=False),
    sa.Column("review_by", sa.String(10), nullable=False),
)
sa.Table(
    "service_keys",
    TABLES,
    sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), primary_key=True),
    sa.Column("kid", sa.String(256), primary_key=True),
    sa.Column("jwk", sa.JSON(), nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
)
sa.Table(
    "sessions",
    TABLES,
    sa.Column("id_sha256", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False, index=True),
    sa.Column("how", sa.String(16), nullable=False),
    sa.Column("began_at", sa.String(32), nullable=False, index=True),
    sa.Column("seen_at", sa.String(32), nullable=False),
)
sa.Table(
    "tokens",
    TABLES,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("person", sa.String(200), sa.ForeignKey("people.key"), nullable=False, index=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("label", sa.String(100), nullable=False),
    sa.Column("scopes", sa.JSON(), nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.String(32), nullable=False, index=True),
    sa.Column("used_at", sa.String(32)),
)
sa.Table(
    "conditions",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("proposal", sa.String(32), sa.ForeignKey("proposals.id"), nullable=False, index=True),
    sa.Column("person", sa.String(200), nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("transition", sa.String(16), nullable=False),
    sa.Column("round", sa.Integer(), nullable=False),
    sa.Column("text", sa.Text(), nullable=False),
    sa.Column("blocking", sa.Boolean(), nullable=False),
    sa.Column("closes", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("closed_by", sa.String(200)),
    sa.Column("closed_how", sa.Text()),
    sa.Column("closed_at", sa.String(32)),
)
sa.Table(
    "deployments",
    TABLES,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("proposal", sa.String(32), sa.ForeignKey("proposals.id"), nullable=False, unique=True),
    sa.Column("guidance", sa.String(64), nullable=False, index=True),
    sa.Column("release", sa.String(71), nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("sites", sa.JSON(), nullable=False),
    sa.Column("hooks", sa.JSON(), nullable=False),
    sa.Column("tenants", sa.JSON(), nullable=False),
    sa.Column("share", sa.Integer(), nullable=False),
    sa.Column("seed", sa.String(64), nullable=False),
    sa.Column("starts_at", sa.String(32)),
    sa.Column("ends_at", sa.String(32)),
    sa.Column("fallback", sa.String(71)),
    sa.Column("decided_by", sa.String(200)),
    sa.Column("decided_in", sa.Integer(), nullable=False),
    sa.Column("replaced_by", sa.String(71)),
    sa.Column("risk_tier", sa.String(16), nullable=False),
    sa.Column("policy", sa.String(32), nullable=False),
    sa.Column("overlay", sa.JSON(), nullable=False),
    sa.Column("changed_at", sa.String(32), nullable=False),
    sa.Column("changed_by", sa.String(200), nullable=False),
    sa.Column("changed_in", sa.Integer(), nullable=False),
    sa.Column("jws", sa.Text()),
    sa.Column("kid", sa.String(64)),
    sa.Column("ledger_number", sa.Integer()),
    sa.Column("issued_at", sa.String(32)),
    sa.Column("expires_at", sa.String(32)),
)
sa.Table(
    "questions",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("proposal", sa.String(32), sa.ForeignKey("proposals.id"), nullable=False, index=True),
    sa.Column("person", sa.String(200), nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("text", sa.Text(), nullable=False),
    sa.Column("blocking", sa.Boolean(), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("closed_by", sa.String(200)),
    sa.Column("closed_how", sa.Text()),
    sa.Column("closed_at", sa.String(32)),
)
sa.Table(
    "rollbacks",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("proposal", sa.String(32), sa.ForeignKey("proposals.id"), nullable=False, index=True),
    sa.Column("fallback", sa.String(71), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("declared_by", sa.String(200), nullable=False),
    sa.Column("declared_at", sa.String(32), nullable=False),
)
sa.Table(
    "trials",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("proposal", sa.String(32), sa.ForeignKey("proposals.id"), nullable=False, index=True),
    sa.Column("digest", sa.String(71), nullable=False, unique=True),
    sa.Column("trial", sa.JSON(), nullable=False),
    sa.Column("filed_by", sa.String(200), nullable=False),
    sa.Column("filed_at", sa.String(32), nullable=False),
    sa.Column("in_force", sa.Boolean(), nullable=False),
)
sa.Table(
    "votes",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("proposal", sa.String(32), sa.ForeignKey("proposals.id"), nullable=False),
    sa.Column("person", sa.String(200), nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("vote", sa.String(32), nullable=False),
    sa.Column("transition", sa.String(16), nullable=False),
    sa.Column("release", sa.String(71), nullable=False),
    sa.Column("evidence", sa.JSON(), nullable=False),
    sa.Column("accepts", sa.JSON(), nullable=False),
    sa.Column("plans", sa.JSON(), nullable=False),
    sa.Column("conflict", sa.Text(), nullable=False),
    sa.Column("expires_at", sa.String(32)),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("round", sa.Integer(), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("ledger_number", sa.Integer(), nullable=False),
    sa.Index("votes_of_a_proposal", "proposal", "number"),
)
sa.Table(
    "replies",
    TABLES,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("question", sa.Integer(), sa.ForeignKey("questions.number"), nullable=False, index=True),
    sa.Column("person", sa.String(200), nullable=False),
    sa.Column("text", sa.Text(), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)


def upgrade() -> None:
    """Make every table that is not there yet, with the words of the memory as each database searches them."""
    bind = op.get_bind()
    has_words = sa.inspect(bind).has_table("memory_lines")
    TABLES.create_all(bind)
    if has_words:
        return
    if bind.dialect.name == "postgresql":
        op.execute("CREATE INDEX memory_lines_words ON memory_lines USING gin (to_tsvector('simple', words))")
    else:
        op.execute(
            "CREATE VIRTUAL TABLE memory_words USING fts5(words, content='memory_lines', content_rowid='number', "
            "tokenize='unicode61 remove_diacritics 2')"
        )
