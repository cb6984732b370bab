"""A token is good once: for all workers, in the same instant, after a restart, and what holds while the database is down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cds.callers.client_auth import ClientAuth
from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.callers.refusal import TokenRefused
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.durable import RETRY_SECONDS, Durable
from services.cds.decisions.records import Outcome, Record, Token
from services.cds.decisions.spool import Spool
from services.cds.settings import CdsSettings
from services.guidance.errors import Unavailable
from services.plumbing.database import open_database
from tests.cds.callers.tokens import PATH, URL, issuer, token
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.records import decision, quiet
from tests.cds.serving import free_port, served
from tests.cds.tea import bundle, haemoglobin, hook_request, patient
from tests.postgres import fresh_database

pytestmark = pytest.mark.anyio

TOKENS = 30


@pytest.fixture
def postgres() -> Iterator[str]:
    """A new database."""
    yield from fresh_database()


async def approve(settings: CdsSettings, registry: FakeRegistry) -> dict[str, Any]:
    """Leave an approved release in the cache of the folder; the prefetch of a patient who gets a card."""
    async with run(settings, registry, client=registry.client()) as cds:
        keys = (await cds.http.get("/cds-services")).json()["services"][0]["prefetch"]
    found = {"Patient": patient(), "Observation": bundle(haemoglobin(8.5))}
    return {key: found.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}


class Workers:
    """Two processes over one database."""

    def __init__(self, settings: CdsSettings, sent: dict[str, Any], database_url: str) -> None:
        self._settings = settings
        self._sent = sent
        self._environment = {"KNOWDO_CDS_PUBLIC_URL": URL}
        if database_url:
            self._environment["KNOWDO_CDS_DATABASE_URL"] = database_url
        self._ehr = DemoIssuer.load(settings.var / "cds" / "demo-issuer.json", iss="urn:knowdo:demo-ehr")

    def start(self, stack: ExitStack) -> str:
        """One more process; its address."""
        port = free_port()
        stack.enter_context(served(self._settings.var, port, log=None, **self._environment))
        return f"http://127.0.0.1:{port}"

    def tokens(self) -> list[str]:
        """So many, each for one call."""
        return [self._ehr.token(URL + PATH) for _ in range(TOKENS)]

    async def answers(self, calls: Sequence[tuple[str, str]]) -> list[tuple[int, bool]]:
        """Status, and whether there is a card, of calls (worker, token) that are made at once."""

        async def call(worker: str, compact: str) -> tuple[int, bool]:
            body, signed = hook_request(self._sent), {"Authorization": f"Bearer {compact}"}
            answer = await http.post(worker + PATH, json=body, headers=signed)
            return answer.status_code, "cards" in answer.json()

        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            return await asyncio.gather(*(call(worker, compact) for worker, compact in calls))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_of_two_uses_at_two_workers_in_one_instant_one_is_answered(
    settings: CdsSettings, registry: FakeRegistry, database: str, request: pytest.FixtureRequest
) -> None:
    """Two processes, each token sent to both at once: one answer, one 401, no more and no less; then 401 after."""
    url = request.getfixturevalue("postgres") if database == "postgresql" else ""
    workers = Workers(settings, await approve(settings, registry), url)
    tokens = workers.tokens()
    with ExitStack() as stack:
        # At once: most of the time is two interpreters' imports.
        one, two = await asyncio.gather(*(asyncio.to_thread(workers.start, stack) for _ in range(2)))
        both = await workers.answers([(worker, compact) for compact in tokens for worker in (one, two)])
        for first, second in zip(both[::2], both[1::2], strict=True):
            assert sorted([first, second]) == [(200, True), (401, False)]
        later = await workers.answers([(worker, compact) for compact in tokens for worker in (one, two)])
        assert set(later) == {(401, False)}
        fresh = [(worker, compact) for worker, compact in zip((one, two) * TOKENS, workers.tokens(), strict=False)]
        assert set(await workers.answers(fresh)) == {(200, True)}


# --- the database is down ---


class FailingLog(DecisionLog):
    """A decision log whose database can be taken away."""

    down = False

    def write(self, records: Sequence[Record]) -> list[Outcome]:
        """As the real one, or not at all."""
        if self.down:
            raise Unavailable("the database does not answer")
        return super().write(records)


class Worker:
    """What a worker process knows of tokens."""

    def __init__(self, log: DecisionLog, folder: Path) -> None:
        self.now = 0.0
        self.durable = Durable(log, Spool(folder), clock=lambda: self.now)
        self.auth = ClientAuth([issuer()], public_url=URL)
        self.auth.remember(log.tokens(now=0))

    async def takes(self, compact: str) -> bool:
        """Whether a call with this token is answered."""
        try:
            caller = await self.auth.check([f"Bearer {compact}"], PATH)
        except TokenRefused:
            return False
        assert caller.token is not None
        return bool(await self.durable.token(caller.token))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[FailingLog]:
    """A decision log that can fail."""
    log = FailingLog(open_database(f"sqlite:///{tmp_path / 'log.sqlite'}"))
    log.create()
    yield log
    log.close()


async def test_while_the_database_is_down_each_worker_refuses_what_it_saw(log: FailingLog, tmp_path: Path) -> None:
    """Cards go on. A second worker cannot know, and takes the token once, too; what was used before stays refused."""
    one, two = Worker(log, tmp_path / "spool"), Worker(log, tmp_path / "spool")
    before, during = token(), token()
    assert await one.takes(before)
    two.auth.remember(log.tokens(now=0))
    log.down = True
    assert [await one.takes(during), await one.takes(during)] == [True, False]
    assert [await two.takes(during), await two.takes(during)] == [True, False]
    assert not await two.takes(before)

    # It is back: both spools come home, the token is there once, and a third worker refuses it.
    log.down = False
    one.now = two.now = RETRY_SECONDS
    assert await one.takes(token())
    assert await two.takes(token())
    three = Worker(log, tmp_path / "spool")
    assert not await three.takes(during)
    for worker in (one, two, three):
        await worker.durable.stop()


async def test_the_spool_of_a_worker_that_died_is_remembered_by_the_next(log: FailingLog, tmp_path: Path) -> None:
    """A restart after an outage brings the spool home before the first call."""
    one, used = Worker(log, tmp_path / "spool"), token()
    log.down = True
    assert await one.takes(used)
    await one.durable.stop()  # its file lets go of its lock, as at the end of a process
    log.down = False
    two = Worker(log, tmp_path / "spool")
    await two.durable.bring_home()
    assert not await two.takes(used)
    await two.durable.stop()


# --- what a replayed call leaves behind ---


@pytest.mark.parametrize("together", [True, False])
async def test_a_decision_of_a_replayed_call_was_not_shown_and_silences_no_other(
    log: FailingLog, tmp_path: Path, together: bool
) -> None:
    """Written with its token or after it: the row says that nothing was answered, and the next card is not cooled down."""
    one, two = Durable(log, Spool(tmp_path / "1")), Durable(log, Spool(tmp_path / "2"))
    used = Token(iss="ehr", jti="1", expires_at=10)
    assert await one.token(used)
    replayed, after = decision(issuer="ehr"), decision(issuer="ehr")
    seen = two.token(used)
    if not together:
        assert not await seen
    kept = await two.decision(replayed, quiet=quiet(), jti="1")
    assert not await seen
    assert (kept.status, kept.card, kept.card_uuid) == ("failed", None, "")
    assert "used before" in kept.reason
    assert (await two.decision(after, quiet=quiet(), jti="2")).status == "shown"
    for durable in (one, two):
        await durable.stop()


async def test_a_card_that_was_shown_from_the_spool_stays_shown(log: FailingLog, tmp_path: Path) -> None:
    """While the database was down two workers answered one token; when it is back neither card is denied."""
    workers = [Worker(log, tmp_path / "spool") for _ in range(2)]
    used = Token(iss="ehr", jti="1", expires_at=10)
    log.down = True
    for worker in workers:
        assert await worker.durable.token(used)
        assert (await worker.durable.decision(decision(issuer="ehr"), jti="1")).status == "shown"
    log.down = False
    for worker in workers:
        worker.now = RETRY_SECONDS
        await worker.durable.bring_home()
        await worker.durable.stop()
    assert [row["status"] for page in log.export(since=0) for row in page] == ["shown", "shown"]
