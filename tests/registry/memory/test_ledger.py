"""The memory cannot be altered, reordered, thinned or cut without being noticed."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from hashlib import sha256

import pytest
import rfc8785
from sqlalchemy import Connection, Engine, delete, insert, select, update

from services.guidance.errors import BadManifest
from services.guidance.manifest import LedgerHead
from services.plumbing.database import create_tables, open_database, reading, writing
from services.plumbing.keys import SigningKey, public_key_set, sign
from services.registry.memory import ledger
from services.registry.memory.chain import Verification, Witness, verify_chain, witness_of
from services.registry.memory.ledger import GENESIS
from services.registry.tables import TABLES, ledger_head
from services.registry.tables import ledger as table
from tests.registry.conftest import NOW

KEY = SigningKey.generate()
KEYS = public_key_set(KEY)


def write(connection: Connection, count: int) -> list[LedgerHead]:
    """So many entries."""
    return [
        ledger.append(
            connection, actor="ann", role="clinical-reviewer", action="voted", subject=f"release {n % 3}",
            detail={"n": n, "reason": "größer ✓"}, now=NOW,
        )
        for n in range(count)
    ]  # fmt: skip


def proven(connection: Connection, *witnesses: Witness) -> Verification:
    """The chain as it stands."""
    return verify_chain(ledger.links(connection), ledger.head(connection), witnesses)


def test_an_untouched_chain_is_whole(connection: Connection) -> None:
    """Every entry holds the hash of the one before, and the first the hash of nothing."""
    heads = write(connection, 5)
    found = proven(connection, Witness(name="me", number=3, hash=heads[2].hash))
    assert (found.is_whole, found.entries, found.head, found.witnesses) == (True, 5, heads[-1], 1)
    told = ledger.entries(connection)
    assert [entry["prev"] for entry in told] == [GENESIS, *(head.hash for head in heads[:-1])]


def test_anyone_can_compute_the_hashes(connection: Connection) -> None:
    """SHA-256 over the canonical JSON of the entry: nothing else goes in."""
    write(connection, 3)
    for told in ledger.entries(connection):
        kept = told.pop("hash")
        assert sha256(rfc8785.dumps(told)).hexdigest() == kept


def test_an_empty_chain_is_whole(connection: Connection) -> None:
    """A registry that has seen nothing has nothing to hide."""
    assert proven(connection).is_whole
    assert ledger.head(connection) == LedgerHead(0, GENESIS)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_an_altered_entry_is_noticed(connection: Connection, number: int) -> None:
    """One letter of one entry."""
    write(connection, 5)
    text = connection.execute(select(table.c.entry).where(table.c.number == number)).scalar_one()
    connection.execute(update(table).where(table.c.number == number).values(entry=text.replace("ann", "bob")))
    assert proven(connection).faults == (f"entry {number} was altered",)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_an_altered_entry_with_its_hash_mended_is_noticed(connection: Connection, number: int) -> None:
    """Who also rewrites the hash breaks the next link, or the kept head."""
    write(connection, 5)
    text = connection.execute(select(table.c.entry).where(table.c.number == number)).scalar_one().replace("ann", "bob")
    mended = sha256(text.encode()).hexdigest()
    connection.execute(update(table).where(table.c.number == number).values(entry=text, hash=mended))
    assert not proven(connection).is_whole


def test_reordered_entries_are_noticed(connection: Connection) -> None:
    """Two entries that change places."""
    write(connection, 5)
    rows = {row.number: row for row in connection.execute(select(table))}
    for here, there in ((2, 4), (4, 2)):
        connection.execute(
            update(table).where(table.c.number == here).values(entry=rows[there].entry, hash=rows[there].hash)
        )
    assert "reordered" in proven(connection).faults[0]


def test_a_missing_entry_is_noticed(connection: Connection) -> None:
    """A gap, and a gap closed by renumbering."""
    write(connection, 5)
    connection.execute(delete(table).where(table.c.number == 3))
    assert proven(connection).faults[0] == "entry 3 is missing"
    for number in (4, 5):
        connection.execute(update(table).where(table.c.number == number).values(number=number - 1))
    assert not proven(connection).is_whole


def test_a_cut_end_is_noticed(connection: Connection) -> None:
    """The kept head still names the entry that is gone."""
    write(connection, 5)
    connection.execute(delete(table).where(table.c.number == 5))
    assert "it was cut" in proven(connection).faults[0]


def test_a_cut_end_with_its_head_mended_is_noticed_by_a_witness(connection: Connection) -> None:
    """Whoever kept a manifest, or yesterday's signed head, knows that the entry was there."""
    heads = write(connection, 5)
    connection.execute(delete(table).where(table.c.number > 3))
    connection.execute(update(ledger_head).values(number=3, hash=heads[2].hash))
    assert proven(connection).is_whole
    found = proven(connection, Witness(name="manifest.jws", number=5, hash=heads[4].hash))
    assert found.faults == ("manifest.jws names entry 5, which is not there: the ledger was cut",)


def test_a_rewritten_history_is_noticed_by_a_witness(connection: Connection, engine: Engine) -> None:
    """A whole new chain that verifies on its own is not the one that was signed."""
    heads = write(connection, 5)
    connection.execute(delete(table))
    connection.execute(delete(ledger_head))
    ledger.append(connection, actor="eve", role="x", action="voted", subject="s", detail={}, now=NOW)
    write(connection, 6)
    assert proven(connection).is_whole
    assert "rewritten" in proven(connection, Witness(name="m", number=5, hash=heads[4].hash)).faults[0]


def test_an_entry_filed_under_another_subject_is_noticed(connection: Connection) -> None:
    """What a search would hide is said."""
    write(connection, 3)
    connection.execute(update(table).where(table.c.number == 2).values(subject="elsewhere"))
    assert "another subject" in proven(connection).faults[0]


def test_entries_about_a_subject_are_found_in_order(connection: Connection) -> None:
    """The last of them, oldest first."""
    write(connection, 9)
    found = ledger.entries_about(connection, ["release 0"], limit=2)
    assert [entry["number"] for entry in found] == [4, 7]


def test_the_head_is_signed_once_a_day(connection: Connection) -> None:
    """A signed head is a witness; there is one for each day on which there was something to sign."""
    assert not ledger.sign_day(connection, KEY, issuer="x", now=NOW)
    heads = write(connection, 2)
    assert ledger.sign_day(connection, KEY, issuer="x", now=NOW)
    assert not ledger.sign_day(connection, KEY, issuer="x", now=NOW + timedelta(hours=9))
    write(connection, 1)
    assert ledger.sign_day(connection, KEY, issuer="x", now=NOW + timedelta(hours=10))
    first, second = ledger.signed_heads(connection)
    assert witness_of(first, KEYS, name="d") == Witness(name="d", number=2, hash=heads[1].hash)
    assert witness_of(second, KEYS, name="d").number == 3


def test_a_witness_that_nobody_signed_is_refused() -> None:
    """Another's signature, or a signed text that says nothing of a ledger, proves nothing."""
    with pytest.raises(BadManifest):
        witness_of(sign({"ledger": {"number": 1, "hash": "x"}}, SigningKey.generate()), KEYS, name="w")
    with pytest.raises(BadManifest):
        witness_of(sign({"typ": "other"}, KEY), KEYS, name="w")


def test_writers_that_come_at_once_make_one_chain(database: str) -> None:
    """Eight writers, on SQLite and on PostgreSQL: forty entries, one chain."""
    engine = open_database(database)
    create_tables(engine, TABLES)
    with writing(engine) as connection:
        write(connection, 1)

    def work() -> None:
        for _ in range(5):
            with writing(engine) as connection:
                write(connection, 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        found = proven(connection)
    assert (found.entries, found.faults) == (41, ())
    engine.dispose()


def test_a_hundred_thousand_entries_are_verified_in_five_seconds(engine: Engine) -> None:
    """Nobody may skip the proof because it takes too long."""
    rows, previous = [], GENESIS
    for number in range(1, 100_001):
        entry = {
            "action": "voted", "actor": "ann", "at": "2026-11-22T14:02:07.000000Z",
            "detail": {"evidence": ["sha256:" + "e" * 64], "reason": "read and agreed"},
            "number": number, "prev": previous, "role": "clinical-reviewer", "subject": "sha256:" + "a" * 64,
        }  # fmt: skip
        text = json.dumps(entry, separators=(",", ":"))
        previous = sha256(text.encode()).hexdigest()
        rows.append({"number": number, "subject": entry["subject"], "entry": text, "hash": previous})
    with writing(engine) as connection:
        connection.execute(insert(table), rows)
        connection.execute(insert(ledger_head).values(id=1, number=100_000, hash=previous))
    with reading(engine) as connection:
        began = time.perf_counter()
        found = proven(connection)
        seconds = time.perf_counter() - began
    assert (found.entries, found.is_whole) == (100_000, True)
    assert seconds < 5, f"{seconds:.2f} s"
