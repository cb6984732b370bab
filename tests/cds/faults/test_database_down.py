"""PostgreSQL goes away and comes back: calls, feedback and tokens go on, and everything comes home, once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cds.callers.demo_issuer import DemoIssuer
from tests.cds.faults.load import PATH, Load, Wire, jti_of, until
from tests.cds.faults.processes import workers
from tests.cds.faults.world import counted, get, measured, opened, prepare, rows
from tests.cds.serving import environment, free_port, knowdo, served
from tests.postgres import Server, private_server

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL that may be taken away."""
    with private_server() as server:
        yield server


async def test_nothing_is_lost_and_nothing_doubled_while_postgresql_is_away(tmp_path: Path, server: Server) -> None:
    """Every call, feedback and token of the outage is answered, kept in the spool, said so, and in the database after it, once."""
    port, body = free_port(), await prepare(tmp_path)
    url = f"http://127.0.0.1:{port}"
    ehr = DemoIssuer.load_or_create(tmp_path / "cds" / "demo-issuer.json")
    load = Load(port, body, callers=4, sign=lambda: ehr.token(url + PATH))
    told: list[str] = []

    async def tell(count: int) -> None:
        """Feedback on cards that were shown."""
        wire = Wire(port)
        for shown in [one.card for one in load.answers[-40:] if one.card][:count]:
            entry = {"card": shown["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-03-01T12:00:00Z"}
            said = json.dumps({"feedback": [entry]}).encode()
            status, _ = await wire.post(f"{PATH}/feedback", said, token=ehr.token(f"{url}{PATH}/feedback"))
            assert status == 200
            told.append(shown["uuid"])
        wire.close()

    async def at_home() -> bool:
        return not await measured(port, "knowdo_cds_spool_waiting")

    with served(tmp_path, port, KNOWDO_CDS_DATABASE_URL=server.url, KNOWDO_CDS_PUBLIC_URL=url):
        async with load:
            await load.further(50)
            await asyncio.to_thread(server.stop)
            await load.further(100)
            await tell(5)
            await asyncio.sleep(1.1)  # gauges are set every second
            ready = await get(port, "/readyz")
            waiting = await measured(port, "knowdo_cds_spool_waiting")
            where = await measured(port, "knowdo_cds_decision_log_down")
            used = load.answers[-1].token
            await asyncio.to_thread(server.start)
            await until(at_home, seconds=10)
            await load.further(20)
            replayed, _ = await Wire(port).post(PATH, body, token=used)
            again = (await get(port, "/readyz")).json()
    assert {one.status for one in load.answers} == {200}
    assert (ready.status_code, where) == (200, 1)
    assert waiting >= 200  # a call leaves its decision and its token
    assert ready.json()["decision log"].startswith("down: ")
    assert again["decision log"] == "written"
    assert replayed == 401
    kept = counted(server.url)
    assert load.kept(200) <= set(kept)
    assert set(kept.values()) == {1}
    with opened(server.url) as log:
        seen = {token.jti for token in log.tokens(now=0)}
    assert {jti_of(one.token) for one in load.answers} <= seen
    assert len(told) == 5
    answered = {row["card_uuid"]: row["feedback"] for row in rows(server.url) if row["feedback"]}
    assert {card: len(entries) for card, entries in answered.items()} == dict.fromkeys(told, 1)


async def test_a_worker_that_dies_meanwhile_takes_nobody_along(tmp_path: Path, server: Server) -> None:
    """Killed while PostgreSQL is away it cannot be replaced yet; the other goes on alone, and what it spooled comes home as well."""
    port, body = free_port(), await prepare(tmp_path)
    load = Load(port, body, callers=4)
    chosen = {"KNOWDO_CDS_OPEN": "true", "KNOWDO_CDS_DATABASE_URL": server.url, "KNOWDO_CDS_REPORT_SECONDS": "1"}
    replacements: set[int] = set()

    def one_has_failed(pid: int, both: list[int]) -> bool:
        now = workers(pid)
        replacements.update(now - set(both))
        return bool(replacements - now)

    with served(tmp_path, port, workers=2, **chosen) as process:
        async with load:
            await load.further(40)
            await asyncio.to_thread(server.stop)
            await load.further(40)
            (first, _) = both = sorted(workers(process.pid))
            os.kill(first, signal.SIGKILL)
            await until(lambda: one_has_failed(process.pid, both), seconds=10)
            alone = time.monotonic()
            await load.further(40)
            await asyncio.to_thread(server.start)
            await until(lambda: len(workers(process.pid) - {first}) == 2, seconds=10)
            await until(lambda: not list((tmp_path / "cds" / "spool").glob(f"{first}-*")), seconds=10)
            await load.further(20)
        process.terminate()
        status = await asyncio.to_thread(process.wait, 10)
    kept = counted(server.url)
    assert {one.status for one in load.since(alone)} == {200}
    assert status == 0
    assert load.kept(200) <= set(kept)
    assert set(kept.values()) == {1}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_service_does_not_start_without_its_database(tmp_path: Path, processes: int) -> None:
    """It ends with a fault that says so, for its supervisor to start it again: it does not know which tokens were used."""
    nowhere = environment(tmp_path, KNOWDO_CDS_DATABASE_URL=f"postgresql://knowdo@/x?host={tmp_path}")
    words = knowdo("cds", "serve", "--port", str(free_port()), "--workers", str(processes))
    ended = subprocess.run(words, env=nowhere, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 3
    (said,) = (json.loads(line) for line in ended.stderr.splitlines())
    assert (said["event"], said["message"][:28]) == ("not started", "the database does not answer")
