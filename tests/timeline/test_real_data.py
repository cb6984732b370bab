"""Resources that others made: nothing raises, and what is read is what is there."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.resources import READ
from services.timeline.timeline import FOREVER, NAT, Timeline, assemble, index_rows
from tests.timeline.made import LOINC, at


def found_in(content: Any) -> Iterator[dict[str, Any]]:
    """Every resource anywhere inside, but for what is contained in another resource."""
    if isinstance(content, dict):
        if content.get("resourceType") in READ:
            yield content
            return
        for inner in content.values():
            yield from found_in(inner)
    elif isinstance(content, list):
        for inner in content:
            yield from found_in(inner)


def flattened(resources: list[dict[str, Any]]) -> EventBatch:
    """The events of resources."""
    batch = EventBatch()
    for resource in resources:
        flatten_json(json.dumps(resource).encode(), batch)
    return batch


def test_every_hook_request_of_others_can_be_read(shared: Path) -> None:
    """All collected requests: each resource gives events or a reason, none a surprise."""
    resources = 0
    total: Counter[str] = Counter()
    fields: Counter[str] = Counter()
    for path in sorted((shared / "data" / "cds-hooks").glob("*.json")):
        listed = list(found_in(json.loads(path.read_text())))
        batch = flattened(listed)
        timeline = assemble(batch, all_known=True)
        assert len(timeline) <= len(batch)
        resources += len(listed)
        total += batch.skipped
        fields.update(timeline.fields[place] for place in timeline.field)
    assert resources > 20
    assert total["MedicationRequest: status draft"] == 10
    assert fields["MedicationRequest.medication"] == 2  # the others are drafts, as hooks for orders send them
    assert fields["Patient.gender"] == 3
    assert fields["Encounter.class"] == 2
    assert not [reason for reason in total if reason.startswith(("broken", "not a", "unknown"))]


def test_synthea_bundles_are_read_whole(shared: Path) -> None:
    """Transaction bundles: `urn:uuid:` references lead to the patient, every result is a fact of theirs."""
    with tarfile.open(shared / "data" / "synthea" / "bundles.tar.xz") as archive:
        for member in archive.getmembers():
            if not member.name.endswith(".json"):
                continue
            file = archive.extractfile(member)
            assert file is not None
            listed = list(found_in(json.load(file)))
            batch = flattened(listed)
            timeline = assemble(batch)
            of_type = Counter(resource["resourceType"] for resource in listed)
            of_field = Counter(timeline.fields[place] for place in timeline.field)
            patient = next(resource["id"] for resource in listed if resource["resourceType"] == "Patient")
            assert timeline.patients == (patient,)
            assert of_field["Observation.code"] == of_type["Observation"]
            assert of_field["Encounter.class"] == of_type["Encounter"]
            assert of_field["Condition.code"] == of_type["Condition"]
            assert of_field["Procedure.code"] == of_type["Procedure"]
            assert of_field["MedicationRequest.medication"] == of_type["MedicationRequest"]
            # These ServiceRequests name nothing that was ordered; stopped orders do not say when.
            assert set(batch.skipped) <= {"ServiceRequest: no code", "MedicationRequest: over, but no date says when"}


@pytest.fixture(scope="module")
def support2(shared: Path) -> tuple[EventBatch, Timeline]:
    """9,105 real stays."""
    batch = EventBatch()
    with tarfile.open(shared / "data" / "support2" / "support2-fhir.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                for line in file.read().splitlines():
                    flatten_json(line, batch)
    return batch, assemble(batch)


def test_support2_is_read_whole(support2: tuple[EventBatch, Timeline]) -> None:
    """Every resource of a type that is read is a fact, known when it happened or was issued."""
    batch, timeline = support2
    assert batch.skipped == {"ChargeItem: not read": 22_780}
    of_field = Counter(timeline.fields[place] for place in timeline.field.tolist())
    assert len(timeline.patients) == 9_105
    assert of_field["Observation.code"] == 222_972
    assert of_field["Condition.code"] == of_field["Encounter.diagnosis"] == 14_289
    assert of_field["ServiceRequest.code"] == 3_195
    assert (timeline.until == FOREVER).all()
    diagnoses = timeline.field == timeline.fields.index("Encounter.diagnosis")
    assert (timeline.codes[diagnoses] != 0).all()


def test_support2_numbers_are_those_of_the_table(shared: Path, support2: tuple[EventBatch, Timeline]) -> None:
    """Creatinine, birth and death of each patient are to the last digit what the table says."""
    _, timeline = support2
    code = timeline.code_words.index(f"{LOINC}|2160-0")
    creatinine = {
        timeline.resource_words[timeline.resource[row]]: timeline.value[row]
        for row in np.flatnonzero(timeline.codes == code)
    }
    died = np.zeros(len(timeline), dtype=bool)
    died |= (
        timeline.code_words.index("http://terminology.hl7.org/CodeSystem/discharge-disposition|exp") == timeline.codes
    )
    assert died.sum() == 2_360
    with gzip.open(shared / "data" / "support2" / "support2.csv.gz") as file:
        table = list(csv.DictReader(io.TextIOWrapper(file), skipinitialspace=True))
    expected = {
        f"Observation/sup-e{row['sno']}-crea": float(row["crea"]) for row in table if row["crea"] not in ("", "NA")
    }
    assert creatinine == expected


def test_support2_stays_have_their_starts(support2: tuple[EventBatch, Timeline]) -> None:
    """Two days into each stay its start is known, and none of its endings."""
    _, timeline = support2
    stays = np.flatnonzero(timeline.field == timeline.fields.index("Encounter.class"))
    owner = np.repeat(np.arange(len(timeline.patients)), np.diff(timeline.starts))[stays]
    patients = [timeline.patients[place] for place in owner]
    encounters = [timeline.resource_words[place] for place in timeline.resource[stays]]
    index = timeline.time[stays] + 48 * 3600 * 1_000_000
    rows = index_rows(timeline, patients, index, encounters)
    assert (rows.start == timeline.time[stays]).all()
    assert (rows.patient == owner).all()
    assert (index_rows(timeline, patients, timeline.time[stays] - 1, encounters).start == NAT).all()
    assert at("1989-06-01") < rows.start.min() < rows.start.max() < at("1994-06-01")
