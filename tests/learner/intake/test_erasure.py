"""An erased patient is gone: from the rows, from the files, from what is being fetched; and stays out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.guidance.errors import Refused
from services.learner.intake.erasure import erase_patient
from services.learner.intake.fetch_state import FOLDER, FetchState, desk
from services.learner.intake.ingest import ingest
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from tests.learner.intake.people import people, person, result


def written(folder: Path, *, without: str = "nobody") -> Path:
    """A source, perhaps without a patient."""
    path = folder / f"source{without}.ndjson"
    kept = [
        one
        for one in people(patients=5, results=30)
        if without not in (one["id"], one.get("subject", {}).get("reference", "").removeprefix("Patient/"))
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in kept))
    return path


def test_an_erased_patient_is_in_no_file_and_the_store_is_that_of_the_others(tmp_path: Path) -> None:
    """The digest is that of a store which never had the patient; the id stands nowhere; the same source brings nothing back."""
    store, source = tmp_path / "store", written(tmp_path)
    ingest(source, store, quality=False)
    said = erase_patient(store, "p3", really=False)
    assert (said.erased, said.events) == (False, 8)
    done = erase_patient(store, "Patient/p3", really=True)
    assert (done.erased, done.events) == (True, 8)
    others = ingest(written(tmp_path, without="p3"), tmp_path / "others", quality=False)
    assert done.digest == others.digest
    assert EventStore.open(store).verify() == []
    manifest = EventStore.open(store).manifest
    named = {bucket.file for bucket in manifest.buckets if bucket} | {"manifest.json", "lock"}
    assert {path.name for path in store.rglob("*") if path.is_file()} == named, "no file of before is left"
    assert b"p3" not in (store / "manifest.json").read_bytes()
    assert not any("p3" in EventStore.open(store).read_bucket(n).patient.words for n in range(len(manifest.buckets)))
    assert ingest(source, store, quality=False).digest == done.digest
    (tmp_path / "new.ndjson").write_text(json.dumps(result(99, of=3)) + "\n" + json.dumps(person(6)) + "\n")
    assert ingest(tmp_path / "new.ndjson", store, quality=False).patients == 5
    assert erase_patient(store, "p3", really=True).events == 0


def test_who_is_erased_before_the_data_come_is_kept_out_too(tmp_path: Path) -> None:
    """An empty store remembers it."""
    EventStore.open_or_create(tmp_path / "store")
    erase_patient(tmp_path / "store", "p3", really=True)
    assert ingest(written(tmp_path), tmp_path / "store", quality=False).patients == 4
    with pytest.raises(BadInput, match="no patient is named"):
        erase_patient(tmp_path / "store", " ", really=True)


def test_the_only_patient_can_go(tmp_path: Path) -> None:
    """A bucket without a row is no bucket: the store is the empty one."""
    empty = EventStore.open_or_create(tmp_path / "empty").digest
    (tmp_path / "one.ndjson").write_text(json.dumps(person(1)) + "\n")
    ingest(tmp_path / "one.ndjson", tmp_path / "store", quality=False)
    assert erase_patient(tmp_path / "store", "p1", really=True).digest == empty


def test_what_is_being_fetched_goes_too_and_not_under_a_process_that_fetches(tmp_path: Path) -> None:
    """Files on their way may hold the patient; while another process is at them, nothing is erased and it is said."""
    store = tmp_path / "store"
    ingest(written(tmp_path), store, quality=False)
    with desk(store / FOLDER / "abc") as held:
        held.keep(FetchState(transaction_time="2026-01-01T00:00:00Z"))
        (held.files / "a.ndjson").write_text("p3")
        with pytest.raises(Refused, match="another process is fetching"):
            erase_patient(store, "p3", really=True)
        assert EventStore.open(store).patients == 5
    erase_patient(store, "p3", really=True)
    assert not list(store.rglob("a.ndjson"))
    with desk(store / FOLDER / "abc") as held:
        assert held.read() is None


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["read", "erase p0", "erase p1", "delete"]), min_size=2, max_size=6))
def test_whatever_the_order_the_store_is_the_same_at_the_end(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Reading, deleting and erasing in any order, and again: the digest depends only on which of them happened."""
    folder = tmp_path_factory.mktemp("any")
    source, gone = written(folder), folder / "gone.json"
    entry = {
        "request": {"method": "DELETE", "url": "Observation/o7"},
        "response": {"lastModified": "2026-01-01T00:00:00Z"},
    }
    gone.write_text(json.dumps({"resourceType": "Bundle", "entry": [entry]}))

    def after(done: list[str], name: str) -> str:
        store = folder / name
        EventStore.open_or_create(store, buckets=2)
        for step in done:
            if step.startswith("erase "):
                erase_patient(store, step.removeprefix("erase "), really=True)
            else:
                ingest(source if step == "read" else gone, store, quality=False)
        return EventStore.open(store).digest

    assert after(steps, "one") == after(sorted(set(steps)), "two")
