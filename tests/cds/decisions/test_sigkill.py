"""Show 7: killed in the middle of a thousand calls, the service has kept every decision that it answered."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from typing import Any

import pytest

from services.cds.decisions.decision_log import DecisionLog
from services.cds.settings import CdsSettings
from services.plumbing.database import open_database
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import free_port, served
from tests.cds.tea import bundle, haemoglobin, hook_request, patient

pytestmark = pytest.mark.anyio

CALLS = 1000
KILL_AFTER = 300


def as_http(number: int, keys: dict[str, str]) -> tuple[dict[str, Any], bytes]:
    """One patient's call as it goes over the wire: made beforehand, so that the caller is faster than the service."""
    name = f"p{number}"
    found = {"Patient": patient(name), "Observation": bundle(haemoglobin(8.0, of=name))}
    sent = {key: found.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}
    request = hook_request(sent, of=name)
    body = json.dumps(request).encode()
    head = (
        f"POST /cds-services/tea-time HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return request, head.encode() + body


async def test_every_answered_call_is_in_the_log_after_sigkill(settings: CdsSettings, registry: FakeRegistry) -> None:
    """A thousand calls at once, `kill -9` after some hundred answers; what was answered is in the database or its spool."""
    async with run(settings, registry, client=registry.client()) as cds:
        keys = (await cds.http.get("/cds-services")).json()["services"][0]["prefetch"]
    port = free_port()
    answered: set[str] = set()

    async def call(number: int, process: subprocess.Popen[bytes]) -> None:
        request, raw = requests[number]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            answer = await reader.read(12)
            writer.close()
        except OSError:
            return
        if not answer:
            return
        assert answer == b"HTTP/1.1 200", answer
        answered.add(request["hookInstance"])
        if len(answered) == KILL_AFTER:
            process.send_signal(signal.SIGKILL)

    requests = [as_http(number, keys) for number in range(CALLS)]
    with served(settings.var, port, KNOWDO_CDS_OPEN="true") as process:
        await asyncio.gather(*(call(number, process) for number in range(CALLS)))

    log = DecisionLog(open_database(f"sqlite:///{settings.var / 'cds' / 'decisions.sqlite'}"))
    kept = {row["hook_instance"] for page in log.export(since=0) for row in page}
    log.close()
    assert KILL_AFTER <= len(answered) < CALLS
    assert answered <= kept
