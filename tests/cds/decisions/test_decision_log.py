"""The decision log: what is written is what is read, by index, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, text

from services.cds.decisions.decision_log import PAGE, DecisionLog, Entry, Token
from services.plumbing.database import open_database
from tests.cds.records import HOUR, NOON, decision, feedback
from tests.postgres import fresh_database


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A database of a real PostgreSQL."""
    yield from fresh_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A new SQLite database; a real PostgreSQL, emptied."""
    if request.param == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path / 'log.sqlite'}")
    else:
        engine = open_database(request.getfixturevalue("postgres"))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    yield engine
    engine.dispose()


@pytest.fixture
def log(engine: Engine) -> DecisionLog:
    """A new decision log."""
    log = DecisionLog(engine)
    log.create()
    return log


def test_a_decision_is_exported_as_it_was_kept(log: DecisionLog) -> None:
    """Every field comes back, structures as structures, with the feedback on its card."""
    kept = decision()
    said = feedback(card_uuid=kept.card_uuid, override_reason={"code": "x"})
    log.write([Entry(decision=kept), said])
    (page,) = log.export(since=0)
    row = page[0]
    assert [one["outcome"] for one in row.pop("feedback")] == ["accepted"]
    assert row == msgspec.structs.asdict(kept)


def test_an_export_pages_through_equal_times_without_loss_or_repeat(log: DecisionLog) -> None:
    """Many decisions of one instant do not confuse the paging."""
    decisions = [decision() for _ in range(PAGE + 7)]
    numbers = {one.decision for one in decisions}
    log.write([Entry(decision=one) for one in decisions])
    pages = list(log.export(since=NOON))
    assert [len(page) for page in pages] == [PAGE, 7]
    assert {row["decision"] for page in pages for row in page} == numbers
    assert list(log.export(since=NOON + 1)) == []
    assert list(log.export(since=0, guidance="other")) == []


def test_the_cool_down_is_looked_up_across_batches(log: DecisionLog) -> None:
    """What an earlier batch showed silences the next call; after the hours it speaks again."""
    log.write([Entry(decision=decision(), cool_down=24 * HOUR)])
    soon = log.write([Entry(decision=decision(index_at=NOON + HOUR), cool_down=24 * HOUR)])[0]
    later = log.write([Entry(decision=decision(index_at=NOON + 25 * HOUR), cool_down=24 * HOUR)])[0]
    other = log.write([Entry(decision=decision(guidance="coffee"), cool_down=24 * HOUR)])[0]
    assert [getattr(one, "status", None) for one in (soon, later, other)] == ["suppressed", "shown", "shown"]


def test_the_look_up_uses_its_index_and_never_scans(log: DecisionLog, engine: Engine) -> None:
    """The cost of a call does not grow with the number of past decisions."""
    asked = (
        "SELECT guidance, patient, index_at, hook_instance FROM decisions "
        "WHERE status = 'shown' AND patient IN ('p1', 'p2') AND index_at > 5"
    )
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if not sqlite:
            # An empty table is quicker scanned: ask whether the index can serve, not whether it pays yet.
            connection.execute(text("SET enable_seqscan = off"))
        found = connection.execute(text(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + asked))
        plan = " ".join(str(row) for row in found)
    assert "decisions_shown" in plan
    assert "Seq Scan" not in plan
    if sqlite:
        assert "SCAN" not in plan


def test_feedback_twice_is_feedback_once(log: DecisionLog) -> None:
    """A repeat is accepted and changes nothing, in one batch or in two."""
    said = feedback()
    assert log.write([said]) == [True]
    assert log.write([said, said, other := feedback()]) == [False, False, True]
    assert log.write([other]) == [False]


def test_a_token_is_unseen_once(log: DecisionLog) -> None:
    """The replay memory is in the database, so it survives a restart; what has expired is forgotten."""
    token = Token(iss="ehr", jti="1", expires_at=100)
    assert log.write([token]) == [True]
    assert log.write([token, Token(iss="other", jti="1", expires_at=100)]) == [False, True]
    assert {one.iss for one in log.tokens(now=100)} == {"ehr", "other"}
    log.forget_tokens(now=101)
    assert log.tokens(now=0) == []


def test_counts_are_by_guidance_release_and_what_became_of_it(log: DecisionLog) -> None:
    """A card accepted twice (two suggestions, two messages) counts as one accepted card."""
    shown = decision()
    log.write(
        [Entry(decision=shown), Entry(decision=decision(status="below-band")), Entry(decision=decision(at=NOON + HOUR))]
    )
    log.write([feedback(card_uuid=shown.card_uuid), feedback(card_uuid=shown.card_uuid, at=NOON + 1)])
    counted = {row["what"]: row["n"] for row in log.counts(since=NOON, until=NOON + HOUR)}
    assert counted == {"shown": 1, "below-band": 1, "accepted": 1}
