"""Ingest: good data gets in, bad data is named by reason and place, and a second time changes nothing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from services.learner.intake.ingest import ingest
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from services.timeline.events import RETRACTED

Json = dict[str, Any]


def patient(i: int) -> Json:
    """A patient."""
    return {"resourceType": "Patient", "id": f"p{i}", "gender": "female", "birthDate": "1950-01-01"}


def observation(i: int, **changed: Any) -> Json:
    """A haemoglobin."""
    return {
        "resourceType": "Observation",
        "id": f"o{i}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/p{i % 5}"},
        "effectiveDateTime": "2025-01-01T08:00:00Z",
        "issued": "2025-01-01T09:00:00Z",
        "valueQuantity": {"value": 9.5 + i / 10, "code": "g/dL"},
    } | changed


def ndjson(*resources: Json | str) -> bytes:
    """Lines of NDJSON; text goes in as it is."""
    return "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in resources).encode()


GOOD = [patient(i) for i in range(5)] + [observation(i) for i in range(40)]


def test_the_same_source_again_changes_nothing(tmp_path: Path) -> None:
    """Idempotent: the second run says so, and every file of the store is the same byte for byte."""
    (tmp_path / "a.ndjson").write_bytes(ndjson(*GOOD))
    first = ingest(tmp_path / "a.ndjson", tmp_path / "store")
    files = {p.name: p.read_bytes() for p in (tmp_path / "store").iterdir() if p.is_file()}
    second = ingest(tmp_path / "a.ndjson", tmp_path / "store")
    assert (first.changed, second.changed) == (True, False)
    assert first.digest == second.digest
    assert files == {p.name: p.read_bytes() for p in (tmp_path / "store").iterdir() if p.is_file()}
    assert first.resources == {"Observation": 40, "Patient": 5}
    assert first.patients == 5


def test_processes_chunks_and_forms_make_no_difference(tmp_path: Path) -> None:
    """One process or two, small chunks or large, file or archive, one order or another: the same store."""
    (tmp_path / "a.ndjson").write_bytes(ndjson(*GOOD))
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        for i in range(4):
            data = ndjson(*GOOD[i::4][::-1])
            entry = tarfile.TarInfo(f"{i}.ndjson")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    (tmp_path / "c").mkdir()
    for i, resource in enumerate(GOOD):
        (tmp_path / "c" / f"{i}.json").write_text(json.dumps(resource))
    one = ingest(tmp_path / "a.ndjson", tmp_path / "one")
    two = ingest(tmp_path / "b.tar.gz", tmp_path / "two", workers=2, chunk_bytes=1500)
    three = ingest(tmp_path / "c", tmp_path / "three")
    assert one.digest == two.digest == three.digest
    assert one.resources == two.resources == three.resources


def test_bad_lines_are_named_and_cost_nothing_else(tmp_path: Path) -> None:
    """Each fault is counted under its reason, with file and line, without a word of the data; the rest gets in."""
    lines = [
        observation(1),
        '{"resourceType": "Observation", "id": "secret-1", ',
        observation(2, subject=None, id="secret-2"),
        observation(3, effectiveDateTime="2025-13-45", issued="tomorrow", id="secret-3"),
        {"resourceType": "Slot", "id": "secret-4"},
        "[1, 2]",
        "",
        observation(4),
    ]
    (tmp_path / "a.ndjson").write_bytes(ndjson(*lines))
    report = ingest(tmp_path / "a.ndjson", tmp_path / "store")
    reasons = {skip.reason: (skip.count, skip.places) for skip in report.skipped}
    assert reasons["broken JSON"] == (1, ["a.ndjson:2"])
    assert reasons["Observation: no patient"] == (1, ["a.ndjson:3"])
    lost = {loss.reason: loss.places for loss in report.losses}
    assert lost["Observation: impossible date"][0] == "a.ndjson:4"
    assert reasons["Slot: not read"] == (1, ["a.ndjson:5"])
    assert reasons["not a FHIR resource"] == (1, ["a.ndjson:6"])
    assert "secret" not in repr(report)
    assert report.complete
    assert report.rows >= 2


def test_a_truncated_archive_keeps_what_was_good_and_says_it_is_not_whole(tmp_path: Path) -> None:
    """The store holds the readable part, `complete` is false, and the place is named; the whole archive completes it."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name in ("a", "b"):
            data = ndjson(*[observation(i, id=f"{name}{i}") for i in range(200)])
            entry = tarfile.TarInfo(f"{name}.ndjson")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    (tmp_path / "x.tar").write_bytes(whole.getvalue()[:-40_000])
    report = ingest(tmp_path / "x.tar", tmp_path / "store")
    assert not report.complete
    assert [t.place for t in report.troubles] == ["x.tar:b.ndjson"]
    assert 200 < report.resources["Observation"] < 400
    (tmp_path / "x.tar").write_bytes(whole.getvalue())
    assert ingest(tmp_path / "x.tar", tmp_path / "store").rows == 400
    assert EventStore.open(tmp_path / "store").digest == ingest(tmp_path / "x.tar", tmp_path / "fresh").digest


def test_a_transaction_bundle_is_read_and_its_urn_references_resolved(tmp_path: Path) -> None:
    """Entries refer to each other by `urn:uuid:`; what has no id yet is known by its full URL."""
    uuid = "urn:uuid:0d2b0f3e-0000-4000-8000-000000000001"
    other = "urn:uuid:0d2b0f3e-0000-4000-8000-000000000002"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": uuid, "resource": patient(7), "request": {"method": "POST", "url": "Patient"}},
            {"fullUrl": other, "resource": {k: v for k, v in observation(1, subject={"reference": uuid}).items() if k != "id"}},
            {"fullUrl": "urn:uuid:3", "resource": observation(2), "request": {"method": "DELETE", "url": "x"}},
            {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        ],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(bundle, indent=2))
    report = ingest(tmp_path / "a.json", tmp_path / "store")
    assert report.resources == {"Observation": 1, "Patient": 1}
    assert {s.reason: s.places for s in report.skipped} == {
        "OperationOutcome: not read": ["a.json:entry 4"],
        "deletion that names no one resource": ["a.json:entry 3"],
    }
    store = EventStore.open(tmp_path / "store")
    seen = {
        (p, r)
        for i in range(store.buckets)
        for p, r in zip(store.read_bucket(i).patient.texts(), store.read_bucket(i).resource.texts(), strict=True)
    }
    assert ("p7", "Observation/0d2b0f3e-0000-4000-8000-000000000002") in seen
    (tmp_path / "lines.ndjson").write_text(json.dumps(bundle) + "\n" + json.dumps(bundle) + "\n")
    assert ingest(tmp_path / "lines.ndjson", tmp_path / "two").digest == report.digest


@pytest.mark.parametrize("seconds", [0.3, 0.9, 1.4])
def test_killed_while_it_reads_the_next_run_completes(tmp_path: Path, seconds: float) -> None:
    """SIGKILL at any moment: the store opens as it was or as it should be, and reading again gives the whole."""
    (tmp_path / "a.ndjson").write_bytes(ndjson(*(observation(i) for i in range(40_000))))
    code = "import sys; from pathlib import Path; from services.learner.intake.ingest import ingest; ingest(*map(Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(tmp_path / "a.ndjson"), str(tmp_path / "store")]
    with subprocess.Popen(command) as process:
        time.sleep(seconds)
        process.kill()
    report = ingest(tmp_path / "a.ndjson", tmp_path / "store", workers=1)
    assert report.rows == 40_000
    assert EventStore.open(tmp_path / "store").verify() == []
    assert not list((tmp_path / "store").glob("staging-*"))


def test_a_source_without_fhir_is_not_a_success(tmp_path: Path) -> None:
    """Nothing found is said, not passed over."""
    (tmp_path / "a.ndjson").write_bytes(b'{"hello": 1}\n')
    report = ingest(tmp_path / "a.ndjson", tmp_path / "store")
    assert not report.complete
    with pytest.raises(BadInput, match="no such file"):
        ingest(tmp_path / "b.ndjson", tmp_path / "store")


def test_bundles_of_a_vendor_are_read(shared: Path, tmp_path: Path) -> None:
    """Synthea's transaction Bundles in a tar.xz: eight patients, everything tied to them, the licence named as not read."""
    report = ingest(shared / "data" / "synthea" / "bundles.tar.xz", tmp_path / "store", workers=1)
    assert report.patients == 8
    assert report.resources["Patient"] == 8
    assert report.complete
    assert [t.place for t in report.troubles] == ["bundles.tar.xz:LICENSE.txt"]
    assert not [s for s in report.skipped if "no patient" in s.reason]


def test_the_content_of_a_real_hospital_keeps_its_digest(shared: Path, tmp_path: Path) -> None:
    """Faster reading must not change an event. A new digest here means that events changed: then say so, on purpose."""
    source = shared / "data" / "support2" / "support2-fhir.tar.xz"
    report = ingest(source, tmp_path / "store", workers=1, quality=False)
    assert (report.rows, report.skipped, report.losses) == (329_209, [], [])
    assert report.digest == "sha256:fafafe75f3caeb04081e702aa5955360bf3485af70f7f825d1ceacb49649d38f"


def test_every_line_becomes_facts_or_is_counted_once(tmp_path: Path) -> None:
    """Lines are as many as resources with facts and resources that were skipped, whatever is wrong with them."""
    lines: list[Json | str] = [
        *(observation(i) for i in range(7)),
        observation(7, status="entered-in-error"),
        observation(8, subject=None),
        observation(9, component={"code": {"text": "a"}, "valueInteger": "3"}),
        {"resourceType": "Slot", "id": "s"},
        "{",
    ]
    (tmp_path / "a.ndjson").write_bytes(ndjson(*lines))
    report = ingest(tmp_path / "a.ndjson", tmp_path / "store")
    with_facts = {one for number in range(16) for one in _resources(EventStore.open(tmp_path / "store"), number)}
    assert len(with_facts) + sum(skip.count for skip in report.skipped) == len(lines)
    assert [loss.reason for loss in report.losses] == ["Observation: read with repairs"]


def _resources(store: EventStore, number: int) -> set[str]:
    """The resources of a bucket that state a fact."""
    events = store.read_bucket(number)
    pairs = zip(events.resource.texts(), events.field.texts(), strict=True)
    return {resource for resource, field in pairs if field != RETRACTED}
