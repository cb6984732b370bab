"""What is kept of people besides names and roles: passwords and tokens as hashes, public keys, failed tries, sessions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, Table, Text

from services.registry.tables import TABLES

accounts: Final = Table(
    "accounts",
    TABLES,
    Column("person", String(200), ForeignKey("people.key"), primary_key=True),
    # argon2id with its salt and cost, sealed: who has the database alone cannot even begin to guess.
    Column("password", Text, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    # Of a password that someone else has seen: it ends, used or not.
    Column("good_until", String(32)),
    Column("changed_at", String(32), nullable=False),
)

second_factors: Final = Table(
    "second_factors",
    TABLES,
    Column("person", String(200), ForeignKey("people.key"), primary_key=True),
    Column("secret", Text, nullable=False),  # of the app; sealed
    # The last step of 30 seconds whose code was taken: neither it nor an earlier one is taken again.
    Column("last_step", Integer, nullable=False),
    Column("added_at", String(32), nullable=False),
)

recovery_codes: Final = Table(
    "recovery_codes",
    TABLES,
    Column("sha256", String(64), primary_key=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False, index=True),
)

half_sign_ins: Final = Table(
    "half_sign_ins",
    TABLES,
    Column("id_sha256", String(64), primary_key=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False, index=True),
    Column("following", String(2000), nullable=False),
    Column("expires_at", String(32), nullable=False, index=True),
)

tries: Final = Table(
    "sign_in_tries",
    TABLES,
    # SHA-256 of the name or address that was given: what strangers type has no other place here.
    Column("subject", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", String(32), nullable=False, index=True),
    Column("blocked_until", String(32)),
)

request_counts: Final = Table(
    "request_counts",
    TABLES,
    Column("kind", String(16), primary_key=True),
    # SHA-256 of the address or name.
    Column("subject", String(64), primary_key=True),
    Column("minute", Integer, nullable=False, index=True),  # since 1970
    Column("calls", Integer, nullable=False),
)

sessions: Final = Table(
    "sessions",
    TABLES,
    Column("id_sha256", String(64), primary_key=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False, index=True),
    Column("how", String(16), nullable=False),
    Column("began_at", String(32), nullable=False, index=True),
    Column("seen_at", String(32), nullable=False),
    # `Firefox on Windows`, no more of it: enough to know one's own again.
    Column("browser", String(60), nullable=False, server_default=""),
)

security_events: Final = Table(
    "security_events",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False, index=True),
    Column("happened", String(40), nullable=False),
    Column("by", String(200), nullable=False),  # empty: nobody who is known
    Column("at", String(32), nullable=False),
)

tokens: Final = Table(
    "tokens",
    TABLES,
    Column("id", String(16), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False, index=True),
    # `api`: made by a person for a program; `access`: given for minutes to a service that proved its key.
    Column("kind", String(8), nullable=False),
    Column("label", String(100), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("added_at", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False, index=True),
    Column("used_at", String(32)),
)

service_keys: Final = Table(
    "service_keys",
    TABLES,
    Column("person", String(200), ForeignKey("people.key"), primary_key=True),
    Column("kid", String(256), primary_key=True),
    Column("jwk", JSON, nullable=False),  # the public half
    Column("added_at", String(32), nullable=False),
)

used_assertions: Final = Table(
    "used_assertions",
    TABLES,
    Column("id_sha256", String(64), primary_key=True),
    Column("expires_at", String(32), nullable=False, index=True),
)

accesses: Final = Table(
    "accesses",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False, index=True),
    Column("who", String(200), nullable=False, index=True),  # empty: nobody known
    Column("method", String(10), nullable=False),
    Column("route", String(100), nullable=False),
    Column("path", String(200), nullable=False),
    Column("status", Integer, nullable=False),
    Column("address", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
)

identities: Final = Table(
    "identities",
    TABLES,
    # Who someone is at an organisation's provider: these two together, and nothing else (no e-mail, no name).
    Column("issuer", String(300), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("person", String(200), ForeignKey("people.key"), nullable=False, index=True),
    Column("added_at", String(32), nullable=False),
)

sign_ins_begun: Final = Table(
    "sign_ins_begun",
    TABLES,
    Column("state_sha256", String(64), primary_key=True),
    Column("browser_sha256", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(128), nullable=False),
    Column("following", String(2000), nullable=False),
    Column("expires_at", String(32), nullable=False, index=True),
)
