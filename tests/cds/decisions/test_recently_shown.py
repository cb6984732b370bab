"""What was said is looked up where it is decided: by index, in one query, and right with several workers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Engine, event, text

from services.cds.advice.suppress import MICROSECONDS_PER_HOUR, Quiet, Snoozed
from services.cds.decisions.decision import Decision
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.recently_shown import count_cards, look_up
from services.cds.decisions.records import Entry
from services.plumbing.database import open_database
from tests.cds.records import HOUR, NOON, decision, feedback, quiet


def keep(log: DecisionLog, now: Decision, rules: Quiet | None = None) -> Decision:
    """One decision in a transaction of its own; what became of it."""
    (kept,) = log.write([Entry(decision=now, quiet=rules)])
    assert isinstance(kept, Decision)
    return kept


def why(log: DecisionLog, rules: Quiet, **changes: Any) -> str | None:
    """Why a card of an hour later is suppressed, if it is."""
    return keep(log, decision(**({"index_at": NOON + HOUR} | changes)), rules).suppressed_because or None


def test_all_that_a_policy_may_ask_is_found(log: DecisionLog) -> None:
    """When, by which call, to whom, in which encounter, in which band, and why it was declined."""
    shown = keep(log, decision())
    said = {"reason": {"code": "patient-refuses", "system": "s"}, "userComment": "no"}
    log.write([feedback(card_uuid=shown.card_uuid, outcome="overridden", override_reason=said)])
    log.write([feedback(card_uuid=shown.card_uuid, outcome="overridden", override_reason={"odd": 1})])
    assert why(log, quiet()) == "cool-down"
    assert why(log, quiet(per_clinician=True), user="Practitioner/u2") is None
    assert why(log, quiet(cool_down=0, once_per_encounter=True), user="Practitioner/u3", band="medium") == "duplicate"
    assert why(log, quiet(), band="emergency") is None
    snooze = {"patient-refuses": Snoozed(2 * HOUR, False)}
    assert why(log, quiet(cool_down=0, snooze=snooze), band="medium") == "snoozed"
    assert why(log, quiet(cool_down=0, snooze={"limited-time": Snoozed(2 * HOUR, False)})) is None
    assert why(log, quiet(), issuer="another hospital") is None
    assert why(log, quiet(), hook_instance=shown.hook_instance) is None


def test_an_accepted_card_snoozes_nothing(log: DecisionLog) -> None:
    """Only an override has a reason to stay away."""
    shown = keep(log, decision())
    log.write([feedback(card_uuid=shown.card_uuid, override_reason={"reason": {"code": "patient-refuses"}})])
    assert why(log, quiet(cool_down=0, snooze={"patient-refuses": Snoozed(2 * HOUR, False)})) is None


def test_the_cap_counts_the_hour_of_the_clock(log: DecisionLog) -> None:
    """Cards of this guidance in this hour, whoever wrote them; another guidance, hour or status does not count."""
    hour = NOON - NOON % MICROSECONDS_PER_HOUR
    rules = quiet(cool_down=0, cards_per_hour=3)
    for at in (hour - 1, hour, hour + MICROSECONDS_PER_HOUR - 1, hour + MICROSECONDS_PER_HOUR):
        keep(log, decision(at=at))
    keep(log, decision(at=hour, guidance="coffee"))
    keep(log, decision(at=hour, status="silent"))
    assert [why(log, rules, at=hour + 5, patient=p) for p in ("p2", "p3")] == [None, "cap"]
    assert why(log, rules, at=hour + MICROSECONDS_PER_HOUR, patient="p4") is None


def statements(engine: Engine) -> list[str]:
    """What is asked of the database from now on."""
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    return seen


def test_only_who_asks_pays(log: DecisionLog, engine: Engine) -> None:
    """A policy that asks for nothing costs no query; a batch that asks costs one, however many patients are in it."""
    seen = statements(engine)
    keep(log, decision())
    keep(log, decision(status="below-band"), quiet())
    assert [one for one in seen if one.startswith("SELECT") and "FROM decisions" in one] == []
    log.write([Entry(decision=decision(patient=f"p{n}"), quiet=quiet()) for n in range(50)])
    assert len([one for one in seen if "d.index_at >" in one]) == 1


def test_both_look_ups_use_their_indexes(log: DecisionLog, engine: Engine) -> None:
    """The cost of a call does not grow with the number of past decisions."""
    sqlite = engine.dialect.name == "sqlite"
    asked = {
        "decisions_patient" if sqlite else "patient_index_at_idx": look_up(
            engine.dialect.name, ["p1", "p2"], index_after=5, kept_after=5, with_reasons=True
        ),
        "decisions_shown_at" if sqlite else "guidance_at_idx": count_cards(
            engine.dialect.name, "tea-time", NOON // MICROSECONDS_PER_HOUR, cap=5
        ),
    }
    with engine.connect() as connection:
        if not sqlite:
            # An empty table is quicker scanned: ask whether the index can serve, not whether it pays yet.
            connection.execute(text("SET enable_seqscan = off"))
        for index, (query, bound) in asked.items():
            found = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + query, bound)
            plan = " ".join(map(str, found))
            assert index in plan
            assert "Seq Scan" not in plan
            assert "SCAN d" not in plan
            assert "SCAN f" not in plan


WORKERS = 4


def race(database_url: str, calls: list[list[Entry]]) -> list[Decision]:
    """Each list by a worker of its own, all at once, one transaction for each entry; what became of them."""
    logs = [DecisionLog(open_database(database_url)) for _ in calls]
    start = threading.Barrier(len(calls))

    def work(log: DecisionLog, entries: list[Entry]) -> list[Decision]:
        start.wait()
        kept = [one for entry in entries for one in log.write([entry])]
        return [one for one in kept if isinstance(one, Decision)]

    with ThreadPoolExecutor(len(calls)) as pool:
        done = [one for kept in pool.map(work, logs, calls) for one in kept]
    for log in logs:
        log.close()
    return done


def test_workers_at_once_say_it_once(log: DecisionLog, database_url: str) -> None:
    """The same patient at four workers in the same moment, twenty times over: one card each."""
    kept = race(
        database_url,
        [[Entry(decision=decision(patient=f"p{n}"), quiet=quiet()) for n in range(20)] for _ in range(WORKERS)],
    )
    shown = [one.patient for one in kept if one.status == "shown"]
    assert len(kept) == 20 * WORKERS
    assert sorted(shown) == sorted(f"p{n}" for n in range(20))


def test_workers_at_once_share_one_cap(log: DecisionLog, database_url: str) -> None:
    """Four workers do not show four times as much."""
    rules = quiet(cool_down=0, cards_per_hour=10)
    kept = race(
        database_url,
        [[Entry(decision=decision(patient=f"w{w}-{n}"), quiet=rules) for n in range(8)] for w in range(WORKERS)],
    )
    assert sum(one.status == "shown" for one in kept) == 10
    assert {one.suppressed_because for one in kept if one.status != "shown"} == {"cap"}


def test_workers_with_the_same_patients_in_another_order_do_not_lock_each_other_out(
    log: DecisionLog, database_url: str
) -> None:
    """Locks are taken in one order, so two batches of the same patients wait for each other and both end."""
    logs = [DecisionLog(open_database(database_url)) for _ in range(2)]
    start = threading.Barrier(2)

    def work(number: int) -> int:
        start.wait()
        shown = 0
        for turn in range(10):
            names = [f"t{turn}-p{n}" for n in range(40)][:: 1 if number else -1]
            outcomes = logs[number].write([Entry(decision=decision(patient=one), quiet=quiet()) for one in names])
            shown += sum(isinstance(one, Decision) and one.status == "shown" for one in outcomes)
        return shown

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(work, range(2))) == 400
    for one in logs:
        one.close()
