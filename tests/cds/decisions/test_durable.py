"""What happens to a decision when the database, the disk, or both fail."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from services.cds.decisions import durable as durable_module
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.durable import BATCH, CROWD, RETRY_SECONDS, WAITING, Durable
from services.cds.decisions.records import Entry, Outcome, Record, Token
from services.cds.decisions.spool import Spool
from services.guidance.errors import Unavailable
from services.plumbing.database import open_database
from tests.cds.records import decision, feedback, quiet

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Now."""
        return self.now


class FailingLog(DecisionLog):
    """A decision log whose database can be taken away, and that counts its transactions."""

    down = False
    batches: list[int]

    def write(self, records: Sequence[Record]) -> list[Outcome]:
        """As the real one, or not at all."""
        if self.down:
            raise Unavailable("the database does not answer")
        self.batches.append(len(records))
        return super().write(records)


class Disk:
    """A disk that can be full."""

    full = False

    def sync(self, _descriptor: int) -> None:
        """What is written reaches the disk only if there is room."""
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def log(tmp_path: Path) -> FailingLog:
    """A decision log that can fail."""
    log = FailingLog(open_database(f"sqlite:///{tmp_path / 'log.sqlite'}"))
    log.batches = []
    log.create()
    return log


@pytest.fixture
def clock() -> Clock:
    """Time stands still."""
    return Clock()


@pytest.fixture
async def durable(log: FailingLog, tmp_path: Path, clock: Clock) -> AsyncIterator[Durable]:
    """The writer over log and spool."""
    durable = Durable(log, Spool(tmp_path / "spool"), clock=clock)
    yield durable
    await durable.stop()


def kept(log: DecisionLog) -> set[str]:
    """The decisions in the database."""
    return {row["decision"] for page in log.export(since=0) for row in page}


async def test_concurrent_decisions_share_a_transaction(durable: Durable, log: FailingLog) -> None:
    """A hundred calls at once are a few commits, not a hundred."""
    decisions = [decision() for _ in range(100)]
    await asyncio.gather(*(durable.decision(one) for one in decisions))
    assert kept(log) == {one.decision for one in decisions}
    assert len(log.batches) <= 5


async def test_where_few_call_nobody_waits_for_others(
    durable: Durable, log: FailingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch is written at once, however long a crowd would gather; tokens are no crowd."""
    monkeypatch.setattr(durable_module, "GATHER_SECONDS", 3600)
    for jti in ("1", "2", "3"):
        few = [durable.token(Token(iss="ehr", jti=f"{jti}{n}", expires_at=10)) for n in range(CROWD)]
        few += [durable.offer(Entry(decision=decision())) for _ in range(CROWD - 1)]
        await asyncio.gather(*few)
    assert log.batches == [2 * CROWD - 1] * 3


async def test_after_a_crowd_the_next_batch_gathers(
    durable: Durable, log: FailingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes in within that time is one batch, and then it is written."""
    monkeypatch.setattr(durable_module, "GATHER_SECONDS", 0.5)
    await asyncio.gather(*(durable.decision(decision()) for _ in range(CROWD)))
    later = []
    for _ in range(3):
        later.append(durable.offer(Entry(decision=decision())))
        await asyncio.sleep(0.01)
    await asyncio.gather(*later)
    assert log.batches == [CROWD, 3]


async def test_a_queue_that_is_full_does_not_gather(
    durable: Durable, log: FailingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is company enough; a stop, too, waits for the time to pass and loses nothing."""
    monkeypatch.setattr(durable_module, "GATHER_SECONDS", 0.2)
    many = [durable.offer(Entry(decision=decision())) for _ in range(2 * BATCH)]
    await many[BATCH]
    last = durable.offer(Entry(decision=decision()))
    await durable.stop()
    assert last.done()
    assert log.batches == [BATCH, BATCH, 1]


async def test_the_token_of_a_call_is_written_with_its_decision(durable: Durable, log: FailingLog) -> None:
    """In one batch; where the call comes to none, when that is known."""
    seen = durable.token_of_call(Token(iss="ehr", jti="1", expires_at=10))
    await asyncio.sleep(0.05)
    assert not seen.done()
    await durable.decision(decision())
    assert await seen is True
    assert log.batches == [2]
    again = durable.token_of_call(Token(iss="ehr", jti="1", expires_at=10))
    durable.begin()
    assert await again is False
    assert log.batches == [2, 1]


async def test_a_stop_writes_the_token_of_a_call_that_never_came_to_a_decision(
    durable: Durable, log: FailingLog
) -> None:
    """Its replay is refused after a restart."""
    durable.token_of_call(Token(iss="ehr", jti="1", expires_at=10))
    await durable.stop()
    assert [token.jti for token in log.tokens(now=0)] == ["1"]


async def test_a_database_that_is_down_costs_no_decision(durable: Durable, log: FailingLog, clock: Clock) -> None:
    """Decisions go to the spool, the caller gets its answer, and when the database is back they are in it, once."""
    log.down = True
    spooled = [await durable.decision(decision(), quiet=quiet()) for _ in range(3)]
    assert [one.status for one in spooled] == ["shown"] * 3
    assert kept(log) == set()
    log.down = False
    clock.now += RETRY_SECONDS
    after = await durable.decision(decision(patient="p2"))
    assert kept(log) == {one.decision for one in (*spooled, after)}
    assert await durable.bring_home() == 0


async def test_while_it_is_down_calls_do_not_each_wait_for_it(durable: Durable, log: FailingLog, clock: Clock) -> None:
    """After one failure the spool is used at once, until it is time to try again."""
    log.down = True
    await durable.decision(decision())
    log.down = False
    await durable.decision(decision())
    assert log.batches == []
    clock.now += RETRY_SECONDS
    await durable.decision(decision())
    assert sum(log.batches) == 3


async def test_a_killed_process_leaves_its_spool_to_the_next(log: FailingLog, tmp_path: Path, clock: Clock) -> None:
    """What a process spooled before it was killed is brought home by the next, and a torn last line is left out."""
    log.down = True
    first = Durable(log, Spool(tmp_path / "spool"), clock=clock)
    one = await first.decision(decision())
    second = Durable(log, Spool(tmp_path / "spool"), clock=clock)
    log.down = False
    assert await second.bring_home() == 0  # the first is alive and holds its file
    await first.stop()  # closing lets go of the lock, as the end of a process does
    file = next((tmp_path / "spool").glob("*.ndjson"))
    file.write_bytes(file.read_bytes() + b'{"kind":"decision","dec')
    assert await second.bring_home() == 1
    assert kept(log) == {one.decision}
    assert list((tmp_path / "spool").iterdir()) == []
    await second.stop()


async def test_a_line_that_cannot_be_read_is_set_aside(log: FailingLog, tmp_path: Path, clock: Clock) -> None:
    """One bad line neither blocks the others nor gets lost."""
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "1-dead.ndjson").write_bytes(b"not json\n")
    durable = Durable(log, Spool(folder), clock=clock)
    await durable.bring_home()
    await durable.decision(decision())
    assert (folder / "unreadable.lines").read_bytes() == b"not json\n"
    await durable.stop()


async def test_if_both_fail_nothing_is_answered(log: FailingLog, tmp_path: Path) -> None:
    """No disk, no database: Unavailable, and the decision counts as not made."""
    disk = Disk()
    disk.full = log.down = True
    durable = Durable(log, Spool(tmp_path / "spool", sync=disk.sync))
    with pytest.raises(Unavailable, match="neither database nor spool"):
        await durable.decision(decision())
    await durable.stop()


def test_a_write_that_fails_half_way_leaves_no_half_line(tmp_path: Path) -> None:
    """What follows a failed write stands on a line of its own."""
    disk = Disk()
    spool = Spool(tmp_path, sync=disk.sync)
    spool.keep([b"one"])
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        spool.keep([b"two"])
    disk.full = False
    spool.keep([b"three"])
    seen: list[bytes] = []
    spool.bring_home(seen.extend)
    assert seen == [b"one", b"three"]


async def test_everything_else_is_spooled_too(durable: Durable, log: FailingLog, clock: Clock) -> None:
    """Feedback and tokens survive a database that is down."""
    log.down = True
    assert len(await durable.feedback([feedback()])) == 1
    assert await durable.token(Token(iss="ehr", jti="1", expires_at=10)) is True
    log.down = False
    clock.now += RETRY_SECONDS
    assert await durable.bring_home() == 2
    assert [token.jti for token in log.tokens(now=0)] == ["1"]


async def test_the_queue_is_bounded(durable: Durable) -> None:
    """A disk that stands still is a refusal, not a memory that grows for ever."""
    futures = [durable.offer(Entry(decision=decision())) for _ in range(WAITING)]
    with pytest.raises(Unavailable, match="too many"):
        durable.offer(Entry(decision=decision()))
    await asyncio.gather(*futures)
