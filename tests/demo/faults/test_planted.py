"""Planted faults are as large as the page says, and touch nothing else."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from services.demo.facts import PatientRecord
from services.demo.faults.local_codes import FORMULARY, LABORATORY
from services.demo.faults.planted import (
    MISLABELLED,
    MONTH,
    OVERREAD_BY,
    OVERREAD_GROUP,
    UNDERTESTED_LANGUAGE,
    UNDERTESTED_SHARE,
    UNDERTESTED_SITE,
)
from services.demo.hospital import Hospital
from services.demo.resources import Shapes

Both = list[tuple[PatientRecord, dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="module")
def both(hospital: Hospital, records: list[PatientRecord]) -> Both:
    """(record, its Observations without faults, with faults), by id, of 700 patients."""
    return [
        (
            record,
            _observations(Shapes(record), hospital.until),
            _observations(Shapes(replace(record, faults=True)), hospital.until),
        )
        for record in records[:700]
    ]


def _observations(shapes: Shapes, at: int) -> dict[str, Any]:
    results = shapes.record.results
    wanted = ("creatinine", "hb", "albumin", "saturation")
    kept = [r for r in results if r.test in wanted and r.taken <= at]
    shown = {kind_text[1] for kind_text in shapes.everything(at, versions=False) if kind_text[0] == "Observation"}
    decoded = (json.loads(text) for text in shown)
    ids = {r.id for r in kept}
    return {one["id"]: one for one in decoded if one["id"] in ids}


def test_units_are_mislabelled_at_one_site_for_some_months(both: Both) -> None:
    """The share, factor and months of each mislabelled test are those of the table; other results keep their values."""
    for fault in MISLABELLED:
        touched: Counter[bool] = Counter()
        for record, plain, faulty in both:
            for result in record.results:
                if result.test != fault.test or result.id not in faulty:
                    continue
                value, wrong = (one[result.id]["valueQuantity"]["value"] for one in (plain, faulty))
                inside = result.site == fault.site and (
                    fault.from_month * MONTH <= result.taken - record.registered < fault.until_month * MONTH
                )
                if not inside:
                    assert value == wrong
                elif plain[result.id]["valueQuantity"]["unit"] == faulty[result.id]["valueQuantity"]["unit"]:
                    changed = value != wrong
                    touched[changed] += 1
                    if changed:
                        assert wrong == pytest.approx(value * fault.factor, rel=0.03)
        assert touched.total() > 40
        assert abs(touched[True] / touched.total() - fault.share) < 0.15


def test_pulse_oximetry_overreads_in_one_group(both: Both) -> None:
    """By 2.5 points, up to 100, in one group; in nobody else."""
    seen = 0
    for record, plain, faulty in both:
        by = OVERREAD_BY if record.person.race[0] == OVERREAD_GROUP else 0.0
        for result in record.results:
            if result.test == "saturation" and result.id in plain:
                value, read = (one[result.id]["valueQuantity"]["value"] for one in (plain, faulty))
                seen += by > 0
                assert abs(read - min(value + by, 100)) <= 0.5
    assert seen > 200


def test_albumin_is_undertested_in_one_language_group_at_one_site(both: Both) -> None:
    """Seven of ten albumin results of Spanish speakers at St Vera were never asked for; all others are there."""
    there = gone = 0
    for record, plain, faulty in both:
        for result in record.results:
            if result.test != "albumin" or result.id not in plain:
                continue
            if result.site == UNDERTESTED_SITE and record.person.language[0] == UNDERTESTED_LANGUAGE:
                there += result.id in faulty
                gone += result.id not in faulty
            else:
                assert result.id in faulty
    assert there + gone > 8
    assert abs(gone / (there + gone) - UNDERTESTED_SHARE) < 0.35


def test_one_site_sends_its_own_codes_only(both: Both, hospital: Hospital) -> None:
    """Every laboratory result of Riverside has one coding, of its own system; part of its orders too."""
    systems: Counter[str] = Counter()
    for record, _, _ in both[:300]:
        if record.person.site != 3:
            continue
        for kind, text in Shapes(replace(record, faults=True)).everything(hospital.until, versions=False):
            resource = json.loads(text)
            if kind == "MedicationRequest":
                systems[resource["medicationCodeableConcept"]["coding"][0]["system"]] += 1
            elif kind == "Observation" and "laboratory" in json.dumps(resource["category"]):
                codings = resource["code"]["coding"]
                elsewhere = next(r for r in record.results if r.id == resource["id"]).site != 3
                assert len(codings) == 1
                assert elsewhere or codings[0]["system"] == LABORATORY
    assert systems[FORMULARY] > 0
    assert len(systems) == 2
