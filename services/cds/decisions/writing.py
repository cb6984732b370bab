"""Records into tables: plain statements for many rows at once, made once, given to the driver as they are.

SQLAlchemy's compiling and binding per row would cost as much as the insert itself; behind its engine the driver is the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from services.cds.decisions.decision import Decision
from services.cds.decisions.identity import MICROSECONDS_PER_DAY, first_id
from services.cds.decisions.recently_shown import settled
from services.cds.decisions.records import Entry, Feedback, Record, Token
from services.cds.decisions.rows import COLUMNS, Names, key_of, names_of, row_of
from services.cds.decisions.schema import feedback, retention, tokens

PSEUDONYMISED_TO: Final = "pseudonymised to"
"""The row of `retention` that says how far pseudonymisation has come."""
FEEDBACK_DONE: Final = "feedback without free text to"
"""The same for feedback: when it was received, and its digest."""

AT_ONCE: Final = 32
"""So many decisions are one statement to SQLite."""

# Twice the same is once: a spool may be brought home twice.
_INTO_DECISIONS: Final = f"INSERT INTO decisions ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in COLUMNS)}) VALUES "  # noqa: S608 (our own names)
_DECISIONS: Final = _INTO_DECISIONS + "({marks}) ON CONFLICT DO NOTHING"
_FEATURE_SETS: Final = "INSERT INTO feature_sets (feature_set, release, names) VALUES ({marks}) ON CONFLICT DO NOTHING"
_INSERT_TOKENS: Final = (
    "INSERT INTO tokens_seen (iss, jti, expires_at) VALUES {rows} ON CONFLICT DO NOTHING RETURNING iss, jti"
)


def _for_both(statement: str, columns: int) -> Mapping[str, str]:
    return {
        "sqlite": statement.format(marks=",".join("?" * columns)),
        "postgresql": statement.format(marks=",".join(["%s"] * columns)),
    }


_INSERT_DECISIONS: Final = _DECISIONS.format(marks=",".join(["%s"] * len(COLUMNS)))
_INSERT_FEATURE_SETS: Final = _for_both(_FEATURE_SETS, 3)


def write_decisions(
    connection: Connection, entries: Sequence[Entry], known: Mapping[Names, str]
) -> tuple[list[Decision], dict[Names, str]]:
    """Keep the decisions; as they were kept, and the feature sets that are new (`known` once this is committed)."""
    dialect = connection.dialect.name
    kept = settled(connection, entries)
    new: dict[Names, str] = {}
    sets, rows = [], []
    for decision in kept:
        names = names_of(decision)
        feature_set = known.get(names)
        if feature_set is None:
            feature_set = new.get(names)
            if feature_set is None:
                feature_set = new[names] = key_of(names)
                if names:
                    sets.append((feature_set, decision.release, msgspec.json.encode(names).decode()))
        rows.append(row_of(decision, names, feature_set))
    if sets:
        connection.exec_driver_sql(_INSERT_FEATURE_SETS[dialect], sorted(sets))
    _insert_decisions(connection, rows)
    oldest = min(decision.decision for decision in kept)
    if oldest < first_id(_a_day_ago()):
        _reopen_retention(connection, PSEUDONYMISED_TO, oldest[: len(first_id(0))])
    return kept, new


def _insert_decisions(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Put the rows in, on SQLite as few statements as may be.

    Its driver lets other threads run around every row of an `executemany`: each time the loop takes the interpreter, and
    this thread waits to get it back.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_INSERT_DECISIONS, list(rows))
        return
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        connection.exec_driver_sql(_of_so_many(len(some)), tuple(chain.from_iterable(some)))


@cache
def _of_so_many(rows: int) -> str:
    """The statement for SQLite that keeps so many decisions; the driver has each prepared once."""
    marks = f"({','.join('?' * len(COLUMNS))})"
    return f"{_INTO_DECISIONS}{','.join([marks] * rows)} ON CONFLICT DO NOTHING"


def write_feedback(connection: Connection, records: Sequence[Record]) -> Iterable[int]:
    """Keep feedback; the places of what was new."""
    places = {record.feedback: place for place, record in enumerate(records) if isinstance(record, Feedback)}
    if not places:
        return ()
    known = set(connection.scalars(select(feedback.c.feedback).where(feedback.c.feedback.in_(places))))
    new = {digest: place for digest, place in places.items() if digest not in known}
    rows = [_feedback_row(record) for place in new.values() if isinstance(record := records[place], Feedback)]
    if rows:
        connection.execute(insert(feedback), rows)
        if (oldest := min(row["received_at"] for row in rows)) < _a_day_ago():
            _reopen_retention(connection, FEEDBACK_DONE, str(oldest))
    return new.values()


def write_tokens(connection: Connection, records: Sequence[Record]) -> Iterable[int]:
    """Remember tokens; the places of those that were unseen.

    One statement both asks and keeps, so that of two workers with one token exactly one has it new.
    """
    places: dict[tuple[str, str], int] = {}
    for place, record in enumerate(records):
        if isinstance(record, Token):
            places.setdefault((record.iss, record.jti), place)
    if not places:
        return ()
    mark = "(%s,%s,%s)" if connection.dialect.name == "postgresql" else "(?,?,?)"
    # In one order at every worker: else two of them could wait for each other.
    rows = [
        (iss, jti, record.expires_at)
        for (iss, jti), place in sorted(places.items())
        if isinstance(record := records[place], Token)
    ]
    statement = _INSERT_TOKENS.format(rows=",".join([mark] * len(rows)))
    new = connection.exec_driver_sql(statement, tuple(value for row in rows for value in row))
    return [places[iss, jti] for iss, jti in new]


def forget_tokens(connection: Connection, *, now: int) -> None:
    """Drop what has expired (`now`: seconds since 1970)."""
    connection.execute(delete(tokens).where(tokens.c.expires_at < now))


def _feedback_row(record: Feedback) -> dict[str, Any]:
    row = msgspec.structs.asdict(record)
    row["accepted_suggestions"] = msgspec.json.encode(row["accepted_suggestions"]).decode()
    if row["override_reason"] is not None:
        row["override_reason"] = msgspec.json.encode(row["override_reason"]).decode()
    return row


def _a_day_ago() -> int:
    return time.time_ns() // 1000 - MICROSECONDS_PER_DAY


def _reopen_retention(connection: Connection, name: str, oldest: str) -> None:
    """What comes late (a spool of long ago) may lie before the place that pseudonymisation has reached."""
    late = retention.c.name == name, retention.c.said > oldest
    connection.execute(update(retention).where(*late).values(said=oldest))
