"""The decision log: what is written is what is read, by index, once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, and_, select, text
from sqlalchemy.exc import IntegrityError

from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.reading import PAGE
from services.cds.decisions.recently_shown import look_up
from services.cds.decisions.records import Entry, Token
from services.cds.decisions.schema import decisions
from tests.cds.records import HOUR, NOON, decision, feedback, quiet


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
    log.write([Entry(decision=decision(), quiet=quiet())])
    soon = log.write([Entry(decision=decision(index_at=NOON + HOUR), quiet=quiet())])[0]
    later = log.write([Entry(decision=decision(index_at=NOON + 25 * HOUR), quiet=quiet())])[0]
    other = log.write([Entry(decision=decision(guidance="coffee"), quiet=quiet())])[0]
    assert [getattr(one, "status", None) for one in (soon, later, other)] == ["suppressed", "shown", "shown"]


def test_the_look_up_uses_its_index_and_never_scans(log: DecisionLog, engine: Engine) -> None:
    """The cost of a call does not grow with the number of past decisions."""
    sqlite = engine.dialect.name == "sqlite"
    query, bound = look_up(engine.dialect.name, ["p1", "p2"], index_after=5, kept_after=NOON)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + query, bound)
        plan = " ".join(str(row) for row in found)
    assert "decisions_patient" in plan if sqlite else "patient_index_at_idx" in plan
    assert "Seq Scan" not in plan
    if sqlite:
        assert "SCAN" not in plan


def test_the_names_of_the_features_are_kept_once(log: DecisionLog, engine: Engine) -> None:
    """A thousand decisions of a release share one row of names; another order of names is another."""
    log.write([Entry(decision=decision()) for _ in range(1000)])
    log.write([Entry(decision=decision())])
    DecisionLog(engine).write([Entry(decision=decision())])
    other = decision(features={"b": 1.0, "a": None}, states={"b": "value", "a": "absent"}, contributions={}, sources={})
    log.write([Entry(decision=other), Entry(decision=decision(features={}, states={}, contributions={}, sources={}))])
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM feature_sets")).scalar() == 2
    kept = DecisionLog(engine).reader.by_id(other.decision)
    assert kept is not None
    assert list(kept.decision.features) == ["b", "a"]


def test_a_batch_that_fails_leaves_no_feature_set_behind(log: DecisionLog) -> None:
    """Names count as kept only when they are on the disk: after a batch that was undone, the next one keeps them."""
    without_end: Any = None
    with pytest.raises(IntegrityError):
        log.write([Entry(decision=decision()), Token(iss="ehr", jti="1", expires_at=without_end)])
    kept = decision()
    log.write([Entry(decision=kept)])
    found = DecisionLog(log.engine).reader.by_id(kept.decision)
    assert found is not None
    assert found.decision == kept


def test_a_decision_twice_is_a_decision_once(log: DecisionLog) -> None:
    """A spool that is brought home twice changes nothing."""
    one = decision()
    log.write([Entry(decision=one)])
    log.write([Entry(decision=one), Entry(decision=decision())])
    assert sum(len(page) for page in log.export(since=0)) == 2


def test_pages_are_newest_first_and_stable(log: DecisionLog) -> None:
    """What comes while somebody turns pages neither repeats nor hides a decision; spans of time are half open."""
    kept = [decision(at=NOON + n * 1000, index_at=NOON + n * 1000, patient=f"p{n % 2}") for n in range(20)]
    log.write([Entry(decision=one) for one in kept])
    first = log.reader.find(limit=8)
    log.write([Entry(decision=decision(at=NOON + HOUR))])
    second = log.reader.find(limit=50, before=first[-1].decision.decision)
    assert [one.decision.decision for one in (*first, *second)] == [one.decision for one in reversed(kept)]
    mine = log.reader.find(patient="p1", since=NOON + 3000, until=NOON + 7000)
    assert [one.decision.at for one in mine] == [NOON + 5000, NOON + 3000]
    assert log.reader.find(guidance="other") == []


def test_a_page_of_a_patient_is_found_by_index(log: DecisionLog, engine: Engine) -> None:
    """Neither a search by patient, by time nor by id reads the whole log."""
    asked = {
        "patient": decisions.c.patient == "p1",
        "decision": and_(decisions.c.decision > "0", decisions.c.decision < "1"),
    }
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        for index, where in asked.items():
            query = select(decisions).where(where).order_by(decisions.c.decision.desc()).limit(50)
            written = query.compile(engine, compile_kwargs={"literal_binds": True})
            found = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{written}")
            plan = " ".join(str(row) for row in found)
            assert ("SCAN" if sqlite else "Seq Scan") not in plan
            assert index in plan or "pkey" in plan


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
