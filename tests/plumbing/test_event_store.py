"""The event store: same events, same digest; a crash changes nothing; every version is kept."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.errors import Refused
from services.plumbing.event_store import EventStore, Segment, StoredSource, write_segment
from services.plumbing.event_table import bucket_of
from services.timeline.errors import BadInput
from services.timeline.events import COLUMNS, EventBatch, EventColumns

Row = dict[str, Any]


def row(i: int = 0, **changed: Any) -> Row:
    """One event."""
    event: Row = {
        "patient": f"p{i % 7}",
        "field": "Observation.code",
        "codes": f"http://loinc.org|{i % 5}",
        "unit": "mg/dL",
        "resource": f"Observation/{i}",
        "time": i * 10,
        "known": i * 10 + 5,
        "value": float(i),
    }
    return event | changed


def columns_of(rows: Iterable[Row]) -> EventColumns:
    """Rows as columns."""
    batch = EventBatch()
    for event in rows:
        batch.add(**event)
    return batch.columns()


def append(store: EventStore, *parts: list[Row]) -> None:
    """Append the parts, one segment each, in one append."""
    with store.append() as append:
        append.commit([write_segment(append.staging, columns_of(part), store.buckets) for part in parts])


def rows_of(store: EventStore) -> list[tuple[Any, ...]]:
    """Every event as a tuple, bucket by bucket."""
    out: list[tuple[Any, ...]] = []
    for number in range(store.buckets):
        columns = store.read_bucket(number)
        listed = [getattr(columns, name) for name in COLUMNS]
        cells = [c.texts() if hasattr(c, "texts") else c.tolist() for c in listed]
        out += list(zip(*cells, strict=True))
    return out


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, the lock aside."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name != "lock"}


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    """Every cell of every row survives, NaN and missing times included."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=4)
    rows = [row(i) for i in range(50)] + [row(99, value=float("nan"), unit="", codes="|text é\n|x")]
    append(store, rows)
    expected = columns_of(rows)
    cells = [c.texts() if hasattr(c, "texts") else c.tolist() for c in (getattr(expected, n) for n in COLUMNS)]
    assert sorted(map(repr, rows_of(store))) == sorted(map(repr, zip(*cells, strict=True)))
    assert store.rows == 51
    assert store.patients == 7


def test_a_patient_is_whole_in_one_bucket_and_sorted(tmp_path: Path) -> None:
    """The bucket is a stable hash of the patient; rows stand by (patient, known, time)."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=4)
    rows = [row(i) for i in range(200)]
    random.Random(1).shuffle(rows)
    append(store, rows[:100], rows[100:])
    for number in range(4):
        columns = store.read_bucket(number)
        assert {bucket_of(patient, 4) for patient in columns.patient.texts()} <= {number}
        keys = list(zip(columns.patient.texts(), columns.known.tolist(), columns.time.tolist(), strict=True))
        assert keys == sorted(keys)
    assert bucket_of("sup-p1", 16) == 10, "the hash must never change: stores of older versions rely on it"


events = st.builds(
    lambda i, v, u, a, e: row(i, value=v, unit=u, assumed=a, end=e),
    st.integers(0, 12),
    st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]),
    st.sampled_from(["", "mg/dL", "é"]),
    st.booleans(),
    st.integers(-3, 3),
)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(events, max_size=30), seed=st.integers(0, 9), cuts=st.integers(1, 4))
def test_the_digest_depends_on_the_events_and_on_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], seed: int, cuts: int
) -> None:
    """Any order, any cutting into appends, any repetition: the same digest and the same bytes."""
    one = EventStore.open_or_create(tmp_path_factory.mktemp("s") / "one", buckets=3)
    append(one, rows)
    shuffled = rows + rows[:5]
    random.Random(seed).shuffle(shuffled)
    two = EventStore.open_or_create(tmp_path_factory.mktemp("s") / "two", buckets=3)
    for i in range(cuts):
        append(two, shuffled[i::cuts])
    assert two.digest == one.digest
    append(two, rows)
    named = {b.file for b in two.manifest.buckets if b} | {"manifest.json"}
    assert {k: v for k, v in snapshot(two.folder).items() if k in named} == {
        k: v for k, v in snapshot(one.folder).items() if k in named
    }
    assert one.verify() == two.verify() == []


def test_one_changed_number_changes_the_digest(tmp_path: Path) -> None:
    """The digest sees every cell."""
    digests = set()
    changes: list[Row] = [
        {},
        {"value": 1.0},
        {"unit": "g"},
        {"known": 1},
        {"assumed": True},
        {"patient": "q"},
        {"end": 1},
    ]
    for i, change in enumerate(changes):
        store = EventStore.open_or_create(tmp_path / str(i), buckets=1)
        append(store, [row(3, **change), row(4)])
        digests.add(store.digest)
    assert len(digests) == len(changes)


def test_later_versions_are_kept(tmp_path: Path) -> None:
    """A correction does not replace what was known before it."""
    store = EventStore.open_or_create(tmp_path / "s")
    append(store, [row(1, value=5.0, updated=10)])
    append(store, [row(1, value=6.0, updated=20)])
    append(store, [row(1, value=6.0, updated=20)])
    assert store.rows == 2


def test_a_crash_before_the_commit_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """Segments that were written but not committed are not part of the store, and are cleared away by the next append."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=2)
    append(store, [row(1)])
    before = snapshot(store.folder)
    with contextlib.suppress(KeyboardInterrupt), store.append() as under_way:
        write_segment(under_way.staging, columns_of([row(2)]), 2)
        raise KeyboardInterrupt
    assert snapshot(store.folder) == before
    # What SIGKILL leaves: a staging folder, merged buckets that no manifest names, half a manifest.
    (store.folder / "staging-dead").mkdir()
    (store.folder / "staging-dead" / "segment-1.parquet").write_bytes(b"half")
    (store.folder / "bucket-00000-dead.parquet").write_bytes(b"half")
    (store.folder / "manifest.json.dead").write_bytes(b"{")
    reopened = EventStore.open(store.folder)
    assert reopened.rows == 1
    append(reopened, [row(2)])
    assert reopened.rows == 2
    assert not [p for p in store.folder.iterdir() if "dead" in p.name]


@pytest.mark.parametrize("step", range(1, 12))
def test_killed_at_any_write_the_next_run_completes(tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever rename or sync is the last before the power goes, the store is the old or the new one, and can go on."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=3)
    append(store, [row(i) for i in range(20)])
    old = store.digest
    left = step

    def dying(real: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise MemoryError("the power went")
            return real(*args, **options)

        return call

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", dying(__import__("os").fsync))
        patched.setattr(Path, "replace", dying(Path.replace))
        with contextlib.suppress(MemoryError):
            append(store, [row(i) for i in range(20, 60)])
    after = EventStore.open(tmp_path / "s")
    whole = EventStore.open_or_create(tmp_path / "whole", buckets=3)
    append(whole, [row(i) for i in range(60)])
    assert after.digest in {old, whole.digest}
    assert after.verify() == []
    append(after, [row(i) for i in range(20, 60)])
    assert after.digest == whole.digest


def test_a_reader_at_work_keeps_its_files_through_one_append(tmp_path: Path) -> None:
    """Training that began before an ingest still finds what it opened."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=1)
    append(store, [row(1)])
    reader = EventStore.open(store.folder)
    append(store, [row(2)])
    assert len(reader.read_bucket(0)) == 1
    assert len(store.read_bucket(0)) == 2


def test_what_belongs_to_no_patient_is_read_with_every_bucket_that_points_to_it(tmp_path: Path) -> None:
    """How a Medication is coded reaches the orders that point to it, whichever bucket they live in, and no others."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=4)
    medicine: Row = {
        "patient": "",
        "field": "Medication.code",
        "codes": "rx|1",
        "resource": "Medication/m1",
        "known": 0,
    }
    other = medicine | {"resource": "Medication/m2"}
    orders = [row(i, patient=f"p{i}", field="MedicationRequest.medication", answer="Medication/m1") for i in range(8)]
    append(store, [medicine, other, *orders])
    append(store, [medicine])
    used = [number for number in range(4) if len(store.read_bucket(number))]
    assert len(used) > 1
    for number in used:
        found = [r for r in store.read_bucket(number).resource.texts() if r.startswith("Medication/")]
        assert found == ["Medication/m1"]
    assert store.patients == 8
    assert store.rows == 10
    assert store.verify() == []


def test_two_writers_at_once_are_refused(tmp_path: Path) -> None:
    """The second is told to wait; nothing is mixed up."""
    store = EventStore.open_or_create(tmp_path / "s")
    with store.append(), pytest.raises(Refused, match="another process"), EventStore.open(store.folder).append():
        pass


def test_sources_are_recorded_once_and_without_a_time(tmp_path: Path) -> None:
    """The manifest of a repeated ingest is byte-identical."""
    store = EventStore.open_or_create(tmp_path / "s")
    source = StoredSource(name="a.ndjson", digest="sha256:1", resources=1, events=1, complete=True)
    manifests = []
    for _ in range(2):
        with store.append() as under_way:
            under_way.commit([write_segment(under_way.staging, columns_of([row(1)]), store.buckets)], source)
        manifests.append((store.folder / "manifest.json").read_bytes())
    assert manifests[0] == manifests[1]
    assert store.manifest.sources == (source,)


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    """A damaged bucket is named by `verify`, and cannot be read as if it were well."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=1)
    append(store, [row(i) for i in range(500)])
    path = next(store.folder.glob("bucket-*.parquet"))
    path.write_bytes(path.read_bytes()[:-40])
    assert len(store.verify()) == 1
    with pytest.raises(BadInput, match="missing or damaged"):
        store.read_bucket(0)


def test_an_empty_store_has_empty_buckets(tmp_path: Path) -> None:
    """Nothing ingested is a store of nothing, not an error."""
    store = EventStore.open_or_create(tmp_path / "s", buckets=2)
    with store.append() as under_way:
        under_way.commit([Segment(parts={}, rows=0)])
    assert [len(store.read_bucket(i)) for i in range(2)] == [0, 0]
    assert store.read_bucket(0).time.dtype == np.int64
    assert store.digest == EventStore.open_or_create(tmp_path / "t", buckets=2).digest


def test_the_number_of_buckets_is_fixed_and_a_strange_folder_is_refused(tmp_path: Path) -> None:
    """Each mistake is one clear message."""
    EventStore.open_or_create(tmp_path / "s", buckets=2)
    with pytest.raises(BadInput, match="has 2 buckets, not 3"):
        EventStore.open_or_create(tmp_path / "s", buckets=3)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_bytes(b"1")
    with pytest.raises(BadInput, match="not empty and no event store"):
        EventStore.open_or_create(tmp_path / "other")
    with pytest.raises(BadInput, match="no event store here"):
        EventStore.open(tmp_path / "nowhere")
    (tmp_path / "s" / "manifest.json").write_bytes(b"{")
    with pytest.raises(BadInput, match="cannot be read"):
        EventStore.open(tmp_path / "s")
