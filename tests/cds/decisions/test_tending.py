"""What is done beside the calls: each work of a round on its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import text

from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.durable import Durable
from services.cds.decisions.identity import MICROSECONDS_PER_DAY
from services.cds.decisions.pseudonyms import Pseudonyms
from services.cds.decisions.records import Entry, Token
from services.cds.decisions.retention import Done, Retention, keep_to
from services.cds.decisions.spool import Spool
from services.cds.decisions.tending import Tending
from services.cds.fhir.bulk_export import BulkExports
from services.plumbing.database import open_database
from tests.cds.fake_registry import FakeRegistry
from tests.cds.records import decision

pytestmark = pytest.mark.anyio

RULES = Retention(identified_days=10, kept_days=20, pseudonyms=Pseudonyms(b"k" * 32))


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    """A new decision log."""
    log = DecisionLog(open_database(f"sqlite:///{tmp_path / 'log.sqlite'}"))
    log.create()
    return log


def tending(log: DecisionLog, tmp_path: Path, registry: FakeRegistry, told: list[Done]) -> Tending:
    """A log that is tended, and what it says of retention."""
    return Tending(
        log=log,
        durable=Durable(log, Spool(tmp_path / "spool")),
        retention=RULES,
        exports=BulkExports(log, tmp_path / "exports", site="", pseudonyms=RULES.pseudonyms),
        client=registry.client(),
        site="",
        on_retained=told.append,
    )


async def test_a_round_survives_a_registry_that_is_gone(log: DecisionLog, tmp_path: Path) -> None:
    """The rest is done all the same: expired tokens are forgotten, old patients are too, and that is counted."""
    registry = FakeRegistry()
    registry.app.router.routes.clear()
    now = time.time_ns() // 1000
    old = decision(at=now - 15 * MICROSECONDS_PER_DAY)
    log.write([Token(iss="ehr", jti="1", expires_at=1), Entry(decision=decision(at=now)), Entry(decision=old)])
    told: list[Done] = []
    work = tending(log, tmp_path, registry, told)
    await work.round()
    assert log.tokens(now=0) == []
    kept = log.reader.by_id(old.decision)
    assert kept is not None
    assert kept.decision.patient != old.patient
    assert [one.pseudonymised for one in told] == [1]
    await work.durable.stop()


async def test_another_key_stops_retention_and_nothing_else(log: DecisionLog, tmp_path: Path) -> None:
    """A machine with a key of its own makes no second pseudonym; it goes on with the rest, and says so each round."""
    keep_to(log.engine, RULES, now=0)
    with log.engine.begin() as connection:
        connection.execute(text("UPDATE retention SET said = 'another'"))
    now = time.time_ns() // 1000
    old = decision(at=now - 15 * MICROSECONDS_PER_DAY)
    log.write([Token(iss="ehr", jti="1", expires_at=1), Entry(decision=old)])
    told: list[Done] = []
    work = tending(log, tmp_path, FakeRegistry(), told)
    await work.round()
    assert log.tokens(now=0) == []
    kept = log.reader.by_id(old.decision)
    assert kept is not None
    assert kept.decision == old
    assert told == []
    await work.durable.stop()
