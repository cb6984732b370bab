"""An EHR's FHIR server that is slow, drips, floods or lies: the call keeps its budget, and nothing wrong is said."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cds.faults.load import NUMBER, PATH, Answer, Wire
from tests.cds.faults.world import measured, prepare, rows, sqlite_of
from tests.cds.serving import free_port, served
from tests.cds.tea import bundle, haemoglobin, patient
from tests.plumbing.raw_server import Asked, answer, raw_server

pytestmark = pytest.mark.anyio
BUDGET = 0.4
"""Seconds of a call for fetching (the setting's default)."""
SLACK = 1.0
"""What a busy machine may add."""
FLOOD = 50_000_000


async def misbehave(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """As the first part of the path says: each is a server of its own to the service."""
    how, wanted = asked.target.split("/")[1:3]
    name = re.findall(r"\bp\d+", asked.target)[0]
    good: dict[str, Any] = patient(name) if wanted.startswith("Patient") else bundle(haemoglobin(8.0, of=name))
    if how == "slow":
        await asyncio.sleep(3)
        writer.write(answer(good))
    elif how == "drip":
        for byte in answer(good):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)
    elif how == "huge":
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {FLOOD}\r\n\r\n".encode())
        for _ in range(FLOOD // 100_000):
            writer.write(b" " * 100_000)
            await writer.drain()
    elif how == "stranger":
        lie = patient("p0") if wanted.startswith("Patient") else bundle(haemoglobin(3.0, of="p0"))
        writer.write(answer(lie))
    elif how == "nonsense":
        writer.write(answer(b"<html>Welcome to the hospital</html>"))
    elif how == "broken":
        writer.write(answer(good)[:-40])
        writer.close()
    else:
        writer.write(answer(good))


@dataclass
class Bedside:
    """A running service and the FHIR servers that its callers may name."""

    port: int
    base: str
    body: dict[str, Any]
    var: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def call(self, how: str, *, without: str) -> Answer:
        """A call about a new patient that leaves a kind of resource out, to be fetched from a server that behaves so."""
        request = json.loads(json.dumps(self.body).replace(NUMBER, f"{next(self.numbers):07d}"))
        request["hookInstance"] = str(uuid.uuid4())
        request["prefetch"] = {
            key: value for key, value in request["prefetch"].items()
            if without not in {(value or {}).get("resourceType"), _held(value)}
        }  # fmt: skip
        request["fhirServer"] = f"{self.base}/{how}"
        wire, clock = Wire(self.port), asyncio.get_running_loop().time
        began = clock()
        status, content = await wire.post(PATH, json.dumps(request).encode())
        wire.close()
        return Answer(instance=request["hookInstance"], status=status, body=content, began=began, ended=clock())

    def states(self, one: Answer) -> dict[str, Any]:
        """What the decision of a call says of its features."""
        (row,) = [row for row in rows(sqlite_of(self.var)) if row["hook_instance"] == one.instance]
        return dict(row["states"])


def _held(value: Any) -> str:
    """What a searchset holds."""
    entries = (value or {}).get("entry") or []
    return entries[0]["resource"]["resourceType"] if entries else ""


@pytest.fixture(scope="module")
async def bedside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bedside]:
    """One service for all of them: what one server does must not tell at the next call."""
    var, port = tmp_path_factory.mktemp("var"), free_port()
    body = json.loads(await prepare(var))
    async with raw_server(misbehave) as servers:
        chosen = {"KNOWDO_CDS_OPEN": "true", "KNOWDO_CDS_FHIR_SERVERS": json.dumps([servers.url])}
        with served(var, port, **chosen):
            yield Bedside(port, servers.url, body, var)


BAD = ["slow", "drip", "huge", "stranger", "nonsense", "broken"]


async def test_a_server_that_behaves_is_heard(bedside: Bedside) -> None:
    """The same call with a good server fetches what was left out: the faults below are the servers', not the call's."""
    without_patient = await bedside.call("good", without="Patient")
    without_result = await bedside.call("good", without="Observation")
    assert (without_patient.status, without_result.status) == (200, 200)
    assert bedside.states(without_result)["hb"] == "value"
    assert without_result.card is not None
    assert "haemoglobin 8.0 g/dL" in without_result.card["detail"]


@pytest.mark.parametrize("how", BAD)
async def test_required_data_that_cannot_be_had_is_412_within_the_budget(bedside: Bedside, how: str) -> None:
    """Without the patient nothing is computed, and the caller learns so in time, with an OperationOutcome that names it."""
    got = await bedside.call(how, without="Patient")
    assert got.status == 412
    assert json.loads(got.body)["resourceType"] == "OperationOutcome"
    assert got.seconds < BUDGET + SLACK


@pytest.mark.parametrize("how", BAD)
async def test_other_data_that_cannot_be_had_is_unknown_and_never_absent(bedside: Bedside, how: str) -> None:
    """A result that cannot be had is said to be unknown; another patient's is never taken for it."""
    got = await bedside.call(how, without="Observation")
    assert got.status == 200
    assert got.seconds < BUDGET + SLACK
    assert bedside.states(got)["hb"] == "unknown"
    assert got.card is not None
    assert "Not known: haemoglobin" in got.card["detail"]


async def test_a_bad_server_holds_up_nobody_else(bedside: Bedside) -> None:
    """While twenty calls wait for servers that are slow, drip or flood, a call that needs none is answered as ever."""
    waiting = [asyncio.create_task(bedside.call(how, without="Patient")) for how in ("slow", "drip") * 10]
    await asyncio.sleep(0.1)
    beside = await bedside.call("good", without="nothing")
    assert beside.status == 200
    assert beside.seconds < BUDGET
    assert {one.status for one in await asyncio.gather(*waiting)} == {412}
    assert await measured(bedside.port, "knowdo_cds_fetches_total", outcome="no answer in time") >= 20
