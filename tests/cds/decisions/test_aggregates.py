"""What flows back: counts, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cds.decisions.aggregates import counts_of_day
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.records import Entry
from services.plumbing.database import open_database
from tests.cds.records import HOUR, NOON, decision, feedback

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
