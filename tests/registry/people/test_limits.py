"""Nobody goes faster than people and services do; who does is told when to come back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from sqlalchemy import select

from services.guidance.errors import NotFound, TooMany
from services.plumbing.database import reading
from services.registry.app import create_app
from services.registry.database import open_tables
from services.registry.people.limits import MOST_KEPT, SIGN_INS, Buckets
from services.registry.people.shared_counts import SharedCounts
from services.registry.people.tables import request_counts
from services.registry.settings import RegistrySettings
from tests.postgres import fresh_database
from tests.registry.conftest import Clock, House, running

pytestmark = pytest.mark.anyio


class Seconds:
    """A clock in seconds."""

    now = 0.0

    def __call__(self) -> float:
        """The time it shows."""
        return self.now


def test_a_minutes_worth_at_once_then_evenly() -> None:
    """And each subject has its own."""
    clock = Seconds()
    limits = Buckets({"write": 60}, clock=clock)
    for _ in range(60):
        limits.take("write", "Ann")
    with pytest.raises(TooMany) as many:
        limits.take("write", "Ann")
    assert many.value.seconds == 1
    limits.take("write", "Ben")
    clock.now = 1.0
    limits.take("write", "Ann")
    with pytest.raises(TooMany):
        limits.take("write", "Ann")


def test_it_holds_so_many_and_no_more() -> None:
    """A million addresses do not fill the memory."""
    limits = Buckets({"token": 60}, clock=Seconds())
    for number in range(MOST_KEPT + 100):
        limits.take("token", f"{number}")
    assert len(limits._buckets) == MOST_KEPT


async def test_writes_are_limited_by_identity_and_reads_are_not(house: House, clock: Clock) -> None:
    """429 as a problem, with Retry-After; a stop is never held up."""
    settings = RegistrySettings(var=house.settings.var / "slow", writes_per_minute=10)
    async with running(settings, clock) as slow:
        cds = {"Authorization": f"Bearer {slow.tokens['cds']}"}
        answers = [await slow.http.post("/reports", headers=cds, content=b'{"aggregates":[]}') for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await slow.http.get("/manifests", headers=cds)).status_code == 200
        for _ in range(12):
            with pytest.raises(NotFound):  # there is nothing to stop, but it was not turned away
                await slow.as_("Ann Clinical").suspend("small")


async def test_sign_in_and_tokens_are_limited_by_address(house: House) -> None:
    """Before any password or key is looked at."""
    answers = [await house.http.post("/token", data={"grant_type": "x"}) for _ in range(61)]
    assert answers[59].status_code == 400
    assert answers[60].status_code == 429
    for _ in range(SIGN_INS):
        await house.app.state.limits.take("sign-in", "192.0.2.1")
    with pytest.raises(TooMany):
        await house.app.state.limits.take("sign-in", "192.0.2.1")


@pytest.fixture
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own."""
    yield from fresh_database()


async def test_two_processes_on_one_database_allow_no_more_than_one(
    tmp_path: Path, postgres: str, clock: Clock
) -> None:
    """On PostgreSQL the calls of a minute are counted together, each kind and each address for itself; the next minute is new."""
    settings = RegistrySettings(var=tmp_path, database_url=postgres, writes_per_minute=100)
    async with running(settings, clock) as first:
        other = create_app(settings, now=clock)
        async with other.router.lifespan_context(other):
            both = (first.app.state.limits, other.state.limits)

            async def allowed(kind: str, subject: str, tries: int) -> int:
                count = 0
                for number in range(tries):
                    with contextlib.suppress(TooMany):
                        await both[number % 2].take(kind, subject)
                        count += 1
                return count

            assert await allowed("sign-in", "192.0.2.1", 50) == SIGN_INS
            assert await allowed("sign-in", "192.0.2.2", 10) == 10
            assert await allowed("write", "Ann", 150) == 100
            with pytest.raises(TooMany) as many:
                await both[0].take("sign-in", "192.0.2.1")
            assert many.value.seconds == 60 - int(clock().timestamp()) % 60
            clock.pass_time(minutes=1)
            await both[1].take("write", "Ann")
            with reading(first.app.state.desk.engine) as connection:
                kept = connection.execute(select(request_counts)).all()
            assert not any("192.0.2" in str(row) or "Ann" in str(row) for row in kept)


async def test_what_one_process_took_in_advance_is_all_that_the_other_lacks(
    tmp_path: Path, postgres: str, clock: Clock
) -> None:
    """A tenth of the minute's worth at most, and old counts are dropped."""
    settings = RegistrySettings(var=tmp_path, database_url=postgres)
    engine = open_tables(settings)
    mine, theirs = SharedCounts(engine, now=clock), SharedCounts(engine, now=clock)
    await theirs.take("token", "x", rate=60)
    count = 0
    with contextlib.suppress(TooMany):
        while count < 60:
            await mine.take("token", "x", rate=60)
            count += 1
    assert count == 54
    clock.pass_time(hours=2)
    late = SharedCounts(engine, now=clock)
    await late.take("token", "y", rate=60)
    with reading(engine) as connection:
        assert [row.calls for row in connection.execute(select(request_counts))] == [6]
    engine.dispose()


async def test_many_at_once_are_counted_once_each(tmp_path: Path, postgres: str, clock: Clock) -> None:
    """Eight threads on one row lose none, and none waits for ever."""
    engine = open_tables(RegistrySettings(var=tmp_path, database_url=postgres))
    counts = [SharedCounts(engine, now=clock) for _ in range(8)]
    allowed: list[int] = []

    async def one(mine: SharedCounts) -> None:
        for _ in range(10):
            with contextlib.suppress(TooMany):
                await mine.take("token", "x", rate=20)
                allowed.append(1)

    async with anyio.create_task_group() as group:
        for mine in counts:
            group.start_soon(one, mine)
    assert len(allowed) == 20
    engine.dispose()
