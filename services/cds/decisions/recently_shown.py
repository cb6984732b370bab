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

_SELECT: Final = "SELECT guidance, patient, index_at, hook_instance FROM decisions WHERE status = 'shown'"


def settled(connection: Connection, entries: Sequence[Entry]) -> list[Decision]:
    """The decisions as they are to be kept, those that repeat what was shown silenced; in the order they came."""
    shown = _shown_before(connection, [e for e in entries if e.cool_down > 0 and e.decision.status == "shown"])
    return settle([e.decision for e in entries], [e.cool_down for e in entries], shown)


def _shown_before(connection: Connection, due: Sequence[Entry]) -> dict[tuple[str, str], list[Shown]]:
    if not due:
        return {}
    query, bound = look_up(
        connection.dialect.name,
        sorted({e.decision.patient for e in due}),
        index_after=min(e.decision.index_at - e.cool_down for e in due),
        # No bedside clock is slower than ours: what was shown within the cool-down was kept within it.
        kept_after=min(e.decision.at - e.cool_down for e in due) - MICROSECONDS_PER_DAY,
    )
    found: dict[tuple[str, str], list[Shown]] = {}
    for guidance, patient, at, instance in connection.exec_driver_sql(query, bound):
        found.setdefault((guidance, patient), []).append((at, instance))
    return found


def look_up(
    dialect: str, patients: Sequence[str], *, index_after: int, kept_after: int
) -> tuple[str, tuple[object, ...]]:
    """The statement and its values: what was shown to these patients' teams since then (microseconds)."""
    if dialect == "postgresql":
        # One text however many patients, so that it is planned once; the days before are not looked into.
        asked = f"{_SELECT} AND patient = ANY(%s) AND index_at > %s AND decision >= %s"
        return asked, (list(patients), index_after, first_id(kept_after))
    marks = ",".join("?" * len(patients))
    return f"{_SELECT} AND patient IN ({marks}) AND index_at > ?", (*patients, index_after)
