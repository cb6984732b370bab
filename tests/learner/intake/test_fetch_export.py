"""Bulk exports into the store: what a server and a line can do wrong on the way changes nothing of what arrives."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from services.guidance.errors import Unavailable
from services.learner.intake import fetch_export
from services.learner.intake.fetch import Account, FetchReport, Question, fetch
from services.learner.intake.fetch_state import FOLDER
from services.learner.intake.ingest import ingest
from services.plumbing import steady_http
from services.plumbing.bulk_export import Wanted
from services.plumbing.event_store import EventStore
from services.plumbing.steady_http import Server
from services.timeline.errors import BadInput
from services.timeline.events import RETRACTED
from services.timeline.instants import FOREVER, parse_instant
from services.timeline.timeline import assemble
from tests.fhir_servers.bulk_server import BulkServer, bulk_server
from tests.learner.intake.people import people, person, result

LATER = "2026-02-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short here."""
    monkeypatch.setattr(steady_http, "WAITS", (0.01,) * 4)
    monkeypatch.setattr(fetch_export, "_FIRST_WAIT", 0.01)


def fetched(server: BulkServer, folder: Path, *, account: Account | None = None, **told: Any) -> FetchReport:
    """One fetch of everything that the server has."""
    asked = {name: told.pop(name) for name in ("wanted",) if name in told}
    question = Question(server=Server.of(server.base), **asked)
    return fetch(question, account or Account(), folder, quality=False, **told)


def fetching(server: BulkServer, store: Path) -> list[str]:
    """The same, in a process of its own."""
    return [sys.executable, "-m", "services.learner.commands", "fetch", server.base, "--store", str(store), "--json"]


def from_files(server: BulkServer, folder: Path) -> str:
    """The digest of a store that is made of the server's resources as a file."""
    file = folder.with_suffix(".ndjson")
    file.write_text("".join(json.dumps(one) + "\n" for one in server.resources))
    return ingest(file, folder, quality=False).digest


def test_an_export_gives_the_store_that_its_files_give(tmp_path: Path) -> None:
    """The same digest; the job is deleted over there, nothing of it is left here, and the next run asks for what changed."""
    with bulk_server(resources=people()) as server:
        report = fetched(server, tmp_path / "store")
        assert report.ingest.complete
        assert (report.files, report.since, report.until) == (5, "", server.now)
        assert (report.exports_begun, report.resumed, report.ended) == (1, False, True)
        assert report.ingest.digest == from_files(server, tmp_path / "files")
        assert not server.jobs
        assert not list((tmp_path / "store" / FOLDER).rglob("*.ndjson"))
        server.now = LATER
        again = fetched(server, tmp_path / "store")
        assert (again.since, again.until, again.files) == (report.until, LATER, 0)
        assert again.ingest.complete
        assert not again.ingest.changed
        assert server.asked("_since=2026-01-01T00%3A00%3A00Z") == 1


@pytest.mark.parametrize("told", [{"ranges": True}, {"ranges": True, "etags": False}, {"ranges": False}])
def test_files_that_break_off_are_gone_on_with_or_fetched_anew(tmp_path: Path, told: dict[str, Any]) -> None:
    """Six breaks and some 429 and 503: the same store; with ranges no byte is sent twice."""
    with bulk_server(resources=people(results=150), lines_per_file=150, **told) as server:
        server.breaks, server.busy = 4, 3
        report = fetched(server, tmp_path / "store")
        assert report.ingest.digest == from_files(server, tmp_path / "files")
        assert server.breaks == 0
        if told["ranges"]:
            assert server.sent == report.bytes
        else:
            assert server.sent > report.bytes


def test_corrections_and_deletions_of_an_increment_leave_the_past_as_it_was(tmp_path: Path) -> None:
    """A corrected result is another version, a deleted one ends with the export that says so; both were known before."""
    with bulk_server(resources=people()) as server:
        fetched(server, tmp_path / "store")
        server.now = "2026-03-01T00:00:00Z"
        server.resources.append(result(3, of=3, at=LATER, valueQuantity={"value": 20.0, "code": "g/dL"}))
        server.resources.append(person(9, at=LATER))
        server.deleted = [("Observation/o5", LATER), ("Slot/7", LATER), ("Observation/never-seen", LATER)]
        report = fetched(server, tmp_path / "store")
        assert report.ingest.resources == {"Observation": 1, "Patient": 1}
        assert report.ingest.deleted == {"Observation": 2}
        assert {one.reason: one.count for one in report.ingest.skipped} == {"Slot: not read": 1}
    store = EventStore.open(tmp_path / "store")
    rows = [
        row
        for number in range(store.buckets)
        for events in [store.read_bucket(number)]
        for row in zip(
            events.resource.texts(), events.field.texts(), events.patient.texts(), events.value.tolist(), strict=True
        )
    ]
    assert sorted(value for name, _, _, value in rows if name == "Observation/o3") == pytest.approx([9.8, 20.0])
    fields = {(field, patient) for name, field, patient, _ in rows if name == "Observation/o5"}
    assert fields == {("Observation.code", "p5"), (RETRACTED, "p5")}
    seen = {}
    for number in range(store.buckets):
        timeline = assemble(store.read_bucket(number))
        for row in range(len(timeline.time)):
            name = timeline.resource_words[timeline.resource[row]]
            seen.setdefault(name, []).append((int(timeline.known[row]), int(timeline.until[row])))
    issued, corrected, deleted = map(parse_instant, ("2025-05-01T09:00:00Z", LATER, server.now))
    assert sorted(seen["Observation/o3"]) == [(issued, corrected), (corrected, FOREVER)]
    assert seen["Observation/o5"] == [(issued, deleted)]


def _seen(store: Path, patient: str) -> dict[str, set[tuple[int, int]]]:
    """What is known of a patient, resource by resource: from when, until when."""
    opened, found = EventStore.open(store), dict[str, set[tuple[int, int]]]()
    for number in range(opened.buckets):
        timeline = assemble(opened.read_bucket(number))
        if patient not in timeline.patients:
            continue
        one = timeline.patients.index(patient)
        for row in range(timeline.starts[one], timeline.starts[one + 1]):
            name = timeline.resource_words[timeline.resource[row]]
            found.setdefault(name, set()).add((int(timeline.known[row]), int(timeline.until[row])))
    return found


@pytest.mark.parametrize("back", [False, True])
def test_a_deleted_patient_takes_along_what_is_theirs(tmp_path: Path, back: bool) -> None:
    """All of it ends with the deletion and stays known for the time before, others keep theirs; unless the patient is back."""
    deleted = {"request": {"method": "DELETE", "url": "Patient/p1"}, "response": {"lastModified": LATER}}
    (tmp_path / "gone.json").write_text(json.dumps({"resourceType": "Bundle", "type": "history", "entry": [deleted]}))
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in people()))
    if back:
        (tmp_path / "back.ndjson").write_text(json.dumps(person(1, at="2026-06-01T00:00:00Z")))
    ingest(tmp_path / "all.ndjson", tmp_path / "before", quality=False)
    for name in ("gone.json", "all.ndjson", *(("back.ndjson",) if back else ())):
        ingest(tmp_path / name, tmp_path / "after", quality=False)
    before, after = (_seen(tmp_path / name, "p1") for name in ("before", "after"))
    results = {name for name in before if name.startswith("Observation/")}
    assert results
    at = parse_instant(LATER)
    for name in results:
        assert {until for _, until in after[name]} == ({FOREVER} if back else {at})
        assert {known for known, _ in after[name]} == {known for known, _ in before[name]}
    if not back:
        assert all(until <= at for own in after.values() for _, until in own)
    assert _seen(tmp_path / "after", "p2") == _seen(tmp_path / "before", "p2")


def test_tombstones_make_the_same_store_in_whatever_order_they_come(tmp_path: Path) -> None:
    """A deletion that is read before what it deletes holds just the same."""
    deleted = {"request": {"method": "DELETE", "url": "Observation/o1"}, "response": {"lastModified": LATER}}
    (tmp_path / "gone.json").write_text(json.dumps({"resourceType": "Bundle", "type": "history", "entry": [deleted]}))
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in people(results=5)))
    for order in (("gone.json", "all.ndjson"), ("all.ndjson", "gone.json")):
        for name in order:
            ingest(tmp_path / name, tmp_path / "".join(order), quality=False)
    one, two = (EventStore.open(tmp_path / name) for name in ("gone.jsonall.ndjson", "all.ndjsongone.json"))
    assert one.digest == two.digest
    assert sum(one.read_bucket(n).field.texts().count(RETRACTED) for n in range(one.buckets)) == 1


def test_an_expired_manifest_is_asked_for_again_and_a_forgotten_export_begun_again(tmp_path: Path) -> None:
    """New addresses of the same files are used; when the job is gone another is begun, with the same `_since`."""
    with bulk_server(resources=people(), lines_per_file=100, renew=1) as server:
        first = fetched(server, tmp_path / "store")
        assert first.exports_begun == 1
        server.forget, server.now = 1, LATER
        server.resources.append(result(900, of=1, at="2026-01-15T00:00:00Z"))
        second = fetched(server, tmp_path / "store")
        assert second.exports_begun == 2
        assert second.ingest.resources == {"Observation": 1}
        assert server.asked("_since") == 2
        server.forget = 9
        server.resources.append(result(901, of=1, at="2026-02-15T00:00:00Z"))
        with pytest.raises(Unavailable, match="forgot 3 exports"):
            fetched(server, tmp_path / "store")


def test_what_the_server_says_is_missing_keeps_the_next_run_from_going_on(tmp_path: Path) -> None:
    """Data are kept, the fetch is not complete, and the place does not move, unless that is accepted; warnings matter not."""
    with bulk_server(
        resources=people(), errors=[{"severity": "error", "code": "exception", "diagnostics": "p1"}]
    ) as server:
        report = fetched(server, tmp_path / "store")
        assert not report.ingest.complete
        assert [one.message for one in report.ingest.troubles] == ["the server says 1 times: error, exception"]
        assert report.ingest.patients == 7
        assert fetched(server, tmp_path / "store").since == ""
        assert fetched(server, tmp_path / "store", accept_errors=True).ingest.complete
        assert fetched(server, tmp_path / "store").since == server.now
        server.errors = [{"severity": "warning", "code": "informational"}]
        assert fetched(server, tmp_path / "store").ingest.complete


def test_levels_types_and_filters_are_asked_for_and_go_on_apart(tmp_path: Path) -> None:
    """A group's export has its own place; a refusal is told with the server's reason."""
    with bulk_server(resources=people()) as server:
        wanted = Wanted(level="group", group="a-b", types=("Patient",), filters=("Patient?gender=female,male",))
        report = fetched(server, tmp_path / "store", wanted=wanted)
        assert report.ingest.resources == {"Patient": 7}
        assert server.asked("/fhir/Group/a-b/$export") == 1
        assert server.asked("_typeFilter=Patient%3Fgender%3Dfemale%2Cmale") == 1
        assert fetched(server, tmp_path / "store", wanted=Wanted(level="patient")).since == ""
        with pytest.raises(BadInput, match="Nonsense is no type here"):
            fetched(server, tmp_path / "store", wanted=Wanted(types=("Nonsense",)))
        with pytest.raises(BadInput, match="not the id of a Group"):
            fetched(server, tmp_path / "store", wanted=Wanted(level="group", group="../Patient"))


def test_files_on_an_origin_that_nobody_named_are_not_fetched(tmp_path: Path) -> None:
    """Neither bytes nor the token go there; the message names the origin and what to do."""
    with bulk_server(resources=people()) as server:
        server.elsewhere = "https://files.example.org"
        with pytest.raises(BadInput, match=r"https://files\.example\.org.*--origin"):
            fetched(server, tmp_path / "store")


def test_killed_in_the_middle_the_next_run_goes_on(tmp_path: Path) -> None:
    """Kill -9 while files come: one export in all, hardly a byte twice, and the store that the files give."""
    with bulk_server(resources=people(results=600), lines_per_file=200, pause=0.02) as server:
        command = fetching(server, tmp_path / "store")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while server.sent < 60_000 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        process.wait()
        server.pause = 0.0
        report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert (report["resumed"], report["exports_begun"]) == (True, 0)
        assert server.asked("$export") == 1
        assert report["ingest"]["digest"] == from_files(server, tmp_path / "files")
        assert server.sent < report["bytes"] * 1.5, "what was in the sockets when it was killed, and no more"


def test_asking_from_later_on_leaves_no_gap(tmp_path: Path) -> None:
    """What lies between the last fetch and a `since` of one's own is asked for by the next fetch; all of it again moves on."""
    with bulk_server(resources=people(results=5)) as server:
        first = fetched(server, tmp_path / "store")
        server.now = "2026-05-01T00:00:00Z"
        server.resources.append(result(50, of=1, at="2026-01-15T00:00:00Z"))
        assert fetched(server, tmp_path / "store", since="2026-03-01T00:00:00Z").files == 0
        second = fetched(server, tmp_path / "store")
        assert (second.since, second.ingest.resources) == (first.until, {"Observation": 1})
        server.now = "2026-06-01T00:00:00Z"
        fetched(server, tmp_path / "store", since="")
        assert fetched(server, tmp_path / "store").since == server.now


@pytest.mark.nightly
def test_killed_at_any_moment_the_last_run_ends_with_the_same_store(tmp_path: Path) -> None:
    """Kill -9 later and later, while it asks, waits, fetches, ingests and tidies up, until a run gets through; then an increment."""
    store = tmp_path / "store"
    with bulk_server(resources=people(patients=40, results=4000), lines_per_file=500, pause=0.01) as server:
        command = fetching(server, store)
        after = 0.3
        while True:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                said, _ = process.communicate(timeout=after)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                after += 0.15
        assert process.returncode == 0
        assert json.loads(said)["ingest"]["complete"]
        opened = EventStore.open(store)
        assert opened.digest == from_files(server, tmp_path / "files")
        assert opened.verify() == []
        server.now = LATER
        server.resources.append(result(9000, of=1, at="2026-01-15T00:00:00Z"))
        done = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert done["since"] == "2026-01-01T00:00:00Z"
        assert done["ingest"]["resources"] == {"Observation": 1}
