"""Every resource is valid FHIR R4, and every code stands in the value sets or the clinical content."""

from __future__ import annotations

import importlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from services.demo.catalogue import ICD10CM, LOINC, RXNORM, SNOMED
from services.demo.facts import PatientRecord
from services.demo.hospital import TYPES, Hospital
from services.demo.paperwork.places import places
from services.demo.resources import Shapes

PSYCHIATRIC = "F33"  # F20-F39, excluded by range in the clinical content


@pytest.fixture(scope="module")
def resources(hospital: Hospital, records: list[PatientRecord]) -> dict[str, list[dict[str, Any]]]:
    """Every resource of half of the patients, all versions, by type: as many as the whole hospital had resources once."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records[: len(records) // 2]:
        for kind, text in Shapes(record).everything(hospital.until, versions=True):
            found[kind].append(json.loads(text))
    for kind, text in places(hospital.begins):
        found[kind].append(json.loads(text))
    return found


def test_a_sample_of_every_type_is_valid_r4b(resources: dict[str, list[dict[str, Any]]]) -> None:
    """fhir.resources accepts 80 of every type (all of the rare ones' statuses among them)."""
    assert set(resources) == set(TYPES)
    for kind, found in resources.items():
        model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        by_status = defaultdict(list)
        for resource in found:
            by_status[json.dumps([resource.get("status"), resource.get("verificationStatus")])].append(resource)
        for group in by_status.values():
            for resource in group[:: max(1, len(group) // 80)][:80]:
                model.model_validate(resource)


def test_every_code_stands_in_the_value_sets(resources: dict[str, list[dict[str, Any]]], shared: Path) -> None:
    """No LOINC, SNOMED CT, RxNorm or ICD-10-CM code is of our own invention."""
    exact: set[tuple[str, str]] = set()
    prefixes: list[tuple[str, str]] = []
    sets = json.loads((shared / "clinical" / "value_sets.json").read_text(encoding="utf-8"))["value_sets"]
    for value_set in sets.values():
        for include in value_set["include"]:
            for concept in include["concepts"]:
                exact.add((include["system"], concept["code"]))
                if concept.get("match") == "prefix":
                    prefixes.append((include["system"], concept["code"].replace(".", "")))
    used = {
        (coding["system"], coding["code"])
        for found in resources.values()
        for resource in found
        for coding in _codings(resource)
        if coding["system"] in (LOINC, SNOMED, RXNORM, ICD10CM)
    }
    strange = {
        (system, code)
        for system, code in used - exact
        if not any(system == s and code.replace(".", "").startswith(p) for s, p in prefixes)
        and not code.startswith(PSYCHIATRIC)
    }
    assert len(used) > 60
    assert strange == set()


def test_second_versions_are_later_and_say_what_changed(resources: dict[str, list[dict[str, Any]]]) -> None:
    """A corrected result has two versions: the first final, the second corrected or entered in error, and later."""
    versions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in resources["Observation"]:
        versions[result["id"]].append(result)
    twice = [pair for pair in versions.values() if len(pair) > 1]
    laboratory = [pair for pair in versions.values() if "laboratory" in json.dumps(pair[0]["category"])]
    assert len(twice) / len(laboratory) > 0.01
    for first, second in twice:
        assert (first["meta"]["versionId"], second["meta"]["versionId"]) == ("1", "2")
        assert first["meta"]["lastUpdated"] < second["meta"]["lastUpdated"]
        assert first["status"] == "final"
        assert second["status"] in ("corrected", "entered-in-error")
    assert {pair[1]["status"] for pair in twice} == {"corrected", "entered-in-error"}


def test_results_come_late(resources: dict[str, list[dict[str, Any]]]) -> None:
    """Laboratory results are issued hours, some of them days, after the specimen was taken."""
    late = [r for r in resources["Observation"] if "issued" in r and r["issued"][:10] > r["effectiveDateTime"][:10]]
    assert len(late) > 100


def test_every_audience_is_there(resources: dict[str, list[dict[str, Any]]]) -> None:
    """Sites, races, ethnicities and languages are all represented, for audits by group."""
    patients = resources["Patient"]
    assert {p["communication"][0]["language"]["coding"][0]["code"] for p in patients} == {"en", "es", "zh", "vi"}
    assert len({p["extension"][0]["extension"][-1]["valueString"] for p in patients}) == 5
    assert len({p["extension"][1]["extension"][-1]["valueString"] for p in patients}) == 2
    assert len({e["serviceProvider"]["reference"] for e in resources["Encounter"]}) == 4


def _codings(node: Any) -> list[dict[str, str]]:  # any JSON
    if isinstance(node, list):
        return [coding for item in node for coding in _codings(item)]
    if isinstance(node, dict):
        here = [node] if {"system", "code"} <= node.keys() else []
        return here + [coding for value in node.values() for coding in _codings(value)]
    return []
