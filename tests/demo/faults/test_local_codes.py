"""The site with its own codes hands over maps that translate all of them, and a table of ingredients."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path

import pytest

from services.demo.catalogue import DRUGS, LOINC, RXNORM, TESTS
from services.demo.faults.local_codes import FORMULARY, LABORATORY, TABLE, drug_codes, write_terminology
from services.plumbing.terminology_files import read_terminology


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The terminology folder of a hospital with faults."""
    folder = tmp_path_factory.mktemp("hospital") / "terminology"
    write_terminology(folder)
    return folder


def test_the_maps_are_valid_r4b(folder: Path) -> None:
    """fhir.resources accepts them."""
    model = importlib.import_module("fhir.resources.R4B.conceptmap").ConceptMap
    maps = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    assert len(maps) == 2
    for one in maps:
        model.model_validate(one)


def test_every_local_code_is_mapped_to_what_the_other_sites_send(folder: Path) -> None:
    """Each laboratory test has its LOINC code, each formulary drug its RxNorm ingredient."""
    targets = {}
    for path in folder.glob("*.json"):
        for group in json.loads(path.read_text(encoding="utf-8"))["group"]:
            for element in group["element"]:
                targets[group["source"], element["code"]] = (group["target"], element["target"][0]["code"])
    laboratory = {target for (source, _), target in targets.items() if source == LABORATORY}
    assert laboratory == {(LOINC, test.loinc) for test in TESTS.values() if not test.vital}
    local = {text for text in drug_codes(local=True).values() if FORMULARY in text}
    for text in local:
        code = json.loads(text)["coding"][0]["code"]
        assert targets[FORMULARY, code][0] == RXNORM
    assert len(local) == 4


def test_the_products_have_their_ingredients(folder: Path) -> None:
    """The RxNorm product that Riverside orders is in the table, with the ingredient that the others order."""
    with (folder / TABLE).open(encoding="utf-8", newline="") as table:
        contains = {row["product"]: row["ingredient"] for row in csv.DictReader(table)}
    ordered = json.loads(drug_codes(local=True)["atorvastatin"])["coding"][0]["code"]
    assert contains[ordered] == DRUGS["atorvastatin"][0]


def test_the_platform_reads_the_folder(folder: Path) -> None:
    """Learner and bedside take it as it is."""
    assert read_terminology(folder)
