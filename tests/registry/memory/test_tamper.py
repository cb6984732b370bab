"""Whoever can write to the database still cannot change the memory unseen: each way, and the entry that gives it away."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from sqlalchemy import Connection, delete, insert, select, update

from services.plumbing.keys import SigningKey, public_key_set, sign
from services.registry.memory import ledger
from services.registry.memory.chain import verify_chain
from services.registry.memory.export import export, read_export
from services.registry.memory.ledger import GENESIS
from services.registry.memory.proof import prove_export, prove_here
from services.registry.tables import daily_heads, ledger_head
from services.registry.tables import ledger as table
from tests.registry.conftest import NOW

KEY = SigningKey.generate()
KEYS = public_key_set(KEY)
ENTRIES = 12
SIGNED = 8
"""The head was signed when the ledger had so many entries."""


@dataclass
class Ledger:
    """A ledger open to an attacker who holds the database, but no key."""

    connection: Connection
    hashes: dict[int, str]

    def entry(self, number: int) -> dict[str, Any]:
        """What an entry says, to be changed."""
        row = self.connection.execute(select(table.c.entry).where(table.c.number == number)).scalar_one()
        found: dict[str, Any] = json.loads(row)
        return found

    def put(self, number: int, /, **values: object) -> None:
        """Overwrite columns of one row."""
        self.connection.execute(update(table).where(table.c.number == number).values(**values))

    def rewrite(self, number: int, /, **changed: object) -> None:
        """Change an entry and mend its hash."""
        text = rfc8785.dumps(self.entry(number) | changed).decode()
        self.put(number, entry=text, hash=sha256(text.encode()).hexdigest())

    def remove(self, *numbers: int) -> None:
        """Remove entries."""
        self.connection.execute(delete(table).where(table.c.number.in_(numbers)))

    def renumber_from(self, first: int, by: int) -> None:
        """Move the numbers of all rows from one on."""
        order = table.c.number if by < 0 else table.c.number.desc()
        for (number,) in self.connection.execute(select(table.c.number).where(table.c.number >= first).order_by(order)):
            self.put(number, number=number + by)

    def chain_anew(self, first: int) -> None:
        """Mend every link and hash from an entry to the end, and the kept head: a whole chain, another history."""
        previous = self.hash_of(first - 1)
        last = first - 1
        rows = self.connection.execute(select(table.c.number).where(table.c.number >= first).order_by(table.c.number))
        for (number,) in rows.all():
            self.rewrite(number, number=number, prev=previous)
            previous, last = self.hash_of(number), number
        self.head(last, previous)

    def hash_of(self, number: int) -> str:
        """The kept hash of an entry."""
        kept = self.connection.execute(select(table.c.hash).where(table.c.number == number)).scalar()
        return str(kept or GENESIS)

    def head(self, number: int, kept: str) -> None:
        """Overwrite the kept head."""
        self.connection.execute(update(ledger_head).values(number=number, hash=kept))

    def swap(self, here: int, there: int) -> None:
        """Two entries change places, texts and hashes."""
        rows = {row.number: row for row in self.connection.execute(select(table))}
        for to, source in ((here, there), (there, here)):
            self.put(to, entry=rows[source].entry, hash=rows[source].hash, subject=rows[source].subject)

    def insert(self, number: int, **said: object) -> None:
        """Put in a row."""
        text = rfc8785.dumps({"number": number, **said}).decode()
        self.connection.execute(
            insert(table).values(
                number=number, subject=str(said["subject"]), entry=text, hash=sha256(text.encode()).hexdigest()
            )
        )


def forged(number: int, prev: str) -> dict[str, Any]:
    """What somebody would like to have been decided."""
    return {
        "at": "2026-11-22T14:02:07.000000Z", "actor": "eve", "role": "clinical-reviewer", "action": "voted",
        "subject": "release 0", "detail": {"vote": "approve"}, "prev": prev,
    }  # fmt: skip


def insert_between(found: Ledger) -> None:
    """A new entry 5, the rest moved on by one."""
    found.renumber_from(5, 1)
    found.insert(5, **forged(5, found.hash_of(4)))


def cut_and_mend(count: int) -> Callable[[Ledger], None]:
    """The last entries gone, the head mended."""

    def act(found: Ledger) -> None:
        found.remove(*range(ENTRIES - count + 1, ENTRIES + 1))
        found.head(ENTRIES - count, found.hash_of(ENTRIES - count))

    return act


def whole_new_history(found: Ledger) -> None:
    """Another vote at entry 2, every later link and hash mended, and the head."""
    found.rewrite(2, actor="eve")
    found.chain_anew(3)


def sign_with_another_key(found: Ledger) -> None:
    """The signed head of the day replaced by one of the attacker's own."""
    said = {
        "typ": ledger.HEAD_TYPE,
        "format": 1,
        "day": "2026-11-22",
        "number": SIGNED,
        "hash": "0" * 64,
        "issuer": "x",
    }
    found.connection.execute(update(daily_heads).values(jws=sign(said, SigningKey.generate())))


def alter_signed_head(found: Ledger) -> None:
    """One letter of the signed head."""
    jws = found.connection.execute(select(daily_heads.c.jws)).scalar_one()
    found.connection.execute(update(daily_heads).values(jws=jws[:40] + ("A" if jws[40] != "A" else "B") + jws[41:]))


def append_behind(found: Ledger) -> None:
    """A fitting entry 13 that the kept head does not know."""
    found.insert(13, **forged(13, found.hash_of(12)))


def replay(found: Ledger) -> None:
    """An earlier vote put in again as entry 9."""
    row = found.connection.execute(select(table).where(table.c.number == 3)).one()
    found.put(9, entry=row.entry, hash=row.hash, subject=row.subject)


def said(**changed: object) -> Callable[[Ledger], None]:
    """Entry 4 says something else, its hash left alone."""
    return lambda found: found.put(4, entry=rfc8785.dumps(found.entry(4) | changed).decode())


def mended(number: int, /, **changed: object) -> Callable[[Ledger], None]:
    """An entry says something else, its hash mended."""
    return lambda found: found.rewrite(number, **changed)


TAMPERED: dict[str, tuple[Callable[[Ledger], None], str]] = {
    "who acted": (said(actor="eve"), "entry 4 was altered"),
    "in which role": (said(role="administrator"), "entry 4 was altered"),
    "what was done": (said(action="moved"), "entry 4 was altered"),
    "when": (said(at="2025-01-01T00:00:00.000000Z"), "entry 4 was altered"),
    "the reason": (said(detail={"n": 3, "reason": "agreed"}), "entry 4 was altered"),
    "a field added": (said(approved=True), "entry 4 was altered"),
    "the subject, in entry and column": (
        lambda found: (said(subject="release 9")(found), found.put(4, subject="release 9"))[0],
        "entry 4 was altered",
    ),
    "white space only": (
        lambda found: found.put(4, entry=" " + rfc8785.dumps(found.entry(4)).decode()),
        "entry 4 was altered",
    ),
    "no JSON any more": (lambda found: found.put(4, entry="gone"), "entry 4 was altered"),
    "no JSON, its hash mended": (
        lambda found: found.put(4, entry="gone", hash=sha256(b"gone").hexdigest()),
        "entry 4 cannot be read",
    ),
    "the kept hash": (lambda found: found.put(4, hash="f" * 64), "entry 4 was altered"),
    "who acted, its hash mended": (mended(4, actor="eve"), "entry 5 does not follow entry 4"),
    "the first entry, its hash mended": (mended(1, actor="eve"), "entry 2 does not follow entry 1"),
    "the last entry, its hash mended": (mended(12, actor="eve"), "kept head of entry 12"),
    "the link, its hash mended": (mended(6, prev="e" * 64), "entry 6 does not follow entry 5"),
    "the number in the entry, its hash mended": (mended(6, number=7), "entry 6 calls itself 7"),
    "filed under another subject": (lambda found: found.put(6, subject="elsewhere"), "entry 6 is filed under another"),
    "one removed": (lambda found: found.remove(6), "entry 6 is missing"),
    "several removed": (lambda found: found.remove(5, 6, 7), "entries 5 to 7 are missing"),
    "the first removed": (lambda found: found.remove(1), "entry 1 is missing"),
    "one removed and the gap closed": (
        lambda found: (found.remove(6), found.renumber_from(7, -1))[0],
        "entry 6 calls itself 7",
    ),
    "two exchanged": (lambda found: found.swap(3, 9), "entry 3 calls itself 9"),
    "two neighbours exchanged": (lambda found: found.swap(3, 4), "entry 3 calls itself 4"),
    "one put between": (insert_between, "entry 6 calls itself 5"),
    "one put behind the end": (append_behind, "goes on to entry 13"),
    "an earlier one again": (replay, "entry 9 calls itself 3"),
    "the end cut off": (lambda found: found.remove(12), "ends at entry 11"),
    "the end cut off and the head mended": (cut_and_mend(6), "names entry 8, which is not there"),
    "everything removed": (lambda found: found.remove(*range(1, 13)), "ends at entry 0"),
    "everything removed and the head mended": (
        lambda found: (found.remove(*range(1, 13)), found.head(0, GENESIS))[0],
        "names entry 8, which is not there",
    ),
    "the kept head moved back": (lambda found: found.head(10, found.hash_of(10)), "its kept head is entry 10"),
    "the kept head's hash": (lambda found: found.head(12, "d" * 64), "kept head of entry 12"),
    "a whole new history": (whole_new_history, "says that entry 8 was another one"),
    "a signed head of somebody else": (sign_with_another_key, "a signed daily head"),
    "a signed head altered": (alter_signed_head, "a signed daily head"),
}


@pytest.fixture
def found(connection: Connection) -> Ledger:
    """Twelve entries; the head was signed at the eighth."""
    hashes = {}
    ledger.begin(connection)
    for n in range(ENTRIES):
        hashes[n + 1] = ledger.append(
            connection, actor="ann", role="clinical-reviewer", action="voted", subject=f"release {n % 3}",
            detail={"n": n, "reason": "größer ✓"}, now=NOW,
        ).hash  # fmt: skip
        if n + 1 == SIGNED:
            ledger.sign_day(connection, KEY, issuer="x", now=NOW)
    return Ledger(connection, hashes)


def test_the_table_is_long_enough() -> None:
    """At least twenty-five ways."""
    assert len(TAMPERED) >= 25


def test_nobody_touched_it(found: Ledger) -> None:
    """The ledger that the table tampers with is whole, in its database and as an export."""
    assert prove_here(found.connection, KEYS).is_whole
    told = prove_export(
        read_export(b"".join(export(found.connection, issuer="x", withheld=frozenset())), place="export"), KEYS
    )
    assert (told.is_whole, told.entries, told.witnesses) == (True, ENTRIES, 1)


@pytest.mark.parametrize("way", TAMPERED)
def test_it_is_noticed_and_the_entry_is_named(found: Ledger, way: str) -> None:
    """In the registry's own database."""
    act, expected = TAMPERED[way]
    act(found)
    proof = prove_here(found.connection, KEYS)
    assert any(expected in fault for fault in proof.faults), proof.faults


@pytest.mark.parametrize("way", sorted(TAMPERED.keys() - {"filed under another subject"}))
def test_it_is_noticed_in_an_export(found: Ledger, way: str) -> None:
    """By somebody who has only the file and the public keys; what is filed where is no part of a file."""
    act, expected = TAMPERED[way]
    act(found)
    proof = prove_export(
        read_export(b"".join(export(found.connection, issuer="x", withheld=frozenset())), place="export"), KEYS
    )
    assert any(expected in fault for fault in proof.faults), proof.faults


def test_a_fork_in_an_export_is_noticed(found: Ledger) -> None:
    """Two entries of one number, each of them fitting."""
    lines = b"".join(export(found.connection, issuer="x", withheld=frozenset())).splitlines(keepends=True)
    other = read_export(b"".join([*lines[:6], lines[5], *lines[6:]]), place="export")
    assert "entry 5 is there twice: the ledger was forked" in prove_export(other, KEYS).faults


def test_a_line_that_cannot_be_read_is_a_fault(found: Ledger) -> None:
    """A torn line is named with the entry before it."""
    lines = b"".join(export(found.connection, issuer="x", withheld=frozenset())).splitlines(keepends=True)
    torn = read_export(b"".join([*lines[:7], lines[7][:30] + b"\n", *lines[8:]]), place="export")
    assert prove_export(torn, KEYS).faults[0] == "line 8 cannot be read (after entry 6)"


def test_a_witness_notices_what_the_registry_itself_forgot(found: Ledger) -> None:
    """A manifest that a CDS kept names an entry; the signed heads were removed together with the end."""
    kept = sign({"ledger": {"number": 12, "hash": found.hashes[12]}}, KEY)
    found.connection.execute(delete(daily_heads))
    cut_and_mend(2)(found)
    assert verify_chain(ledger.links(found.connection), ledger.head(found.connection)).is_whole
    proof = prove_here(found.connection, KEYS, [("kept.jws", kept)])
    assert proof.faults == ("kept.jws names entry 12, which is not there: the ledger was cut",)
