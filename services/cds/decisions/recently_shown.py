"""What was said before of the patients of a batch, and how many cards this hour has seen: asked where it is decided.

It is asked in the transaction that keeps the answer, so that two calls at once cannot both be first. SQLite has one
writer; on PostgreSQL two workers could each see nothing of the other's card, so whoever decides takes a lock for each
(guidance, patient), in one order, and looks then. Only cards that are due, of guidance whose policy asks, cost a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from sqlalchemy import Connection

from services.cds.advice.suppress import MICROSECONDS_PER_HOUR, Key, Quiet, Said, hour_of, key_of, settle
from services.cds.decisions.decision import Decision
from services.cds.decisions.identity import MICROSECONDS_PER_DAY, first_id
from services.cds.decisions.override_reason import code_of, decoded
from services.cds.decisions.records import Entry

_SAID: Final = (
    'SELECT d.guidance, d.patient, d.issuer, d.tenant, d.index_at, d.hook_instance, d."user", d.encounter, d.band, '
    # So written that no planner takes the index of all cards shown for that of this patient's decisions.
    "{reason} FROM decisions d{declined} WHERE coalesce(d.status, '') = 'shown'"
)
_DECLINED: Final = " LEFT JOIN feedback f ON f.card_uuid = d.decision AND f.outcome = 'overridden'"
# To know that the cap is reached is enough: the cost does not grow with what came before it.
_CARDS: Final = (
    "SELECT count(*) FROM (SELECT at FROM decisions"
    " WHERE status = 'shown' AND guidance = {mark} AND at >= {mark} AND at < {mark}"
    # The id begins with the time: on PostgreSQL only this day's partition is looked into.
    " AND decision >= {mark} LIMIT {mark}) AS cards"
)
_LOCKS: Final = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key"

Asking = Sequence[tuple[Decision, Quiet]]
"""The decisions that would be shown, and what their policies ask for."""


def settled(connection: Connection, entries: Sequence[Entry]) -> list[Decision]:
    """The decisions as they are to be kept, those that must not be shown silenced; in the order they came."""
    asking = [(e.decision, e.quiet) for e in entries if e.quiet is not None and e.decision.status == "shown"]
    if not asking:
        return [entry.decision for entry in entries]
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LOCKS, (sorted(set(_lock_keys(asking))),))
    said, counted = _said(connection, asking), _counted(connection, asking)
    return settle([e.decision for e in entries], [e.quiet for e in entries], said, counted)


def look_up(
    dialect: str, patients: Sequence[str], *, index_after: int, kept_after: int, with_reasons: bool = False
) -> tuple[str, tuple[object, ...]]:
    """The statement and its values: what was said of these patients since then (microseconds), and why declined."""
    query = _SAID.format(
        reason="f.override_reason" if with_reasons else "NULL",
        declined=_DECLINED if with_reasons else "",
    )
    if dialect == "postgresql":
        # One text however many patients, so that it is planned once; the days before are not looked into.
        asked = f"{query} AND d.patient = ANY(%s) AND d.index_at > %s AND d.decision >= %s"
        return asked, (list(patients), index_after, first_id(kept_after))
    marks = ",".join("?" * len(patients))
    return f"{query} AND d.patient IN ({marks}) AND d.index_at > ?", (*patients, index_after)


def count_cards(dialect: str, guidance: str, hour: int, *, cap: int) -> tuple[str, tuple[str | int, ...]]:
    """The statement and its values: how many cards this guidance showed in this hour of the clock, at most `cap`."""
    begins = hour * MICROSECONDS_PER_HOUR
    return _CARDS.format(mark=_mark(dialect)), (
        guidance,
        begins,
        begins + MICROSECONDS_PER_HOUR,
        first_id(begins),
        cap,
    )


def _said(connection: Connection, asking: Asking) -> dict[Key, list[Said]]:
    query, bound = look_up(
        connection.dialect.name,
        sorted({decision.patient for decision, _ in asking}),
        index_after=min(decision.index_at - quiet.looks_back for decision, quiet in asking),
        # No bedside clock is slower than ours: what was shown within that time was kept within it.
        kept_after=min(decision.at - quiet.looks_back for decision, quiet in asking) - MICROSECONDS_PER_DAY,
        with_reasons=any(quiet.snooze for _, quiet in asking),
    )
    found: dict[Key, list[Said]] = {}
    for guidance, patient, issuer, tenant, at, instance, user, encounter, band, reason in connection.exec_driver_sql(
        query, bound
    ):
        found.setdefault((guidance, patient, issuer, tenant), []).append(
            Said(at=at, instance=instance, user=user, encounter=encounter, band=band, declined=code_of(decoded(reason)))
        )
    return found


def _counted(connection: Connection, asking: Asking) -> dict[tuple[str, int], int]:
    caps = {(one.guidance, hour_of(one.at)): quiet.cards_per_hour for one, quiet in asking if quiet.cards_per_hour}
    counts = {}
    for (guidance, hour), cap in caps.items():
        query, bound = count_cards(connection.dialect.name, guidance, hour, cap=cap)
        counts[guidance, hour] = int(connection.exec_driver_sql(query, bound).scalar_one())
    return counts


def _lock_keys(asking: Asking) -> Iterable[int]:
    for decision, quiet in asking:
        yield _lock_key("patient", *key_of(decision))
        if quiet.cards_per_hour:
            yield _lock_key("cap", decision.guidance)


def _lock_key(*parts: str) -> int:
    digest = blake2b("\x00".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _mark(dialect: str) -> str:
    return "%s" if dialect == "postgresql" else "?"
