"""How long the log knows of whom it speaks: first pseudonyms, then nothing. In small steps, so that no call waits long.

After `identified_days` patient, encounter, user, call and sources become pseudonyms and free text goes; after `kept_days`
the rows go. What is counted (guidance, release, outcome, risk, features) stays the same until then.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, String, and_, bindparam, delete, insert, or_, select, update

from services.cds.decisions.identity import MICROSECONDS_PER_DAY, day_of, first_id, first_of_day
from services.cds.decisions.override_reason import code_of, decoded
from services.cds.decisions.partitions import days_there, drop_day
from services.cds.decisions.pseudonyms import Pseudonyms
from services.cds.decisions.rows import sources_in, without_identifiers
from services.cds.decisions.schema import accesses, decisions, feedback, retention
from services.cds.decisions.writing import FEEDBACK_DONE, PSEUDONYMISED_TO
from services.guidance.errors import Unavailable
from services.guidance.words.override_reasons import OVERRIDE_REASONS
from services.plumbing.database import reading, writing

STEP: Final = 100  # rows in one transaction: some 10 ms, which a call may wait for
PAUSE: Final = 3  # times a step's own length between two steps: calls go first
ROUND_SECONDS: Final = 20.0  # the rest is done in the next round
_KEY: Final = "pseudonym key"
_AT_FIRST: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how long what is kept, and the key of the pseudonyms."""

    identified_days: int
    kept_days: int
    pseudonyms: Pseudonyms


@dataclass(slots=True, kw_only=True)
class Done:
    """What one round did: decisions pseudonymised, feedback without its free text, rows and days gone."""

    pseudonymised: int = 0
    feedback: int = 0
    deleted: int = 0
    days_dropped: int = 0
    finished: bool = True
    """False when time was up before everything was done."""

    @property
    def anything(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.pseudonymised or self.feedback or self.deleted or self.days_dropped)


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def keep_to(
    engine: Engine,
    rules: Retention,
    *,
    now: int,
    seconds: float = ROUND_SECONDS,
    pause: Callable[[float], bool] = _wait,
) -> Done:
    """One round; `pause` waits so many seconds and is true when the service stops. Unavailable if the log's pseudonyms were made with another key: two for one patient help nobody."""
    done = Done()
    until = time.monotonic() + seconds
    _agree_on_key(engine, rules.pseudonyms)
    gone = now - rules.kept_days * MICROSECONDS_PER_DAY
    identified = now - rules.identified_days * MICROSECONDS_PER_DAY
    done.days_dropped = _drop_days(engine, before=day_of(gone))

    def steps(step: Callable[[], int]) -> int:
        total = 0
        while True:
            start = time.monotonic()
            found = step()
            total += found
            if found < STEP:
                return total
            if pause((time.monotonic() - start) * PAUSE) or time.monotonic() > until:
                done.finished = False
                return total

    done.deleted = steps(lambda: _delete(engine, before=first_of_day(day_of(gone)), at=gone))
    done.pseudonymised = steps(
        lambda: _advance(engine, PSEUDONYMISED_TO, lambda c, mark: _decisions(c, mark, identified, rules.pseudonyms))
    )
    done.feedback = steps(lambda: _advance(engine, FEEDBACK_DONE, lambda c, mark: _feedback(c, mark, identified)))
    return done


def erase(engine: Engine, pseudonyms: Pseudonyms, patient: str) -> tuple[int, int]:
    """Everything about one patient, under their id and their pseudonym: how many decisions and feedback are gone."""
    names = {patient, pseudonyms.of("Patient", patient)}
    gone, said = 0, 0
    while True:
        with writing(engine) as connection:
            _shred(connection)
            found = list(
                connection.scalars(select(decisions.c.decision).where(decisions.c.patient.in_(names)).limit(STEP))
            )
            if not found:
                return gone, said
            said += connection.execute(delete(feedback).where(feedback.c.card_uuid.in_(found))).rowcount
            gone += connection.execute(delete(decisions).where(decisions.c.decision.in_(found))).rowcount


def reached(engine: Engine) -> str:
    """The last decision that was pseudonymised; empty if none was."""
    with reading(engine) as connection:
        return connection.scalar(select(retention.c.said).where(retention.c.name == PSEUDONYMISED_TO)) or ""


def _agree_on_key(engine: Engine, pseudonyms: Pseudonyms) -> None:
    found = _said(engine, _KEY)
    if found is None:
        with writing(engine) as connection:
            _begin(connection, _KEY, pseudonyms.fingerprint)
        found = _said(engine, _KEY)
    if found != pseudonyms.fingerprint:
        raise Unavailable(
            "the log's pseudonyms were made with another key; nothing was pseudonymised or deleted",
            place="KNOWDO_CDS_PSEUDONYM_KEY_FILE",
            remedy="Give every machine the key of the first one (`<var>/cds/pseudonym.key`)",
        )


def _said(engine: Engine, name: str) -> str | None:
    with reading(engine) as connection:
        return connection.scalar(select(retention.c.said).where(retention.c.name == name))


def _begin(connection: Connection, name: str, said: str) -> None:
    """The row, if it is not there; another worker may be making it in this moment."""
    row = select(bindparam("a", name, String), bindparam("b", said, String))
    there = select(retention.c.name).where(retention.c.name == name).exists()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE retention IN SHARE ROW EXCLUSIVE MODE")
    connection.execute(insert(retention).from_select(["name", "said"], row.where(~there)))


def _advance(engine: Engine, name: str, step: Callable[[Connection, str], tuple[int, str]]) -> int:
    """One step from where the last ended; its mark is locked, so that workers take turns and nothing is done twice."""
    with writing(engine) as connection:
        _shred(connection)
        marks = select(retention.c.said).where(retention.c.name == name).with_for_update()
        mark = connection.scalar(marks)
        if mark is None:
            _begin(connection, name, _AT_FIRST)
            mark = connection.scalar(marks) or _AT_FIRST
        found, reached_now = step(connection, mark)
        if found:
            connection.execute(update(retention).where(retention.c.name == name).values(said=reached_now))
        return found


def _shred(connection: Connection) -> None:
    """On SQLite what is replaced is overwritten, not only let go."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def _decisions(connection: Connection, mark: str, before: int, pseudonyms: Pseudonyms) -> tuple[int, str]:
    columns = ("decision", "hook_instance", "patient", "encounter", "user", "features", "card")
    within = and_(decisions.c.decision > mark, decisions.c.decision < first_id(before))
    query = select(*(decisions.c[name] for name in columns)).where(within).order_by(decisions.c.decision).limit(STEP)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    if not rows:
        return 0, mark
    changed = [
        {
            "of": row["decision"],
            "hook_instance": pseudonyms.of("hookInstance", row["hook_instance"]),
            "patient": pseudonyms.of("Patient", row["patient"]),
            "encounter": pseudonyms.of("Encounter", row["encounter"]),
            "user": pseudonyms.of_reference(row["user"]),
            "features": _without_sources(row["features"], pseudonyms),
            # Its text is made of the record, and its suggestions name the patient.
            "card": None if row["card"] is None else "",
        }
        for row in rows
    ]
    values: dict[str, Any] = {name: bindparam(name) for name in columns[1:]}
    connection.execute(update(decisions).where(decisions.c.decision == bindparam("of")).values(values), changed)
    return len(rows), rows[-1]["decision"]


def _without_sources(packed: str | None, pseudonyms: Pseudonyms) -> str | None:
    if packed is None:
        return None
    return without_identifiers(packed, {one: pseudonyms.of_reference(one) for one in sources_in(packed)})


def _feedback(connection: Connection, mark: str, before: int) -> tuple[int, str]:
    at, _, last = mark.partition(" ")
    received = feedback.c.received_at
    after = or_(received > int(at or -1), and_(received == int(at or -1), feedback.c.feedback > last))
    query = (
        select(feedback.c.feedback, received, feedback.c.override_reason)
        .where(received >= int(at or -1), received < before, after)
        .order_by(received, feedback.c.feedback)
        .limit(STEP)
    )
    rows = connection.execute(query).all()
    if not rows:
        return 0, mark
    coded = [{"of": row.feedback, "reason": _coded(row.override_reason)} for row in rows]
    changes: dict[str, Any] = {"override_reason": bindparam("reason"), "comment": None, "raw": "{}"}
    connection.execute(update(feedback).where(feedback.c.feedback == bindparam("of")).values(changes), coded)
    return len(rows), f"{rows[-1].received_at} {rows[-1].feedback}"


def _coded(reason: str | None) -> str | None:
    """The coded part of an override reason: what was typed beside it, or in its place, may name anybody."""
    found = decoded(reason)
    given = found.get("reason", found) if isinstance(found, dict) else None
    if isinstance(given, dict):
        coding = {key: given[key] for key in ("code", "system") if isinstance(given.get(key), str)}
        return json.dumps({"reason": coding}) if coding else None
    code = code_of(found)
    return json.dumps({"reason": code}) if code in OVERRIDE_REASONS else None


def _drop_days(engine: Engine, *, before: int) -> int:
    with reading(engine) as connection:
        old = [day for day in days_there(connection) if day < before]
    for day in old:
        with writing(engine) as connection:
            # Dropping waits for who reads; who calls must not wait behind it.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
            drop_day(connection, day)
    return len(old)


def _delete(engine: Engine, *, before: str, at: int) -> int:
    """Decisions that no dropped day held, feedback and readings of that age: one step of each."""
    old = {
        decisions.c.decision: decisions.c.decision < before,
        feedback.c.feedback: feedback.c.received_at < at,
        accesses.c.access: accesses.c.access < before,
    }
    most = 0
    with writing(engine) as connection:
        _shred(connection)
        for key, condition in old.items():
            found = list(connection.scalars(select(key).where(condition).order_by(key).limit(STEP)))
            if found:
                connection.execute(delete(key.table).where(key.in_(found)))
            most = max(most, len(found))
    return most
