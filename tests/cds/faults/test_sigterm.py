"""SIGTERM: what is under way is answered, what comes is refused, what was answered is kept, and the process ends with 0."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from pathlib import Path

import pytest

from tests.cds.faults.load import Load, Wire, until
from tests.cds.faults.processes import gone, workers
from tests.cds.faults.world import counted, prepare, sqlite_of
from tests.cds.serving import free_port, served
from tests.cds.tea import patient
from tests.plumbing.raw_server import Asked, answer, raw_server

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_stop_drains(tmp_path: Path, processes: int) -> None:
    """Calls in the middle of a fetch get their cards, new connections are refused, and in a few seconds all has ended with 0."""
    port, body = free_port(), await prepare(tmp_path)
    fetching: list[str] = []

    async def slowly(asked: Asked, writer: asyncio.StreamWriter) -> None:
        fetching.append(asked.target)
        await asyncio.sleep(2.0)
        writer.write(answer(patient(asked.target.split("/")[-1].partition("?")[0])))

    async def refused() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return True
        writer.close()
        return False

    async with raw_server(slowly) as ehr:
        without = json.loads(body) | {"fhirServer": ehr.url}
        without["prefetch"] = {
            key: value for key, value in without["prefetch"].items() if (value or {}).get("resourceType") != "Patient"
        }
        slow = Load(port, json.dumps(without).encode(), numbers=itertools.count(8_000_000))
        fast = Load(port, body, callers=4)
        chosen = {"KNOWDO_CDS_FHIR_SERVERS": json.dumps([ehr.url]), "KNOWDO_CDS_FETCH_MILLISECONDS": "3000"}
        with served(tmp_path, port, workers=processes, KNOWDO_CDS_OPEN="true", **chosen) as process:
            watched = workers(process.pid)
            async with fast:
                await fast.further(30)
                under_way = [asyncio.create_task(slow.one(Wire(port))) for _ in range(8)]
                await until(lambda: len(fetching) == 8)
                process.terminate()
                told = time.monotonic()
                await until(refused)
                answered_by_then = [call.done() for call in under_way]
                answers = await asyncio.gather(*under_way)
            status = await asyncio.to_thread(process.wait, 10)
            took = time.monotonic() - told
    kept = counted(sqlite_of(tmp_path))
    assert [one.status for one in answers] == [200] * 8
    assert all(one.card for one in answers)
    assert answered_by_then == [False] * 8  # nobody new was let in while they were waited for
    assert status == 0
    assert took < 8
    assert gone(watched, seconds=0)
    assert {one.status for one in fast.answers} == {200, 0}
    assert all(one.status == 200 for one in fast.answers if one.ended < told)
    assert fast.kept(200) | {one.instance for one in answers} <= set(kept)
    assert list((tmp_path / "cds").glob("spool/*")) == []
