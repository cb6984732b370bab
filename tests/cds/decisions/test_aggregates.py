"""What flows back: counts, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cds.decisions.aggregates import counts_of_day, tend
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.durable import Durable
from services.cds.decisions.records import Entry, Token
from services.cds.decisions.spool import Spool
from services.plumbing.database import open_database
from tests.cds.fake_registry import FakeRegistry
from tests.cds.records import HOUR, NOON, decision, feedback

pytestmark = pytest.mark.anyio

DAY = datetime.fromtimestamp(NOON / 1e6, UTC)


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    """A new decision log."""
    log = DecisionLog(open_database(f"sqlite:///{tmp_path / 'log.sqlite'}"))
    log.create()
    return log


def test_the_counts_of_a_day_are_of_that_day_by_release(log: DecisionLog) -> None:
    """Midnight to midnight UTC; two releases are two lines; a card accepted is counted on the day it was shown."""
    shown = decision()
    other = "sha256:" + "2" * 64
    late = [decision(at=NOON + 12 * HOUR), decision(at=NOON - 12 * HOUR - 1)]
    log.write([Entry(decision=one) for one in (shown, decision(status="silent"), decision(release=other), *late)])
    log.write([feedback(card_uuid=shown.card_uuid, received_at=NOON + 30 * HOUR)])
    first, second = counts_of_day(log, DAY, site="")
    assert (first.release, first.counts) == (shown.release, {"shown": 1, "silent": 1, "calls": 2, "accepted": 1})
    assert (second.release, second.counts) == (other, {"shown": 1, "calls": 1})
    assert (first.guidance, first.site, first.day) == ("tea-time", "default", "2026-01-01")


async def test_a_round_survives_a_registry_that_is_gone(log: DecisionLog, tmp_path: Path) -> None:
    """The rest is done all the same: expired tokens are forgotten."""
    registry = FakeRegistry()
    registry.app.router.routes.clear()
    log.write(
        [Token(iss="ehr", jti="1", expires_at=1), Entry(decision=decision(at=int(datetime.now(UTC).timestamp() * 1e6)))]
    )
    durable = Durable(log, Spool(tmp_path / "spool"))
    await tend(log, durable, registry.client(), site="")
    assert log.tokens(now=0) == []
    await durable.stop()
