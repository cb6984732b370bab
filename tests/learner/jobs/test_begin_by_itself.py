"""What begins by itself: at its moment, once, whoever looks; and what the store must hold for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.guidance.errors import Unavailable
from services.guidance.release import pack
from services.learner.intake.ingest import ingest
from services.learner.jobs.begin_by_itself import Beginner
from services.learner.jobs.look import look
from services.learner.jobs.queue import JobQueue
from services.learner.retrain import train
from services.learner.run_log import EVIDENCE_FILE, RELEASE_FILE, RunLog
from services.plumbing.database import open_database
from services.plumbing.event_store import EventStore
from tests.learner.made_up_ward import GUIDANCE, ward, write_guidance, write_ndjson

QUICK = GUIDANCE.replace("[logistic, scorecard_additive, scorecard, forest]", "[logistic]")
FIRST = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def learning(text: str) -> str:
    """The quick guidance with triggers."""
    return QUICK.replace("\npolicy:\n", f"\nlearning:\n  triggers:\n    {text}\n\npolicy:\n")


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    """An empty run log."""
    return RunLog(open_database(f"sqlite:///{tmp_path / 'runs.sqlite'}"), tmp_path / "runs")


def beginner(log: RunLog, folder: Path, store: Path | None = None) -> Beginner:
    """What a learner has of it."""
    queue = JobQueue(log.engine, folder / "runs")
    return Beginner(
        log.engine, queue, folders=(folder / "guidance",), store=store or folder / "none", options={"seed": 1}
    )


def test_a_calendar_begins_a_training_once_each_time_whoever_looks(log: RunLog, tmp_path: Path) -> None:
    """Not for a moment before it was first seen; once for each moment by two learners; a night slept through is made up for."""
    write_guidance(tmp_path / "guidance" / "made-up-death", learning('calendar: "0 2 * * *"'))
    one, other = beginner(log, tmp_path), beginner(log, tmp_path)
    assert one.put_due(FIRST) == []
    night = FIRST + timedelta(hours=14)
    put = one.put_due(night)
    assert len(put) == 1
    assert other.put_due(night + timedelta(minutes=1)) == []
    assert log.get(put[0]).settings == {"seed": 1}
    assert len(other.put_due(night + timedelta(days=3, hours=5))) == 1
    assert one.put_due(night + timedelta(days=3, hours=6)) == []
    job = JobQueue(log.engine, tmp_path).get(put[0])
    assert job is not None
    assert job.asked_by == "the calendar, 2026-11-28T02:00+00:00"


def test_a_new_calendar_counts_from_when_it_was_seen(log: RunLog, tmp_path: Path) -> None:
    """Changing the hour does not begin what has passed already today."""
    write_guidance(tmp_path / "guidance" / "made-up-death", learning('calendar: "0 2 * * *"'))
    assert beginner(log, tmp_path).put_due(FIRST) == []
    write_guidance(tmp_path / "guidance" / "made-up-death", learning('calendar: "0 11 * * *"'))
    assert beginner(log, tmp_path).put_due(FIRST) == []
    assert len(beginner(log, tmp_path).put_due(FIRST + timedelta(days=1))) == 1


def test_a_calendar_that_never_comes_is_logged_and_holds_up_no_other(log: RunLog, tmp_path: Path) -> None:
    """30 February: the other guidance still begins."""
    write_guidance(tmp_path / "guidance" / "a-never", learning('calendar: "0 0 30 2 *"'))
    write_guidance(tmp_path / "guidance" / "made-up-death", learning('calendar: "0 2 * * *"'))
    one = beginner(log, tmp_path)
    one.put_due(FIRST)
    assert len(one.put_due(FIRST + timedelta(days=1))) == 1


def test_a_shelf_that_is_away_holds_up_no_calendar_and_is_asked_once(log: RunLog, tmp_path: Path) -> None:
    """Calendars and looks are put before MLflow is asked; the first that does not answer is the last in this round."""
    for name in ("a-first", "made-up-death"):
        text = learning('calendar: "0 2 * * *"\n    registered: true').replace("id: made-up-death", f"id: {name}")
        write_guidance(tmp_path / "guidance" / name, text)
    ingest(write_ndjson(tmp_path / "a.ndjson", ward(60)), tmp_path / "store")
    asked: list[tuple[str, int]] = []

    def away(guidance: str) -> list[str]:
        asked.append((guidance, len(log.all())))
        raise Unavailable("MLflow does not answer", place="http://mlflow")

    one = Beginner(
        log.engine, JobQueue(log.engine, tmp_path / "runs"), folders=(tmp_path / "guidance",), store=tmp_path / "store",
        options={}, registered=away,
    )  # fmt: skip
    one.put_due(FIRST)
    assert len(one.put_due(FIRST + timedelta(days=1))) == 2
    assert asked == [("a-first", 0), ("a-first", 2)]


def test_a_store_that_has_changed_is_looked_into_once(log: RunLog, tmp_path: Path) -> None:
    """By its digest: the same store is not read again, whatever the hour."""
    write_guidance(tmp_path / "guidance" / "made-up-death", learning("new_outcomes: 50"))
    ingest(write_ndjson(tmp_path / "a.ndjson", ward(60)), tmp_path / "store")
    one = beginner(log, tmp_path, tmp_path / "store")
    put = one.put_due(FIRST)
    assert [log.get(run).kind for run in put] == ["look"]
    assert one.put_due(FIRST + timedelta(days=9)) == []
    ingest(write_ndjson(tmp_path / "b.ndjson", ward(61)), tmp_path / "store")
    assert len(one.put_due(FIRST + timedelta(days=9))) == 1


def trained_once(log: RunLog, guidance: Path, store: EventStore) -> str:
    """A training as the log and its folder keep it, without MLflow."""
    trained = train(guidance, store, folds=3)
    run = log.begin(guidance.name, kind="train", settings={})
    (log.folder(run) / RELEASE_FILE).write_bytes(pack(trained.bundle))
    (log.folder(run) / EVIDENCE_FILE).write_bytes(pack(trained.pack))
    log.finish(run, result=trained.result(), release=trained.bundle.digest, evidence=trained.pack.digest)
    return run


def test_enough_new_outcomes_and_drift_each_give_their_reason(log: RunLog, tmp_path: Path) -> None:
    """Before a training all outcomes are new; after it none; then new rows, whose creatinine is spread otherwise, are both."""
    text = learning("new_outcomes: 150\n    drift: {psi: 0.5, fewest_rows: 100}")
    guidance = write_guidance(tmp_path / "guidance" / "made-up-death", text)
    ingest(write_ndjson(tmp_path / "a.ndjson", ward(300)), tmp_path / "store")
    store = EventStore.open(tmp_path / "store")
    first = look(guidance, store, log)
    assert (first.last, first.drift) == (None, None)
    assert first.reasons == (f"{first.outcomes:,} new outcomes; 150 are enough",)
    run = trained_once(log, guidance, store)
    again = look(guidance, store, log)
    assert (again.last, again.new_outcomes, again.reasons) == (run, 0, ())
    assert again.drift is not None
    assert again.drift.index == {}  # no row is later: nothing to judge
    ingest(write_ndjson(tmp_path / "b.ndjson", _next_year(ward(200, seed=2))), tmp_path / "store")
    later = look(guidance, EventStore.open(tmp_path / "store"), log)
    assert later.new_outcomes > 150
    assert later.drift is not None
    assert later.drift.index["creatinine"] > 0.5 > later.drift.index["age"]
    assert later.reasons[0] == f"{later.new_outcomes:,} new outcomes; 150 are enough"
    assert later.reasons[1].startswith("drift of ")
    assert "most of creatinine" in later.reasons[1]


def _next_year(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Other patients, a year later, whose laboratory reads three times as much."""
    found = []
    for resource in resources:
        text = (
            json.dumps(resource)
            .replace("2024-", "2025-")
            .replace("Patient/", "Patient/n")
            .replace("Encounter/", "Encounter/n")
        )
        later = json.loads(text) | {"id": f"n{resource['id']}"}
        if "valueQuantity" in later:
            later["valueQuantity"]["value"] *= 3
        found.append(later)
    return found
