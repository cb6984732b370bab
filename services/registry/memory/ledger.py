"""The memory: an append-only chain of entries, each holding the hash of the one before.

An entry is canonical JSON (RFC 8785); its hash is the SHA-256 of exactly those bytes. Altering, reordering or
removing an entry breaks the chain; cutting off its end is noticed by the kept head, by the daily signed heads and by
every signed manifest, each of which names an entry's number and hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
import rfc8785
from sqlalchemy import Connection, insert, select, update

from services.guidance.manifest import LedgerHead
from services.plumbing.database import insert_once
from services.plumbing.keys import SigningKey, sign
from services.registry.tables import daily_heads, instant_text, ledger, ledger_head

GENESIS: Final = "0" * 64  # what the first entry names as the hash before it
HEAD_TYPE: Final = "knowdo-ledger-head"
SALT: Final = "salt"


def head(connection: Connection) -> LedgerHead:
    """The last entry; number 0 in a ledger that is still empty."""
    row = connection.execute(select(ledger_head.c.number, ledger_head.c.hash)).first()
    return LedgerHead(row.number, row.hash) if row else LedgerHead(0, GENESIS)


def begin(connection: Connection) -> None:
    """Put down the head of an empty ledger, so that even the first two writers queue for it."""
    if connection.execute(select(ledger_head.c.id)).first() is None:
        # Another process may do so at this moment.
        insert_once(connection, ledger_head, {"id": 1, "number": 0, "hash": GENESIS})


def wait_in_line(connection: Connection) -> None:
    """Hold the pen until the transaction ends; SQLite's write lock does that by itself."""
    connection.execute(select(ledger_head.c.id).with_for_update())


def append(
    connection: Connection,
    *,
    actor: str,
    role: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> LedgerHead:
    """Add one entry inside the caller's transaction: it and what it tells of are kept together or not at all."""
    # The row lock makes writers queue (SQLite holds its write lock already), so that no two follow the same entry.
    last = connection.execute(select(ledger_head.c.number, ledger_head.c.hash).with_for_update()).first()
    number, prev = (last.number + 1, last.hash) if last else (1, GENESIS)
    entry = rfc8785.dumps(
        {
            "number": number,
            "at": instant_text(now),
            "actor": actor,
            "role": role,
            "action": action,
            "subject": subject,
            "detail": dict(detail),
            "prev": prev,
        }
    )
    digest = sha256(entry).hexdigest()
    connection.execute(insert(ledger).values(number=number, subject=subject, entry=entry.decode(), hash=digest))
    if last:
        connection.execute(update(ledger_head).values(number=number, hash=digest))
    else:
        connection.execute(insert(ledger_head).values(id=1, number=number, hash=digest))
    return LedgerHead(number, digest)


def salted(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of an entry that may be withheld: 128 random bits, lest somebody tries which words have its hash."""
    return {**detail, SALT: secrets.token_hex(16)}


def entries(connection: Connection, *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
    """Entries in order, each with its hash beside it."""
    rows = connection.execute(
        select(ledger.c.entry, ledger.c.hash).where(ledger.c.number > after).order_by(ledger.c.number).limit(limit)
    )
    return [{**msgspec.json.decode(row.entry), "hash": row.hash} for row in rows]


def links(connection: Connection) -> Iterator[tuple[int, str, str, str]]:
    """Every entry in order as (number, subject it is filed under, text, kept hash), a few thousand at a time."""
    asked = select(ledger.c.number, ledger.c.subject, ledger.c.entry, ledger.c.hash).order_by(ledger.c.number)
    rows = connection.execute(asked, execution_options={"yield_per": 5000})  # of this question, not of the connection
    yield from ((row.number, row.subject, row.entry, row.hash) for row in rows)


def entries_about(connection: Connection, subjects: Sequence[str], *, limit: int = 200) -> list[dict[str, Any]]:
    """The last entries about any of these subjects, oldest first."""
    rows = connection.execute(
        select(ledger.c.entry, ledger.c.hash)
        .where(ledger.c.subject.in_(subjects))
        .order_by(ledger.c.number.desc())
        .limit(limit)
    )
    return [{**msgspec.json.decode(row.entry), "hash": row.hash} for row in rows][::-1]


def sign_day(connection: Connection, key: SigningKey, *, issuer: str, now: datetime) -> bool:
    """Sign the head once a day; False if today's is signed already or there is nothing to sign."""
    last = head(connection)
    day = instant_text(now)[:10]
    known = connection.execute(select(daily_heads.c.day).where(daily_heads.c.day == day)).first()
    if last.number == 0 or known:
        return False
    payload = {
        "typ": HEAD_TYPE,
        "format": 1,
        "day": day,
        "number": last.number,
        "hash": last.hash,
        "issuer": issuer,
    }
    connection.execute(insert(daily_heads).values(day=day, number=last.number, jws=sign(payload, key)))
    return True


def signed_heads(connection: Connection) -> list[str]:
    """The daily heads as signed, oldest first."""
    return list(connection.execute(select(daily_heads.c.jws).order_by(daily_heads.c.day)).scalars())
