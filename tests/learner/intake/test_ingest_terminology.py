"""Ingest at a site that has codes of its own, and the report on what its data are like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.learner.intake.ingest import ingest
from services.plumbing.event_store import EventStore
from services.plumbing.terminology_files import read_terminology
from services.timeline.errors import BadInput

LOCAL = "https://hospital.example/codes"
STAY = {"reference": "Encounter/e1"}


def observation(number: int, code: str, value: float) -> dict[str, Any]:
    """A value of a local laboratory test, labelled mg/dL."""
    return {
        "resourceType": "Observation",
        "id": f"{code}{number}",
        "status": "final",
        "code": {"coding": [{"system": LOCAL, "code": code}]},
        "subject": {"reference": "Patient/p"},
        "encounter": STAY,
        "effectiveDateTime": f"2024-03-{number % 28 + 1:02d}",
        "valueQuantity": {"value": value, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty values in umol/L that say mg/dL, and as many of a test that nobody translates."""
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": {"reference": "Patient/p"},
        "serviceProvider": {"reference": "Organization/north"},
    }
    resources = [encounter]
    for number in range(40):
        resources += [observation(number, "CREA", 70.0 + number), observation(number, "NT-X", 5.0)]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(one) + "\n" for one in resources))
    return tmp_path / "a.ndjson"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """CREA is creatinine."""
    element = {"code": "CREA", "target": [{"code": "2160-0", "equivalence": "equivalent"}]}
    group = {"source": LOCAL, "target": "http://loinc.org", "element": [element]}
    (tmp_path / "maps").mkdir()
    content = {"resourceType": "ConceptMap", "status": "active", "group": [group]}
    (tmp_path / "maps" / "lab.json").write_text(json.dumps(content))
    return tmp_path / "maps"


@pytest.mark.parametrize("workers", [1, 2])
def test_local_codes_are_stored_with_what_they_mean(tmp_path: Path, source: Path, folder: Path, workers: int) -> None:
    """In this process or in workers; the report names the terminology by its digest, as the bedside does."""
    report = ingest(source, tmp_path / "store", terminology=folder, workers=workers, quality=False)
    store = EventStore.open(tmp_path / "store")
    codes = {word for number in range(store.buckets) for word in store.read_bucket(number).codes.words}
    assert f"http://loinc.org|2160-0\n{LOCAL}|CREA" in codes
    assert report.terminology == read_terminology(folder).digest
    assert report.quality is None


def test_the_report_doubts_units_by_site_and_names_untranslated_codes(
    tmp_path: Path, source: Path, folder: Path
) -> None:
    """With the map a creatinine of 90 mg/dL is known to be impossible; the other test is said to be nobody's."""
    quality = ingest(source, tmp_path / "store", terminology=folder).quality
    assert quality is not None
    (doubted,) = quality.mislabelled
    assert (doubted.code, doubted.unit, doubted.site) == ("http://loinc.org|2160-0", "mg/dL", "Organization/north")
    assert (doubted.events, doubted.looks_like) == (40, ["umol/L"])
    assert [(one.code, one.events) for one in quality.unmapped] == [(f"{LOCAL}|NT-X", 40)]
    assert quality.by_year["Observation.code"] == {"2024": 80}
    assert quality.with_known_time < 0.1


def test_a_map_that_cannot_be_read_stops_the_ingest_before_anything_is_stored(
    tmp_path: Path, source: Path, folder: Path
) -> None:
    """Half-understood data are worse than none."""
    (folder / "lab.json").write_text("{}")
    with pytest.raises(BadInput, match="ConceptMap"):
        ingest(source, tmp_path / "store", terminology=folder)
    assert not (tmp_path / "store").exists()
