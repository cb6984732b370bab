"""The disk is full, for the database, the spool and the log at once: nothing is answered that is not kept, until there is room."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.cds.faults.disk import small_disk
from tests.cds.faults.load import Load, until
from tests.cds.faults.world import counted, get, measured, prepare, sqlite_of
from tests.cds.serving import free_port, served

pytestmark = pytest.mark.anyio


async def test_a_full_disk_is_503_and_room_is_enough_to_go_on(tmp_path: Path) -> None:
    """Calls get 503 and an OperationOutcome, readiness says no, nothing answered is lost, and with room all goes on by itself."""
    port = free_port()
    with small_disk(tmp_path / "disk") as disk:
        var = disk.folder / "var"
        load = Load(port, await prepare(var), callers=2, pause=0.02)
        with served(var, port, log=disk.folder / "log", KNOWDO_CDS_OPEN="true") as process:
            async with load:
                await load.further(30)
                disk.fill(process.pid)
                await until(lambda: load.last(503))
                await load.further(30)
                await asyncio.sleep(1.1)
                ready = await get(port, "/readyz")
                where = await measured(port, "knowdo_cds_decision_log_down")
                disk.free(process.pid)
                room = time.monotonic()
                await until(lambda: load.last(200))
                back = time.monotonic()
                await load.further(30)
                # The database is asked again two seconds after it failed; until then the spool has them.
                await asyncio.sleep(max(0.0, room + 2.5 - time.monotonic()))
                await load.further(10)
            again = await get(port, "/readyz")
        kept = counted(sqlite_of(var))
    refused = [one for one in load.answers if one.status != 200]
    assert {one.status for one in refused} == {503}
    assert json.loads(refused[0].body)["resourceType"] == "OperationOutcome"
    assert (ready.status_code, ready.json()["decision log"], where) == (503, False, 2)
    assert (again.status_code, again.json()["decision log"]) == (200, "written")
    assert {one.status for one in load.since(back)} == {200}
    assert load.kept(200) <= set(kept)
    assert set(kept.values()) == {1}
