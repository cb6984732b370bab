"""Show 1: a hospital in HAPI's JPA server, by bulk export into the store; killed in the middle, and next time what changed.

What is equal to what: a server stamps what it is given with its own time and version, so the store of an export cannot be
that of the hospital's own files as they are. It is, byte for byte, the store of the same export's files when they are simply
saved; and it is, byte for byte, the store of the hospital's own files when each resource gets the `meta` that the server
stamped on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.demo.hospital import Hospital as DemoHospital
from services.demo.hospital import write_hospital
from services.learner.intake.fetch_state import FOLDER
from services.learner.intake.ingest import ingest
from services.plumbing.event_store import EventStore
from services.timeline.resources import READ
from tests.fhir_servers.hapi_server import Hospital, NotHere, hospital

# The first time, what the server is made of has to be fetched.
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Hospital]:
    """HAPI's JPA server, empty."""
    try:
        with hospital() as running:
            yield running
    except NotHere as fault:
        pytest.skip(str(fault))


def filled(server: Hospital, folder: Path, *, patients: int) -> Path:
    """A demo hospital's resources there, version after version; their last versions as a file."""
    demo = DemoHospital.ending(date(2026, 6, 30), seed=7, patients=patients, years=1.0, faults=False)
    written = write_hospital(demo, folder / "demo", compress=False, advance=lambda _: None)
    rounds: list[list[Json]] = []
    versions: dict[tuple[str, str], list[Json]] = {}
    for path in sorted(written.fhir.glob("*.ndjson")):
        for line in path.open():
            one = json.loads(line)
            known = versions.setdefault((one["resourceType"], one["id"]), [])
            known.append(one)
            if len(rounds) < len(known):
                rounds.append([])
            rounds[len(known) - 1].append(one)
    with ThreadPoolExecutor(2) as pool:
        for resources in rounds:
            list(pool.map(server.load, [resources[at : at + 500] for at in range(0, len(resources), 500)]))
    last = folder / "last.ndjson"
    last.write_text("".join(json.dumps(known[-1]) + "\n" for known in versions.values()))
    return last


def saved(server: Hospital, folder: Path, *, since: str = "") -> Path:
    """An export by hand: the files as they are."""

    def ask(url: str, method: str = "GET", **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {server.token}", **headers}
        return urllib.request.urlopen(urllib.request.Request(url, method=method, headers=sent), timeout=300)

    query = f"_type={','.join(sorted(READ))}&_outputFormat=application/fhir%2Bndjson"
    query += f"&_since={since.replace('+', '%2B')}" if since else ""
    with ask(f"{server.base}/$export?{query}", Prefer="respond-async") as answer:
        status = answer.headers["Content-Location"]
    while True:
        with ask(status) as answer:
            if answer.status == 200:
                manifest = json.load(answer)
                break
        time.sleep(0.5)
    folder.mkdir(exist_ok=True)
    for number, file in enumerate(manifest["output"]):
        with ask(file["url"], Accept="application/fhir+ndjson") as answer:
            (folder / f"{since[:10]}{number}.ndjson").write_bytes(answer.read())
    return folder


def stamped(original: Path, files: Path, into: Path) -> Path:
    """The hospital's own resources, each with the `meta` that the server gave it."""
    read = (json.loads(line) for file in files.glob("*.ndjson") for line in file.open())
    metas = {(one["resourceType"], one["id"]): one["meta"] for one in read}
    own = [json.loads(line) for line in original.open()]
    into.write_text("".join(json.dumps(one | {"meta": metas[one["resourceType"], one["id"]]}) + "\n" for one in own))
    return into


def show(server: Hospital, folder: Path, *, patients: int) -> None:
    """The show, with a hospital of so many patients."""
    last = filled(server, folder, patients=patients)
    token, store = folder / "token", folder / "store"
    token.write_text(server.token)
    command = [
        sys.executable, "-m", "services.learner.commands", "fetch", server.base, "--token-file", str(token),
        "--store", str(store), "--json",
    ]  # fmt: skip

    # Killed when the export is being made over there, and when some of its files are here.
    half = {"being made": '"status":"http', "some files are here": '"done":true'}
    for moment, sign in half.items():
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not any(
            sign in path.read_text() for path in store.glob(f"{FOLDER}/*/state.json")
        ):
            time.sleep(0.001)
        process.kill()
        assert process.wait() != 0, f"it had ended before it was killed: {moment}"
    [state] = store.glob(f"{FOLDER}/*/state.json")
    done = [one["done"] for one in json.loads(state.read_bytes())["files"]]
    assert any(done)
    assert not all(done)
    assert EventStore.open(store).rows == 0

    ran = subprocess.run(command, capture_output=True, check=True)
    first = json.loads(ran.stdout)
    assert (first["resumed"], first["exports_begun"]) == (True, 0)
    assert first["ingest"]["patients"] == patients
    files = saved(server, folder / "files")
    assert first["ingest"]["digest"] == ingest(files, folder / "by-hand", quality=False).digest
    own = stamped(last, files, folder / "stamped.ndjson")
    assert first["ingest"]["digest"] == ingest(own, folder / "original", quality=False).digest

    # A correction, and somebody new.
    observations = [one for line in last.open() if (one := json.loads(line))["resourceType"] == "Observation"]
    corrected = next(one for one in observations if "valueQuantity" in one)
    corrected["valueQuantity"]["value"] += 1
    server.load([corrected, {"resourceType": "Patient", "id": "new", "gender": "male", "birthDate": "1970-01-01"}])
    second = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (second["since"], second["resumed"]) == (first["until"], False)
    assert second["ingest"]["resources"] == {"Observation": 1, "Patient": 1}
    saved(server, folder / "files", since=first["until"])
    assert second["ingest"]["digest"] == ingest(files, folder / "by-hand", quality=False).digest
    third = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (third["ingest"]["changed"], third["ingest"]["complete"], third["files"]) == (False, True, 0)


def test_a_small_hospital_killed_resumed_and_asked_again(server: Hospital, tmp_path: Path) -> None:
    """Six patients: the quick look after a change."""
    show(server, tmp_path, patients=6)


def test_two_hundred_patients_killed_resumed_and_asked_again(tmp_path: Path) -> None:
    """The same with a hospital of 200 patients and 21,505 resources."""
    try:
        with hospital() as running:
            show(running, tmp_path, patients=200)
    except NotHere as fault:
        pytest.skip(str(fault))
