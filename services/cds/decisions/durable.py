"""An answer leaves only after what it rests on is durable: in the log by group commit, else in the spool, else not at all.

Concurrent calls share one transaction: while one batch is being committed by the writer's thread, the next gathers. Where
many call at once it gathers a little longer; where few do, nobody waits for others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

import msgspec
from sqlalchemy.exc import IntegrityError

from services.cds.advice.suppress import Quiet
from services.cds.decisions.decision import Decision
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.records import Entry, Feedback, Outcome, Record, Token
from services.cds.decisions.spool import Spool
from services.cds.decisions.writer_thread import WriterThread
from services.guidance.errors import Unavailable
from services.plumbing.logs import get_logger

_log = get_logger("cds")
BATCH: Final = 500
# One call waits for at most two batches; ten thousand waiting means that the disk stands still.
WAITING: Final = 10_000
# A batch of so many decisions says that the service has all the calls that it can bear: the next one gathers for so long.
# With 8 callers at once that takes 9 % off a call's CPU, and answers come sooner, not later, because the loop yields less
# often to the writer. At half of that load batches hold one or two, and nobody waits.
CROWD: Final = 4
GATHER_SECONDS: Final = 0.005
# While the database is down, calls go straight to the spool instead of each waiting for its time-out.
RETRY_SECONDS: Final = 2.0
_LINE: Final = msgspec.json.Decoder(Record)
Waiting = tuple[Record, asyncio.Future[Outcome], int]
"""A record, who waits for it, and since when (nanoseconds)."""


class Durable:
    """Keeps records, many at a time, in one thread."""

    def __init__(
        self,
        log: DecisionLog,
        spool: Spool,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_spooled: Callable[[int], None] = lambda _n: None,
    ) -> None:
        self._log = log
        self._spool = spool
        self._clock = clock
        self._on_spooled = on_spooled
        self._retry_at = 0.0
        self.kept_in: Literal["log", "spool", "nowhere"] = "log"
        """Where the last batch went."""
        self.kept_at = 0.0
        """When that was, by the clock."""
        self._waiting: list[Waiting] = []
        self._idle = asyncio.Event()
        """Nothing is being written or gathered."""
        self._idle.set()
        # One thread: batches are written in the order in which they gathered.
        self._thread = WriterThread("decision-log")

    async def decision(self, decision: Decision, *, quiet: Quiet | None = None, jti: str = "") -> Decision:
        """Keep a decision; what comes back is what was kept: what was said, or a token used before, may have silenced it."""
        kept = await self.offer(Entry(decision=decision, quiet=quiet, jti=jti))
        return kept if isinstance(kept, Decision) else decision

    async def feedback(self, entries: Sequence[Feedback]) -> list[Feedback]:
        """Keep feedback; those that were new."""
        offered = [(entry, self.offer(entry)) for entry in entries]
        return [entry for entry, kept in offered if await kept]

    def token(self, token: Token) -> asyncio.Future[Outcome]:
        """Remember a token; true if it was never seen. It is written no later than what is offered after it."""
        return self.offer(token)

    def token_of_call(self, token: Token) -> asyncio.Future[Outcome]:
        """As `token`, in one batch with the call's decision; a call that comes to none says `begin`."""
        return self._queue(token)

    def begin(self) -> None:
        """Write what waits, if nobody does."""
        if self._idle.is_set() and self._waiting:
            self._idle.clear()
            asyncio.get_running_loop().call_soon(self._write_next)  # whoever is ready now comes along

    def offer(self, record: Record) -> asyncio.Future[Outcome]:
        """Put a record into the next batch; the future ends when it is durable, or fails with Unavailable."""
        future = self._queue(record)
        self.begin()
        return future

    def _queue(self, record: Record) -> asyncio.Future[Outcome]:
        if len(self._waiting) >= WAITING:
            raise Unavailable(
                "too many decisions wait to be written",
                place="decision log",
                remedy="Look at the database and its disk: they do not keep up",
            )
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, future, time.perf_counter_ns()))
        return future

    @property
    def spooled(self) -> int:
        """How many records of this process wait in its spool."""
        return self._spool.waiting

    @property
    def seconds_since(self) -> float:
        """Since the last batch was kept, or could not be."""
        return self._clock() - self.kept_at

    async def bring_home(self) -> int:
        """Replay the spool if the database is back; how many records came home."""
        return await self._thread.run(self._replay)

    async def stop(self) -> None:
        """Write what waits, then let go of thread and spool."""
        self.begin()
        await self._idle.wait()
        await self._thread.stop()
        self._spool.close()

    def _write_next(self) -> None:
        """Hand the next batch to the writer; there is none in its hands now."""
        if not self._waiting:
            self._idle.set()
            return
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        self._thread.begin(partial(self._commit, _timed(batch)), partial(self._told, batch))

    def _told(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome] | None, fault: BaseException | None) -> None:
        """What became of a batch. Whatever went wrong belongs to its calls; the next batch goes on."""
        each: Sequence[Outcome | BaseException] = [fault] * len(batch) if fault is not None else outcomes or ()
        for (_, future, _), outcome in zip(batch, each, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
                future.exception()  # a caller that has gone must not leave a warning
            else:
                future.set_result(outcome)
        crowd = sum(isinstance(record, Entry) for record, _, _ in batch)
        if crowd >= CROWD and len(self._waiting) < BATCH:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._write_next)
        else:
            self._write_next()

    def _commit(self, records: list[Record]) -> list[Outcome]:
        """In the writer's thread: the log, else the spool, else Unavailable for all of them."""
        if self._clock() >= self._retry_at:
            try:
                if self._spool.waiting:
                    self._replay()
                outcomes = self._write(records)
                self._went("log")
                return outcomes
            except Unavailable as fault:
                self._retry_at = self._clock() + RETRY_SECONDS
                _log.error("decision log does not answer", message=fault.message, place=fault.place)
        try:
            self._spool.keep([msgspec.json.encode(record) for record in records])
        except OSError as fault:
            self._went("nowhere")
            _log.error("spool failed", error=type(fault).__name__, errno=fault.errno)
            raise Unavailable(
                "the decision cannot be made durable: neither database nor spool can be written",
                place="decision log",
                remedy="Bring back the database, or make room on the disk of the spool",
            ) from fault
        self._went("spool")
        self._on_spooled(len(records))
        # Nobody can look up what was shown or seen before: cards go out, and repeats are let in.
        return [record.decision if isinstance(record, Entry) else True for record in records]

    def _went(self, where: Literal["log", "spool", "nowhere"]) -> None:
        self.kept_in, self.kept_at = where, self._clock()

    def _write(self, records: list[Record]) -> list[Outcome]:
        try:
            return self._log.write(records)
        except IntegrityError:
            if len(records) > 1:
                # Another worker wrote one of these first (a token replayed there, a spool replayed twice).
                return [outcome for record in records for outcome in self._write([record])]
            record = records[0]
            return [record.decision if isinstance(record, Entry) else False]

    def _replay(self) -> int:
        def store(lines: Sequence[bytes]) -> None:
            read = [(line, _read(line)) for line in lines]
            records = [record for _, record in read if record is not None]
            for start in range(0, len(records), BATCH):
                self._write(records[start : start + BATCH])
            if unreadable := [line for line, record in read if record is None]:
                self._spool.set_aside(unreadable)

        try:
            moved = self._spool.bring_home(store)
        except OSError as fault:
            raise Unavailable("the spool cannot be read", place="spool", remedy="Look at its disk") from fault
        if moved:
            self._went("log")
            _log.warning("spool replayed", records=moved)
        return moved


def _timed(batch: Sequence[Waiting]) -> list[Record]:
    """The records; of each decision it is noted how long it waited for its turn."""
    now = time.perf_counter_ns()
    for record, _, since in batch:
        if isinstance(record, Entry) and record.decision.latency:
            record.decision.latency["waited"] = (now - since) // 1000
    return [record for record, _, _ in batch]


def _read(line: bytes) -> Record | None:
    """A line of the spool; a decision that was shown there stays shown, whatever its policy would say now."""
    try:
        record = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return msgspec.structs.replace(record, quiet=None, jti="") if isinstance(record, Entry) else record
