"""No answer leaves a cycle behind: what a call held is let go of at once, for the collector looks for it seldom."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

import pytest
from starlette.types import Message

from services.guidance.errors import Unavailable
from tests.cds.conftest import URL, Running
from tests.cds.tea import bundle, haemoglobin, hook_request, patient

pytestmark = pytest.mark.anyio
PATH = "/cds-services/tea-time"
CALL: dict[str, Any] = hook_request({"patient": patient(), "observations": bundle(haemoglobin(9))})
GOOD = json.dumps(CALL).encode()
SOME = 5
FEEDBACK = {
    "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "outcome": "accepted",
    "outcomeTimestamp": "2026-01-01T00:00:00Z",
}


def changed(**changes: Any) -> bytes:
    """The call with other fields."""
    return json.dumps(CALL | changes).encode()


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector does nothing by itself."""
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


async def send_to(
    cds: Running, path: str, body: bytes, *, token: bool = True, kind: bytes = b"application/json"
) -> int:
    """A call without a client and its own garbage; its status."""
    headers = [(b"host", b"x"), (b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if token:
        headers.append((b"authorization", f"Bearer {cds.ehr.token(URL + path)}".encode()))
    messages, statuses = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive() -> Message:
        return messages.pop() if messages else await asyncio.Event().wait() or {}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "POST", "root_path": "",
        "server": ("x", 80), "client": ("y", 1), "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
        "state": {},
    }  # fmt: skip
    await cds.app(scope, receive, send)
    return statuses[0]


async def left_by(cds: Running, path: str, body: bytes, **more: Any) -> tuple[int, Counter[str]]:
    """The status of some such calls, and what can only be found by searching, by its type."""
    await send_to(cds, path, body, **more)  # what is made once is made
    gc.set_debug(0)
    gc.garbage.clear()
    gc.collect()  # what others left
    gc.set_debug(gc.DEBUG_SAVEALL)
    for _ in range(SOME):
        status = await send_to(cds, path, body, **more)
    await asyncio.sleep(0)
    gc.collect()
    return status, Counter(type(one).__name__ for one in gc.garbage)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (GOOD, 200),
        (changed(prefetch={"patient": patient(), "observations": "<html>"}), 200),
        (changed(prefetch={}), 412),
        (changed(hook=3), 400),
        (changed(context={"userId": "Practitioner/u"}), 400),
        (GOOD[:-1], 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b" " * 10_000_001, 413),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_call_leaves_nothing_that_must_be_searched_for(
    cds: Running, collector: None, body: bytes, status: int
) -> None:
    """Not one object, whatever it is answered with."""
    assert await left_by(cds, PATH, body) == (status, Counter())


async def test_a_call_that_is_refused_leaves_nothing_that_must_be_searched_for(cds: Running, collector: None) -> None:
    """No token, another type, a service that is not there."""
    assert await left_by(cds, PATH, GOOD, token=False) == (401, Counter())
    assert await left_by(cds, PATH, GOOD, kind=b"text/html") == (415, Counter())
    assert await left_by(cds, "/cds-services/never-was", GOOD) == (404, Counter())


async def test_a_call_that_cannot_be_kept_leaves_no_frame(
    cds: Running, collector: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither database nor spool: 503, and nothing holds on to the call."""

    def full(_records: Any) -> Any:
        raise Unavailable("no room")

    monkeypatch.setattr(cds.service.durable, "_commit", full)
    assert await left_by(cds, PATH, GOOD) == (503, Counter())


async def test_feedback_and_its_faults_hold_no_call(cds: Running, collector: None) -> None:
    """The library that writes it makes small cycles of its own statements; no frame is among them."""
    for body, status in (({"feedback": [FEEDBACK]}, 200), ({"feedback": [{"card": 3}]}, 400)):
        said, _ = await left_by(cds, f"{PATH}/feedback", json.dumps(body).encode())
        assert said == status
        assert not [one for one in gc.garbage if isinstance(one, FrameType | TracebackType)]
