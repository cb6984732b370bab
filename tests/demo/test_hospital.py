"""The hospital as files: the same bytes from the same seed, complete or absent, truth kept apart."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from datetime import date
from pathlib import Path

import pytest

from services.demo.facts import DAY, PatientRecord
from services.demo.hospital import Hospital, write_hospital
from services.demo.resources import Shapes
from services.timeline.errors import BadInput
from tests.demo.conftest import UNTIL


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_gives_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    """A hospital written by one process and by two is the same, byte for byte."""
    hospital = Hospital.ending(UNTIL, seed=11, patients=300)
    write_hospital(hospital, tmp_path / "one", workers=1)
    write_hospital(hospital, tmp_path / "two", workers=2)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "two")


def test_another_seed_gives_other_patients(tmp_path: Path) -> None:
    """The seed decides who the patients are."""
    assert Hospital.ending(UNTIL, seed=1, patients=1).patient(0) != Hospital.ending(UNTIL, seed=2, patients=1).patient(
        0
    )


def test_any_patient_can_be_generated_alone(hospital: Hospital, records: list[PatientRecord]) -> None:
    """Patient 17 alone is the patient 17 of the whole hospital, whatever its size."""
    larger = Hospital(seed=hospital.seed, patients=50_000, until=hospital.until, years=hospital.years)
    assert larger.patient(17) == records[17]


def test_at_least_150_resources_a_patient_over_three_years(hospital: Hospital, records: list[PatientRecord]) -> None:
    """On average a patient has at least 150 resources, spread over at least three years."""
    counts = [sum(1 for _ in Shapes(record).everything(hospital.until, versions=True)) for record in records[:400]]
    assert sum(counts) / len(counts) >= 150
    assert (hospital.until - hospital.begins) / DAY >= 3 * 365


def test_true_risks_stand_outside_the_learners_folder(tmp_path: Path) -> None:
    """The risks are in truth/, one row a discharge (also of stays about to end), and nowhere under fhir/."""
    hospital = Hospital.ending(UNTIL, seed=7, patients=60)
    written = write_hospital(hospital, tmp_path / "h", workers=1)
    with written.truth.open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert rows
    assert all(0 < float(row["readmission_30d"]) < 1 and row["discharged"] < "2026-06-03" for row in rows)
    assert not written.truth.is_relative_to(written.fhir)
    text = b"".join(path.read_bytes() for path in written.fhir.iterdir())
    assert not any(row["readmission_30d"].encode() in text for row in rows)


def test_every_truth_has_its_table(tmp_path: Path) -> None:
    """Risks within stays and of cardiovascular events stand beside those at discharge, each between 0 and 1."""
    hospital = Hospital.ending(UNTIL, seed=7, patients=80)
    truth = write_hospital(hospital, tmp_path / "h", workers=1).truth.parent
    for name, columns in (
        ("in_stay.csv", ("death_in_stay", "intensive_or_death_24h")),
        ("cardiovascular.csv", ("hazard_per_year", "event_1y")),
        ("diabetes.csv", ("hazard_per_year", "diabetes_5y")),
    ):
        with (truth / name).open(encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        assert len(rows) > 100
        assert all(0 <= float(row[column] or 0) <= 1 for row in rows for column in columns)
        assert {row["patient"] for row in rows} <= {f"p{index:06d}" for index in range(80)}


def test_faults_change_what_is_sent_and_nothing_that_is_true(tmp_path: Path) -> None:
    """With and without faults the truths are the same bytes; results differ, and the maps lie beside the FHIR folder."""
    plain, faulty = (Hospital.ending(UNTIL, seed=7, patients=60, faults=faults) for faults in (False, True))
    write_hospital(plain, tmp_path / "plain", workers=1)
    write_hospital(faulty, tmp_path / "faulty", workers=1)
    before, after = _digests(tmp_path / "plain"), _digests(tmp_path / "faulty")
    assert {name for name in after if name.startswith("truth/")} == {
        name for name in before if name.startswith("truth/")
    }
    assert all(before[name] == after[name] for name in before if name.startswith("truth/"))
    assert before["fhir/Observation.ndjson"] != after["fhir/Observation.ndjson"]
    assert before["fhir/Condition.ndjson"] == after["fhir/Condition.ndjson"]
    assert {name for name in after if name.startswith("terminology/")} == {
        "terminology/ingredients.csv",
        "terminology/riverside-formulary.json",
        "terminology/riverside-laboratory.json",
    }
    write_hospital(plain, tmp_path / "faulty", workers=1)
    assert not (tmp_path / "faulty" / "terminology").exists()


def test_compressed_files_hold_the_same_lines(tmp_path: Path) -> None:
    """With --gz the NDJSON is the same once unpacked."""
    hospital = Hospital.ending(UNTIL, seed=7, patients=20)
    plain = write_hospital(hospital, tmp_path / "plain", workers=1).fhir
    packed = write_hospital(hospital, tmp_path / "packed", workers=1, compress=True).fhir
    for path in plain.iterdir():
        assert gzip.decompress((packed / f"{path.name}.gz").read_bytes()) == path.read_bytes()


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    """A run that fails leaves neither files nor the partial folder; a later run of the same place succeeds."""

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    hospital = Hospital.ending(UNTIL, seed=7, patients=10)
    with pytest.raises(OSError, match="No space left"):
        write_hospital(hospital, tmp_path / "h", workers=1, advance=full_disk)
    assert list((tmp_path / "h").iterdir()) == []
    write_hospital(hospital, tmp_path / "h", workers=1)
    assert json.loads((tmp_path / "h" / "hospital.json").read_text())["patients"] == 10


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """The hospital is never written over files that are not its own."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="not a demo hospital"):
        write_hospital(Hospital.ending(UNTIL, seed=7, patients=1), tmp_path, workers=1)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_an_unknown_patient_is_named(hospital: Hospital) -> None:
    """Asking for a patient who is not there says which there are."""
    with pytest.raises(BadInput, match="no patient 1200"):
        hospital.patient(1200)


def test_the_record_ends_at_midnight_utc() -> None:
    """`until` is the beginning of the day named."""
    assert Hospital.ending(date(1970, 1, 2), seed=0, patients=1).until == DAY


def test_another_end_moves_the_same_lives_by_whole_days() -> None:
    """What the demo shows does not depend on the day on which it is run."""
    today, later = (
        Hospital.ending(date(2026, 3, 1), seed=7, patients=40),
        Hospital.ending(date(2028, 2, 29), seed=7, patients=40),
    )
    days = later.until - today.until
    for one, other in zip(today.records(), later.records(), strict=True):
        assert [(s.kind, s.start + days, s.end + days) for s in one.stays] == [
            (s.kind, s.start, s.end) for s in other.stays
        ]
        assert [risk.readmission for risk in one.risks] == [risk.readmission for risk in other.risks]
        assert [result.value for result in one.results] == [result.value for result in other.results]
