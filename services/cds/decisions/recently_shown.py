"""What was shown before that may silence a card that is due now: the one question that writing asks of the past.

It is asked in the transaction that keeps the answer, so that two calls at once cannot both be first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from services.cds.advice.suppress import Shown, settle
from services.cds.decisions.decision import Decision
from services.cds.decisions.identity import MICROSECONDS_PER_DAY, first_id
from services.cds.decisions.records import Entry

_FOUND: Final = "SELECT guidance, patient, index_at, hook_instance FROM decisions WHERE patient IN ({patients})"


def settled(connection: Connection, entries: Sequence[Entry]) -> list[Decision]:
    """The decisions as they are to be kept, those that repeat what was shown silenced; in the order they came."""
    shown = _shown_before(connection, [e for e in entries if e.cool_down > 0 and e.decision.status == "shown"])
    return settle([e.decision for e in entries], [e.cool_down for e in entries], shown)


def _shown_before(connection: Connection, due: Sequence[Entry]) -> dict[tuple[str, str], list[Shown]]:
    if not due:
        return {}
    since = min(e.decision.index_at - e.cool_down for e in due)
    query, bound = look_up(connection.dialect.name, sorted({e.decision.patient for e in due}), since=since)
    if connection.dialect.name == "postgresql":
        # Days before cannot hold it: their partitions are not looked into. No bedside clock is slower than ours.
        query += " AND decision >= %s"
        bound = (*bound, first_id(min(e.decision.at - e.cool_down for e in due) - MICROSECONDS_PER_DAY))
    found: dict[tuple[str, str], list[Shown]] = {}
    for guidance, patient, at, instance in connection.exec_driver_sql(query, bound):
        found.setdefault((guidance, patient), []).append((at, instance))
    return found


def look_up(dialect: str, patients: Sequence[str], *, since: int) -> tuple[str, tuple[str | int, ...]]:
    """The statement and its values: what was shown to these patients' teams after `since` (microseconds)."""
    mark = "%s" if dialect == "postgresql" else "?"
    query = _FOUND.format(patients=",".join([mark] * len(patients)))
    return f"{query} AND index_at > {mark} AND status = 'shown'", (*patients, since)
