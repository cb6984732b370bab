"""What a call costs: CPU of the server per request, 100 KB body, the full path. `python -m tests.load.cost_of_a_call`.

A real server process; CPU from /proc over a counted number of requests. `--jwt` signs each call (ES384), `--connections`
as given, `--guidance` is any guidance directory (a scorecard with one step for each input is made for it).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.definition import Guidance
from services.guidance.prefetch import derive_queries
from services.guidance.release import build_release
from services.timeline.codes import ValueSets
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import free_port, served

LIBRARY = Path(__file__).resolve().parents[2] / "services/guidance/library/readmission-30d"
TICKS = os.sysconf("SC_CLK_TCK")
PAD = "x" * 700


def model_of(guidance: Guidance) -> bytes:
    """A scorecard over all model inputs: one cut each, some weight."""
    inputs = [name for name, feature in guidance.features.items() if feature.use == "model"]
    steps = [
        {"input": i, "cuts": [1.0, 9.0, 70.0], "values": [0.0, 0.1, 0.2, 0.3], "missing": 0.05}
        for i in range(len(inputs))
    ]
    model = {
        "kind": "scorecard", "inputs": inputs, "intercept": -1.0, "linear": [], "steps": steps, "pairs": [],
        "calibration": {"intercept": 0.0, "slope": 1.0},
        "reference": {"name": "none", "linear": [], "steps": [0.1] * len(inputs), "pairs": []},
    }  # fmt: skip
    return json.dumps(model).encode()


def record(patient: str, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Patient, Encounter, 10 Conditions, 50 Observations, 8 MedicationRequests; with the bulk that EHRs send along."""
    subject, stay = {"reference": f"Patient/{patient}"}, {"reference": f"Encounter/{patient}-e"}
    text = {"status": "generated", "div": f"<div>{PAD}</div>"}

    def at(days: float) -> str:
        return (now - timedelta(days=days)).isoformat(timespec="seconds").replace("+00:00", "Z")

    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    encounter = {
        "resourceType": "Encounter", "id": f"{patient}-e", "status": "in-progress", "text": text,
        "class": {"system": act, "code": "IMP"}, "subject": subject, "period": {"start": at(5)},
        "hospitalization": {"dischargeDisposition": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/discharge-disposition", "code": "home"}]}},
    }  # fmt: skip
    conditions = [
        {"resourceType": "Condition", "id": f"c{n}", "text": text, "subject": subject, "encounter": stay,
         "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
         "recordedDate": at(4), "onsetDateTime": at(400)}
        for n, code in enumerate(["I50.9", "N18.3", "E11.9", "J44.9", "I10", "F03.90", "E78.5", "I48.91", "K21.9", "M17.9"])
    ]  # fmt: skip
    observations = [
        {"resourceType": "Observation", "id": f"o{n}", "status": "final", "text": text, "subject": subject, "encounter": stay,
         "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": "a laboratory test"}]},
         "effectiveDateTime": at(n / 10 + 0.1), "issued": at(n / 10),
         "valueQuantity": {"value": value + n % 3, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
         "referenceRange": [{"low": {"value": 1}, "high": {"value": 20}}]}
        for n in range(50)
        for code, value, unit in [(("718-7", 9.5, "g/dL"), ("2951-2", 133.0, "mmol/L"), ("3094-0", 30.0, "mg/dL"),
                                   ("2160-0", 1.6, "mg/dL"), ("1751-7", 3.0, "g/dL"))[n % 5]]
    ]  # fmt: skip
    medications = [
        {"resourceType": "MedicationRequest", "id": f"m{n}", "status": "active", "intent": "order", "text": text,
         "subject": subject, "authoredOn": at(4), "medicationCodeableConcept": {
             "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": str(1000 + n)}]}}
        for n in range(8)
    ]  # fmt: skip
    return {
        "Patient": [{"resourceType": "Patient", "id": patient, "birthDate": "1941-02-03", "gender": "female", "text": text}],
        "Encounter": [encounter], "Condition": conditions, "Observation": observations, "MedicationRequest": medications,
    }  # fmt: skip


def body(guidance: Guidance, value_sets: ValueSets, number: int, now: datetime) -> bytes:
    """One call with everything that discovery asks for."""
    patient = f"p{number}"
    found = record(patient, now)
    prefetch: dict[str, Any] = {}
    for name, query in derive_queries(guidance, value_sets, hook=guidance.hooks[0].hook).items():
        resources = found.get(query.resource_type, [])
        if query.count is None:
            prefetch[name] = resources[0] if resources else None
            continue
        if query.codes:
            resources = [
                one for one in resources if f"http://loinc.org|{one['code']['coding'][0]['code']}" in query.codes
            ]
        entries = [{"fullUrl": f"https://x/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
        prefetch[name] = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    context = {"userId": "Practitioner/u", "patientId": patient, "encounterId": f"{patient}-e"}
    request = {
        "hook": guidance.hooks[0].hook,
        "hookInstance": str(uuid.uuid4()),
        "context": context,
        "prefetch": prefetch,
    }
    return json.dumps(request).encode()


async def prepared(asked: argparse.Namespace, registry: FakeRegistry, settings: CdsSettings) -> DemoIssuer:
    """Let a service approve the guidance into its folder; the caller's key comes back."""
    loaded = load_guidance(asked.guidance)
    reference = {"name": "none", "base_rate": 0.12, "n": 1, "events": 1, "inputs": {}}
    registry.deploy(build_release(loaded, model_of(loaded.definition), reference))
    async with run(settings, registry, client=registry.client()) as cds:
        return cds.ehr


def main() -> None:
    """Serve, warm up, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--guidance", type=Path, default=LIBRARY)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--jwt", action="store_true")
    asked = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = CdsSettings(var=Path(folder), demo=True, public_url=f"http://127.0.0.1:{port}")
        ehr = asyncio.run(prepared(asked, FakeRegistry(), settings))
        chosen = {"KNOWDO_CDS_PUBLIC_URL": settings.public_url, "KNOWDO_LOG_LEVEL": "info"}
        if not asked.jwt:
            chosen["KNOWDO_CDS_OPEN"] = "true"
        began = time.monotonic()
        with served(Path(folder), port, log=Path(folder) / "cds.log", **chosen) as server:
            sys.stdout.write(f"up after {time.monotonic() - began:.1f} s\n")
            asyncio.run(measure(asked, server.pid, port, ehr))


async def measure(asked: argparse.Namespace, pid: int, port: int, ehr: DemoIssuer) -> None:
    """Drive the server from here and read its CPU."""
    loaded = load_guidance(asked.guidance)
    guidance = loaded.definition
    value_sets = ValueSets.from_mapping(json.loads(loaded.files["value_sets.json"]), place="value_sets.json")
    path = f"/cds-services/{guidance.id}"
    now = datetime.now(UTC)
    calls = []
    for number in range(asked.requests + 100):
        content = body(guidance, value_sets, number, now)
        sign = f"Authorization: Bearer {ehr.token(f'http://127.0.0.1:{port}{path}')}\r\n" if asked.jwt else ""
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{sign}Content-Length: {len(content)}\r\n\r\n"
        calls.append(head.encode() + content)
    seconds: list[float] = []
    cards = 0

    async def drive(queue: list[bytes], times: list[float]) -> None:
        nonlocal cards
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while queue:
            sent = time.perf_counter()
            writer.write(queue.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(head.decode() + (await reader.read(2000)).decode())
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            cards += b'"summary"' in await reader.readexactly(length)
            times.append(time.perf_counter() - sent)
        writer.close()

    warm = [calls.pop() for _ in range(100)]
    await drive(warm, [])
    cards = 0
    before, wall = cpu(pid), time.perf_counter()
    await asyncio.gather(*(drive(calls, seconds) for _ in range(asked.connections)))
    used, wall = cpu(pid) - before, time.perf_counter() - wall
    seconds.sort()
    sys.stdout.write(
        f"body {len(body(guidance, value_sets, 0, now)) / 1000:.0f} kB, {asked.requests} requests, "
        f"{asked.connections} connections, jwt={asked.jwt}, {cards} cards\n"
        f"CPU {used / asked.requests * 1e3:.2f} ms a request; {asked.requests / wall:.0f} req/s; "
        f"p50 {seconds[len(seconds) // 2] * 1e3:.1f} ms, p99 {seconds[int(len(seconds) * 0.99)] * 1e3:.1f} ms; "
        f"RSS {rss(pid):.0f} MB\n"
    )


def rss(pid: int) -> float:
    """Megabytes in memory."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1000


def cpu(pid: int) -> float:
    """Seconds of user and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
