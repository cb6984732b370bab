"""Calls of a minute counted by all processes together, in the database: an upsert for a tenth of the minute's worth.

Each process takes calls in advance, so that most cost nothing. What it took and did not use is lost to the others until the
minute is over: they may allow a little less together, never more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from anyio import to_thread
from sqlalchemy import Connection, Engine, case, delete, func, select
from sqlalchemy.dialects import postgresql

from services.guidance.errors import TooMany
from services.plumbing.database import writing
from services.registry.people.tables import request_counts

MINUTE: Final = 60
FORGOTTEN_AFTER: Final = 60  # minutes
MOST_KEPT: Final = 10_000


@dataclass(slots=True)
class _Taken:
    minute: int
    left: int
    is_over: bool = False


class SharedCounts:
    """The counts of one PostgreSQL; every process that shares it has one of these."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        """`now` is the clock by which minutes are told apart."""
        self._engine = engine
        self._now = now
        self._taken: OrderedDict[tuple[str, str], _Taken] = OrderedDict()
        self._forget_at = 0

    async def take(self, kind: str, subject: str, *, rate: int) -> None:
        """Count one call of at most `rate` a minute; TooMany, with the seconds until the minute is over."""
        seconds = int(self._now().timestamp())
        minute = seconds // MINUTE
        taken = self._taken.pop((kind, subject), None)
        if taken is None or taken.minute != minute:
            taken = _Taken(minute, 0)
        self._taken[kind, subject] = taken
        while len(self._taken) > MOST_KEPT:
            self._taken.popitem(last=False)
        while taken.left < 1 and not taken.is_over:  # others of this process may have used what was just taken
            more = await to_thread.run_sync(self._take_in_advance, kind, subject, minute, rate)
            taken.left += more
            taken.is_over = more == 0
        if taken.left < 1:
            raise TooMany("too many calls", seconds=MINUTE - seconds % MINUTE, place=kind)
        taken.left -= 1

    def _take_in_advance(self, kind: str, subject: str, minute: int, rate: int) -> int:
        chunk = max(1, rate // 10)
        with writing(self._engine) as connection:
            before = _count(connection, kind, sha256(subject.encode("utf-8", "replace")).hexdigest(), minute, chunk)
        if minute >= self._forget_at:
            self._forget_at = minute + FORGOTTEN_AFTER
            with writing(self._engine) as connection:
                _forget(connection, minute - FORGOTTEN_AFTER)
        return max(0, min(chunk, rate - before))


def _count(connection: Connection, kind: str, subject: str, minute: int, more: int) -> int:
    """Add to the count of this minute; what it was before."""
    made = postgresql.insert(request_counts).values(kind=kind, subject=subject, minute=minute, calls=more)
    # Another process's clock may be in the next minute already: the count never goes back to the one before.
    is_same = request_counts.c.minute >= made.excluded.minute
    statement = made.on_conflict_do_update(
        index_elements=[request_counts.c.kind, request_counts.c.subject],
        set_={
            "calls": case((is_same, request_counts.c.calls + more), else_=more),
            "minute": func.greatest(request_counts.c.minute, made.excluded.minute),
        },
    ).returning(request_counts.c.calls)
    return int(connection.execute(statement).scalar_one()) - more


def _forget(connection: Connection, before: int) -> None:
    """Drop old rows; those that another process drops at this moment are left to it."""
    old = (
        select(request_counts.c.kind, request_counts.c.subject)
        .where(request_counts.c.minute < before)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    connection.execute(
        delete(request_counts).where(request_counts.c.kind == old.c.kind, request_counts.c.subject == old.c.subject)
    )
