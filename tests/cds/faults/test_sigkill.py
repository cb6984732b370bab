"""SIGKILL with two workers: one of them, and then all at once; what was answered is kept."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.cds.faults.load import Load, until
from tests.cds.faults.processes import gone, workers
from tests.cds.faults.world import counted, prepare
from tests.cds.serving import free_port, kill, served

pytestmark = pytest.mark.anyio


async def test_whatever_is_killed_what_was_answered_is_kept(tmp_path: Path, database_url: str) -> None:
    """A killed worker costs at most the calls it had in hand and is replaced; after `kill -9` of all, every 200 is in the log, once."""
    port, body = free_port(), await prepare(tmp_path)
    load = Load(port, body, callers=8)
    with served(tmp_path, port, workers=2, KNOWDO_CDS_OPEN="true", KNOWDO_CDS_DATABASE_URL=database_url) as process:
        async with load:
            await load.further(50)
            (first, *_) = before = sorted(workers(process.pid))
            os.kill(first, signal.SIGKILL)
            await load.further(100)
            cut = [one for one in load.answers if one.status != 200]
            # The other one, and one that is new.
            await until(lambda: len(workers(process.pid) - {first}) == 2, seconds=10)
            await load.further(50)
            alive = workers(process.pid)
            await asyncio.to_thread(kill, process)
            await load.further(16)
    kept = counted(database_url)
    assert len(before) == 2
    assert {one.status for one in cut} <= {0}
    assert len(cut) <= load.callers
    assert gone(alive, seconds=5)
    assert load.answers[-1].status == 0
    assert {one.status for one in load.answers} == {200, 0}
    assert load.kept(200) <= set(kept)
    assert set(kept.values()) == {1}


async def test_workers_do_not_outlive_the_one_that_watches_over_them(tmp_path: Path) -> None:
    """If only the first process is killed, its workers answer what they have in hand and end: nobody would replace them."""
    port, body = free_port(), await prepare(tmp_path)
    load = Load(port, body, callers=4)
    with served(tmp_path, port, workers=2, KNOWDO_CDS_OPEN="true") as process:
        async with load:
            await load.further(30)
            orphans = workers(process.pid)
            process.kill()
            ended = await asyncio.to_thread(gone, orphans, seconds=8)
    assert len(orphans) == 2
    assert ended
    assert {one.status for one in load.answers} <= {200, 0}
