"""Cards that nobody answered: a view of the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from services.cds.commands import app
from services.cds.decisions.decision_log import DecisionLog, Entry
from services.cds.decisions.ignored import answered_cards
from services.plumbing.database import open_database
from services.timeline.errors import BadInput
from tests.cds.records import HOUR, NOON, decision, feedback
from tests.postgres import fresh_database

DAY = 24 * HOUR
R = decision().release


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A database of a real PostgreSQL."""
    yield from fresh_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A new log, in SQLite and in a real PostgreSQL."""
    url = f"sqlite:///{tmp_path / 'log.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    engine = open_database(url)
    yield engine
    engine.dispose()


def fill(engine: Engine) -> None:
    """Four cards shown, of which one was answered twice; what was not shown cannot be ignored."""
    log = DecisionLog(engine)
    log.create()
    old, answered, new = decision(at=NOON), decision(at=NOON), decision(at=NOON + 5 * DAY)
    other = decision(at=NOON, guidance="coffee")
    silent = [decision(at=NOON, status=status) for status in ("silent", "suppressed", "below-band")]
    log.write([Entry(decision=one) for one in (old, answered, new, other, *silent)])
    log.write([feedback(card_uuid=answered.card_uuid), feedback(card_uuid=answered.card_uuid, outcome="overridden")])


def test_a_shown_card_without_feedback_is_ignored_after_some_hours_and_waiting_before(engine: Engine) -> None:
    """By guidance and release; repeats of feedback count once, silent cards not at all; a late answer undoes it."""
    fill(engine)
    counts = answered_cards(engine, now=NOON + 6 * DAY, hours=72)
    assert counts == [
        {"guidance": "coffee", "release": R, "shown": 1, "answered": 0, "ignored": 1, "waiting": 0},
        {"guidance": "tea-time", "release": R, "shown": 3, "answered": 1, "ignored": 1, "waiting": 1},
    ]
    assert [row["ignored"] for row in answered_cards(engine, now=NOON + 6 * DAY, hours=1000)] == [0, 0]
    assert [row["shown"] for row in answered_cards(engine, now=NOON + 6 * DAY, since=NOON + 1)] == [1]


def test_the_command_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`knowdo cds decisions ignored`, as a table and as JSON, from the log of this service."""
    (tmp_path / "cds").mkdir()
    monkeypatch.setenv("KNOWDO_VAR", str(tmp_path))
    assert "no decision log" in str(CliRunner().invoke(app, ["decisions", "ignored"]).exception)
    engine = open_database(f"sqlite:///{tmp_path / 'cds' / 'decisions.sqlite'}")
    fill(engine)
    engine.dispose()
    told = CliRunner().invoke(app, ["decisions", "ignored", "--json"])
    assert [row["guidance"] for row in json.loads(told.stdout)] == ["coffee", "tea-time"]
    assert "tea-time" in CliRunner().invoke(app, ["decisions", "ignored", "--since", "2025-01-01"]).stdout
    assert isinstance(CliRunner().invoke(app, ["decisions", "ignored", "--since", "soon"]).exception, BadInput)
