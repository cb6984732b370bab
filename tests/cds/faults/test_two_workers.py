"""Two workers are one service: whoever is asked, the answer is the same, and what one has seen the other knows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from services.cds.callers.demo_issuer import DemoIssuer
from tests.cds.faults.load import PATH, Wire, until
from tests.cds.faults.world import counted, get, measured, prepare
from tests.cds.serving import free_port, served

pytestmark = pytest.mark.anyio
ROUTE = "/cds-services/{service_id}"
CALLS = 24
"""Over connections of their own, so that both workers have some."""


async def test_two_workers_are_one_service(tmp_path: Path, database_url: str) -> None:
    """From empty tables on: one token is good once, discovery and readiness agree, and a scrape counts the calls of both."""
    port, body = free_port(), await prepare(tmp_path)
    url = f"http://127.0.0.1:{port}"
    for file in (tmp_path / "cds").glob("*.sqlite*"):
        file.unlink()  # both find no tables
    (tmp_path / "cds" / "demo-issuer.json").unlink()  # nor a key of the demo's client
    (together := tmp_path / "counted").mkdir()
    chosen = {
        "KNOWDO_CDS_DATABASE_URL": database_url, "KNOWDO_CDS_PUBLIC_URL": url, "PROMETHEUS_MULTIPROC_DIR": str(together),
    }  # fmt: skip

    async def both_answer() -> bool:
        await get(port, "/healthz")
        return min(_counted_by_each(together, "/healthz")) > 0

    with served(tmp_path, port, workers=2, **chosen):
        await until(both_answer, seconds=10)
        ehr = DemoIssuer.load_or_create(tmp_path / "cds" / "demo-issuer.json")
        once = ehr.token(url + PATH)
        same = await asyncio.gather(*(Wire(port).post(PATH, body, token=once) for _ in range(CALLS)))
        fresh = await asyncio.gather(*(Wire(port).post(PATH, body, token=ehr.token(url + PATH)) for _ in range(CALLS)))
        found = [await get(port, "/cds-services") for _ in range(CALLS)]
        ready = [await get(port, "/readyz") for _ in range(CALLS)]
        calls = [await measured(port, "knowdo_cds_http_requests_total", route=ROUTE) for _ in range(CALLS)]
        refused = await measured(port, "knowdo_cds_refused_tokens_total", reason="replayed")
    assert sorted(status for status, _ in same) == [200] + [401] * (CALLS - 1)
    assert {status for status, _ in fresh} == {200}
    assert len({one.headers["ETag"] for one in found}) == 1
    assert {one.status_code for one in ready} == {200}
    assert len({frozenset(one.json()) for one in ready}) == 1
    assert set(calls) == {2 * CALLS}
    assert refused == CALLS - 1
    assert sum(counted(database_url).values()) >= CALLS + 1
    assert min(both := _counted_by_each(together, ROUTE)) > 0
    assert sum(both) == 2 * CALLS


def _counted_by_each(folder: Path, route: str) -> list[float]:
    """How many requests each of the two workers counted."""
    each = [
        sum(
            sample.value
            for metric in MultiProcessCollector.merge([str(file)], accumulate=False)
            for sample in metric.samples
            if sample.name == "knowdo_cds_http_requests_total" and sample.labels["route"] == route
        )
        for file in folder.glob("counter_*.db")
    ]
    return each if len(each) == 2 else [0]
