"""Resources that others made: nothing raises, and what is read is what is there."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from services.timeline.events import COLUMNS, RETRACTED, EventBatch
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
    return accounted([json.dumps(resource).encode() for resource in resources])[0]


def accounted(lines: Iterable[bytes]) -> tuple[EventBatch, Counter[str], Counter[str]]:
    """The events of resources, and by type how many became facts and how many were counted as skipped, by reason."""
    batch = EventBatch()
    became: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for line in lines:
        begin, skipped = len(batch.cells), batch.skipped.total()
        flatten_json(line, batch)
        facts = any(field != RETRACTED for field in batch.cells[begin + COLUMNS.index("field") :: len(COLUMNS)])
        assert batch.skipped.total() - skipped == (0 if facts else 1)
        (became if facts else left_out)[_kind(line)] += 1
    by_type: Counter[str] = Counter()
    for reason, count in batch.skipped.items():
        by_type[reason.partition(": ")[0]] += count
    assert by_type == left_out
    return batch, became, left_out


class _Typed(msgspec.Struct, rename="camel"):
    resource_type: str


def _kind(line: bytes) -> str:
    return msgspec.json.decode(line, type=_Typed).resource_type


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
    assert fields["Encounter.class"] == fields["Encounter.location"] == 2
    assert fields["Appointment.serviceType"] == 6
    assert fields["Task.code"] == 5
    assert fields["AllergyIntolerance.code"] == 1  # one of STU3, whose statuses were not concepts yet
    assert not [reason for reason in total if reason.startswith(("broken", "not a", "unknown"))]


def bundles(shared: Path) -> Iterator[list[dict[str, Any]]]:
    """The resources of each of the eight Synthea bundles, of whatever type."""
    with tarfile.open(shared / "data" / "synthea" / "bundles.tar.xz") as archive:
        for member in archive.getmembers():
            if member.name.endswith(".json") and (file := archive.extractfile(member)) is not None:
                yield [entry["resource"] for entry in json.load(file)["entry"]]


def test_synthea_bundles_are_read_whole(shared: Path) -> None:
    """Transaction bundles: `urn:uuid:` references lead to the patient, every result is a fact of theirs."""
    seen = 0
    for listed in bundles(shared):
        seen += 1
        batch, became, left_out = accounted(json.dumps(resource).encode() for resource in listed)
        of_type = Counter(resource["resourceType"] for resource in listed)
        assert became + left_out == of_type
        assert set(left_out) <= {"Practitioner", "CareTeam", "CarePlan"}
        assert all(reason.endswith(": not read") for reason in batch.skipped)
        assert set(batch.losses) <= {"MedicationRequest: over, but no date says when"}

        timeline = assemble(batch)
        of_field = Counter(timeline.fields[place] for place in timeline.field)
        patient = next(resource["id"] for resource in listed if resource["resourceType"] == "Patient")
        assert timeline.patients == (patient,)
        for kind, field in ONE_EACH.items():
            assert of_field[field] == of_type[kind], field
        charged = [resource for resource in listed if resource["resourceType"] in ("Claim", "ExplanationOfBenefit")]
        items = of_field["Claim.item"] + of_field["ExplanationOfBenefit.item"]
        assert items == len({(r["id"], i["productOrService"]["coding"][0]["code"]) for r in charged for i in r["item"]})
        totals = (timeline.field == timeline.fields.index("Claim.total")) & (timeline.value > 0)
        assert {timeline.unit_words[place] for place in timeline.unit[totals]} == {"USD"}
    assert seen == 8


ONE_EACH = {
    "Observation": "Observation.code",
    "Encounter": "Encounter.class",
    "Condition": "Condition.code",
    "Procedure": "Procedure.code",
    "MedicationRequest": "MedicationRequest.medication",
    "Immunization": "Immunization.vaccineCode",
    "DiagnosticReport": "DiagnosticReport.code",
    "AllergyIntolerance": "AllergyIntolerance.code",
    "Claim": "Claim.total",
    "ExplanationOfBenefit": "ExplanationOfBenefit.total",
}
"""Types of which each resource gives one event of this field there."""


@pytest.fixture(scope="module")
def support2(shared: Path) -> tuple[EventBatch, Timeline]:
    """9,105 real stays, each resource accounted for by its type."""
    lines: list[bytes] = []
    with tarfile.open(shared / "data" / "support2" / "support2-fhir.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                lines.extend(file.read().splitlines())
    batch, became, left_out = accounted(lines)
    assert left_out == {}
    assert became == {
        "Patient": 9_105,
        "Encounter": 9_105,
        "Condition": 14_289,
        "Observation": 222_972,
        "ServiceRequest": 3_195,
        "ChargeItem": 22_780,
    }
    return batch, assemble(batch)


def test_support2_is_read_whole(support2: tuple[EventBatch, Timeline]) -> None:
    """Every resource is a fact, known when it happened or was issued."""
    batch, timeline = support2
    assert not batch.skipped
    assert not batch.losses
    of_field = Counter(timeline.fields[place] for place in timeline.field.tolist())
    assert len(timeline.patients) == 9_105
    assert of_field["Observation.code"] == 222_972
    assert of_field["Condition.code"] == of_field["Encounter.diagnosis"] == 14_289
    assert of_field["ServiceRequest.code"] == 3_195
    assert of_field["ChargeItem.code"] == 22_780
    assert (timeline.until == FOREVER).all()
    diagnoses = timeline.field == timeline.fields.index("Encounter.diagnosis")
    assert (timeline.codes[diagnoses] != 0).all()
    charges = timeline.field == timeline.fields.index("ChargeItem.code")
    assert {timeline.unit_words[place] for place in timeline.unit[charges]} == {"USD"}


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
