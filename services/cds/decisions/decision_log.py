"""The decision log: every decision, every feedback, every token seen. Written in batches, read by index, never by scan.

These are the plain, synchronous acts; `durable` decides when they run, and what happens when they cannot.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, select

from services.cds.decisions.decision import Decision
from services.cds.decisions.partitions import make_days
from services.cds.decisions.reading import PAGE, DecisionReader
from services.cds.decisions.records import Entry, Feedback, Outcome, Record, Token
from services.cds.decisions.replays import Replays
from services.cds.decisions.rows import Names
from services.cds.decisions.schema import tokens
from services.cds.decisions.writing import forget_tokens, write_decisions, write_feedback, write_tokens
from services.plumbing.database import reading, writing
from services.plumbing.migrations import Migrations, upgrade

__all__ = ["MIGRATIONS", "PAGE", "DecisionLog", "Entry", "Feedback", "Outcome", "Record", "Token"]

MIGRATIONS: Final = Migrations(
    scripts=Path(__file__).parent / "migrations", head="0003", first_table="decisions", lock=0x6B6E6F77646F01
)


class DecisionLog:
    """The tables behind one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._feature_sets: dict[Names, str] = {(): ""}
        self._replays = Replays()
        self.reader = DecisionReader(engine)

    @property
    def engine(self) -> Engine:
        """What is below."""
        return self._engine

    def create(self) -> tuple[str, str]:
        """Bring the tables to this version, with the days to come; the revision before and after."""
        before_and_after = upgrade(self._engine, MIGRATIONS)
        make_days(self._engine, now=time.time_ns() // 1000)
        return before_and_after

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def write(self, records: Sequence[Record]) -> list[Outcome]:
        """Keep all in one transaction; when this returns they are on the disk. Twice the same is once."""
        entries: Sequence[Entry] = [record for record in records if isinstance(record, Entry)]
        kept: list[Decision] = []
        new_sets: dict[Names, str] = {}
        with writing(self._engine) as connection:
            new: set[int] = set()
            if len(entries) < len(records):
                # Tokens first: whether a decision's card may leave hangs on them.
                new.update(write_tokens(connection, records))
                self._replays.note(records, new)
                new.update(write_feedback(connection, records))
            if entries:
                entries = self._replays.settled(entries)
                kept, new_sets = write_decisions(connection, entries, self._feature_sets)
        # Known only now that it is on the disk.
        self._feature_sets |= new_sets
        if len(entries) == len(records):
            return list(kept)
        decided = iter(kept)
        return [next(decided) if isinstance(record, Entry) else place in new for place, record in enumerate(records)]

    def export(self, *, guidance: str = "", since: int) -> Iterator[list[dict[str, Any]]]:
        """Decisions at or after `since`, oldest first, each with its feedback; a page at a time."""
        for page in self.reader.oldest_first(guidance=guidance, since=since):
            yield [msgspec.structs.asdict(kept.decision) | {"feedback": kept.feedback} for kept in page]

    def counts(self, *, since: int, until: int) -> list[dict[str, Any]]:
        """Decisions and feedback in a span of time, counted by guidance, release and what became of them."""
        return self.reader.counts(since=since, until=until)

    def tokens(self, *, now: int) -> list[Token]:
        """The tokens that have not expired: what a restarted service must still refuse."""
        query = select(tokens).where(tokens.c.expires_at >= now)
        with reading(self._engine) as connection:
            return [Token(**row) for row in connection.execute(query).mappings()]

    def forget_tokens(self, *, now: int) -> None:
        """Drop what has expired: replay memory does not grow with history."""
        with writing(self._engine) as connection:
            forget_tokens(connection, now=now)
