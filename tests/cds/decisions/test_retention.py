"""Retention: after its time no identifier is left anywhere in the database; what is counted and learnt from stays."""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, inspect, select, table, text

from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.identity import MICROSECONDS_PER_DAY, day_of
from services.cds.decisions.partitions import days_there, make_days
from services.cds.decisions.pseudonyms import Pseudonyms, load_or_make_key
from services.cds.decisions.records import Entry
from services.cds.decisions.retention import STEP, Retention, erase, keep_to, reached
from services.guidance.errors import Unavailable
from services.guidance.words.override_reasons import OVERRIDE_REASONS
from services.learner.evidence.decisions_file import read_decisions
from services.plumbing.database import open_database
from services.timeline.errors import BadInput
from services.timeline.instants import instant_text
from tests.cds.records import decision, feedback

DAY = MICROSECONDS_PER_DAY
NOW = time.time_ns() // 1000
KEY = Pseudonyms(b"a key of the tests, of 32 bytes.")
RULES = Retention(identified_days=30, kept_days=90, pseudonyms=KEY)
# Nothing else in a log looks like these.
IDS = st.text(alphabet="ghjkqwxyz0123456789-.", min_size=4, max_size=40).map("id-{}-".format)


def everything_in(engine: Engine) -> bytes:
    """Every byte of an SQLite database (pages let go included), or every value in every row."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
        file = Path(str(engine.url.database))
        return file.read_bytes() + file.with_name(file.name + "-wal").read_bytes()
    found = []
    with engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            found += [repr(tuple(row)) for row in connection.execute(select(text("*")).select_from(table(name)))]
    return "\n".join(found).encode()


def of_person(number: int, marks: list[str], *, at: int) -> tuple[Entry, list[str]]:
    """A decision full of identifiers, and the identifiers."""
    patient, encounter, user, source, typed = (f"{mark}{number}" for mark in marks)
    made = decision(
        at=at, index_at=at, patient=patient, encounter=encounter, user=f"Practitioner/{user}",
        sources={"age": f"Patient/{patient}", "haemoglobin": f"Observation/{source}"},
        card={"summary": typed, "suggestions": [{"resource": {"subject": {"reference": f"Patient/{patient}"}}}]},
    )  # fmt: skip
    return Entry(decision=made), [patient, encounter, user, source, typed, made.hook_instance]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(marks=st.lists(IDS, min_size=5, max_size=5, unique=True), comment=IDS)
def test_no_identifier_is_found_in_any_byte_after_its_time(
    tmp_path_factory: pytest.TempPathFactory, marks: list[str], comment: str
) -> None:
    """Whatever the ids are, none is left in the database's file, not even where rows once stood."""
    log = DecisionLog(open_database(f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.sqlite'}"))
    log.create()
    check(log, marks, comment)
    log.close()


def test_no_identifier_is_found_in_any_row_after_its_time(log: DecisionLog) -> None:
    """The same in PostgreSQL's rows."""
    check(log, ["patient-of", "stay-of", "user-of", "result-of", "told of"], "typed by hand")


def check(log: DecisionLog, marks: list[str], comment: str) -> None:
    """Before its time everything is there; after it no identifier, and the same counts."""
    entries, secret = [], [comment]
    for number in range(STEP + 3):
        entry, ids = of_person(number, marks, at=NOW - 40 * DAY + number * 1000)
        entries.append(entry)
        secret += ids
    log.write(entries)
    reason = {"reason": {"code": "known", "system": "urn:x", "display": "Known"}, "userComment": comment}
    log.write(
        [
            feedback(
                card_uuid=entry.decision.card_uuid, comment=comment, override_reason=reason, received_at=NOW - 39 * DAY,
                raw=json.dumps({"overrideReason": reason}), outcome="overridden",
            )
            for entry in entries
        ]
    )  # fmt: skip
    before = everything_in(log.engine)
    assert [one for one in secret if one.encode() not in before] == []
    span = {"since": NOW - 41 * DAY, "until": NOW}
    counted = sorted(log.counts(**span), key=str)
    done = keep_to(log.engine, RULES, now=NOW)
    assert (done.pseudonymised, done.feedback, done.deleted) == (len(entries), len(entries), 0)
    assert done.finished
    found = everything_in(log.engine)
    assert [one for one in secret if one.encode() in found] == []
    assert sorted(log.counts(**span), key=str) == counted
    rows = [row for page in log.export(since=0) for row in page]
    assert len({row["patient"] for row in rows}) == len(entries), "one pseudonym a patient"
    assert {said["override_reason"]["reason"]["code"] for row in rows for said in row["feedback"]} == {"known"}
    assert rows[0]["features"] == entries[0].decision.features
    assert rows[0]["contributions"] == entries[0].decision.contributions
    assert rows[0]["card_uuid"] == rows[0]["decision"], "that there was a card is still known"
    assert not keep_to(log.engine, RULES, now=NOW).anything, "done once is done"


def test_the_learner_reads_what_was_pseudonymised(log: DecisionLog, tmp_path: Path) -> None:
    """The exported lines keep their form, and a patient's decisions are still one patient's."""
    kept = [decision(at=NOW - 40 * DAY, index_at=NOW - (40 - n) * DAY, patient="same") for n in range(2)]
    log.write([Entry(decision=one) for one in kept])
    keep_to(log.engine, RULES, now=NOW)
    lines = []
    for page in log.export(since=0):
        for row in page:
            row["at"], row["index_at"] = instant_text(row["at"]), instant_text(row["index_at"])
            lines.append(msgspec.json.encode(row))
    file = tmp_path / "decisions.ndjson"
    file.write_bytes(b"\n".join(lines))
    read = read_decisions(file, guidance=kept[0].guidance, release=kept[0].release)
    assert {one.person for one in read} == {KEY.of("Patient", "same")}
    assert [one.would_have_spoken for one in read] == [True, True]


def test_the_young_stay_as_they_are_and_the_old_are_gone(log: DecisionLog, engine: Engine) -> None:
    """Each in its time: identified, under a pseudonym, deleted with its feedback; on PostgreSQL a day goes whole."""
    young, middle, old, oldest = (decision(at=NOW - days * DAY) for days in (5, 40, 100, 200))
    make_days(engine, now=NOW - 100 * DAY, ahead=0)
    log.write([Entry(decision=one) for one in (young, middle, old, oldest)])
    log.write([feedback(card_uuid=one.card_uuid, received_at=one.at) for one in (middle, old)])
    done = keep_to(engine, RULES, now=NOW)
    rows = {row["decision"]: row for page in log.export(since=0) for row in page}
    assert rows.keys() == {young.decision, middle.decision}
    assert rows[young.decision]["patient"] == young.patient
    assert rows[middle.decision]["patient"] == KEY.of("Patient", middle.patient)
    with engine.connect() as connection:
        assert len(connection.execute(text("SELECT * FROM feedback")).all()) == 1
        if engine.dialect.name == "postgresql":
            assert done.days_dropped == 2
            assert day_of(old.at) not in days_there(connection)
    assert done.pseudonymised == 1


def test_what_comes_late_is_pseudonymised_too(log: DecisionLog, engine: Engine) -> None:
    """A spool of long ago that comes home after its time was passed does not keep its names."""
    log.write([Entry(decision=decision(at=NOW - 40 * DAY))])
    keep_to(engine, RULES, now=NOW)
    late = decision(at=NOW - 50 * DAY)
    log.write([Entry(decision=late)])
    assert keep_to(engine, RULES, now=NOW).pseudonymised == 2
    kept = log.reader.by_id(late.decision)
    assert kept is not None
    assert kept.decision.patient == KEY.of("Patient", late.patient)


def test_a_round_ends_when_the_service_stops(log: DecisionLog, engine: Engine) -> None:
    """A stop waits for one step; the next round goes on from there."""
    log.write([Entry(decision=decision(at=NOW - 40 * DAY + n * 1000)) for n in range(STEP + 5)])
    first = keep_to(engine, RULES, now=NOW, pause=lambda _seconds: True)
    assert (first.pseudonymised, first.finished) == (STEP, False)
    assert reached(engine)
    assert keep_to(engine, RULES, now=NOW).pseudonymised == 5


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"reason": {"code": "known", "system": "urn:x", "display": "Mr X"}}, {"reason": {"code": "known", "system": "urn:x"}}),
        ({"code": "known", "userComment": "Mr X"}, {"reason": {"code": "known"}}),
        ({"reason": sorted(OVERRIDE_REASONS)[0]}, {"reason": sorted(OVERRIDE_REASONS)[0]}),
        ({"reason": "Mr X said so"}, None),
        ({"extension": {"reasonTitle": "Mr X"}}, None),
    ],
)  # fmt: skip
def test_of_a_reason_only_its_code_stays(
    tmp_path: Path, sent: dict[str, object], kept: dict[str, object] | None
) -> None:
    """Whatever was typed in or beside a reason goes; a known code stays, so that what is counted stays."""
    log = DecisionLog(open_database(f"sqlite:///{tmp_path / 'log.sqlite'}"))
    log.create()
    one = decision(at=NOW - 40 * DAY)
    log.write(
        [Entry(decision=one), feedback(card_uuid=one.card_uuid, override_reason=sent, received_at=NOW - 40 * DAY)]
    )
    keep_to(log.engine, RULES, now=NOW)
    ((said,),) = [row["feedback"] for page in log.export(since=0) for row in page]
    assert said["override_reason"] == kept
    log.close()


def test_another_key_is_refused(log: DecisionLog, engine: Engine) -> None:
    """One patient never gets two pseudonyms in one log."""
    keep_to(engine, RULES, now=NOW)
    other = Retention(identified_days=30, kept_days=90, pseudonyms=Pseudonyms(b"x" * 32))
    with pytest.raises(Unavailable, match="another key"):
        keep_to(engine, other, now=NOW)


def test_a_patient_is_erased_under_both_names(log: DecisionLog, engine: Engine) -> None:
    """On request everything of one patient goes, also what stands under their pseudonym; of others nothing."""
    mine = [decision(at=NOW - days * DAY, patient="me") for days in (1, 40)]
    log.write([Entry(decision=one) for one in (*mine, decision(at=NOW, patient="other"))])
    log.write([feedback(card_uuid=mine[0].card_uuid, received_at=NOW)])
    keep_to(engine, RULES, now=NOW)
    assert erase(engine, KEY, "me") == (2, 1)
    assert [row["patient"] for page in log.export(since=0) for row in page] == ["other"]
    assert erase(engine, KEY, "me") == (0, 0)


def test_pseudonyms_are_fhir_ids_and_stay() -> None:
    """The same id has the same one, a pseudonym is not replaced again, nothing stays nothing."""
    one = KEY.of("Patient", "p1")
    assert KEY.of("Patient", one) == one
    assert KEY.of_reference("Patient/p1") == f"Patient/{one}"
    assert KEY.of("Encounter", "p1") != one
    assert (KEY.of("Patient", ""), KEY.of_reference("")) == ("", "")
    assert len(one) <= 64
    with pytest.raises(BadInput, match="fewer than"):
        Pseudonyms(b"short")


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The second start finds the key of the first; nobody else may read it."""
    path = tmp_path / "cds" / "pseudonym.key"
    assert load_or_make_key(path) == load_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]
