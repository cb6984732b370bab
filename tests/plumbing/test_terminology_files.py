"""A site's terminology as a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.plumbing.terminology_files import read_terminology, terminology_of
from services.timeline.errors import BadInput
from services.timeline.terminology import NOTHING

MAP = {
    "resourceType": "ConceptMap",
    "status": "active",
    "group": [
        {
            "source": "https://hospital.example/codes",
            "target": "http://loinc.org",
            "element": [{"code": "CREA", "target": [{"code": "2160-0", "equivalence": "equivalent"}]}],
        }
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One map in a folder of its own, and a table."""
    (tmp_path / "laboratory").mkdir()
    (tmp_path / "laboratory" / "map.json").write_text(json.dumps(MAP))
    (tmp_path / "ingredients.csv").write_text("product,ingredient\n200,1\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("[core]")
    return tmp_path


def test_maps_and_table_are_read_from_one_folder(folder: Path) -> None:
    """Folders within it, too; hidden files are left out."""
    found = read_terminology(folder)
    assert found.named("https://hospital.example/codes|CREA").startswith("http://loinc.org|2160-0")
    assert found.ingredients == {"200": ("1",), "1": ("1",)}


def test_a_worker_reads_what_its_parent_read_or_nothing(folder: Path) -> None:
    """A folder that changes under way would map one half of the data so and the other otherwise."""
    digest = read_terminology(folder).digest
    assert terminology_of(str(folder), digest).digest == digest
    assert terminology_of(str(folder), "") is NOTHING
    with pytest.raises(BadInput, match="changed while it was in use"):
        terminology_of(str(folder), "sha256:other")


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("laboratory/map.json", "{", "laboratory/map.json"),
        ("laboratory/map.json", '{"resourceType": "Patient"}', "laboratory/map.json"),
        ("ingredients.csv", "a,b\n", "ingredients.csv:1"),
        ("map.xml", "<ConceptMap/>", "map.xml"),
        ("drugs.csv", "product,ingredient\n1,2\n", "drugs.csv"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_file(folder: Path, name: str, content: str, place: str) -> None:
    """Nothing in the folder is quietly left out."""
    (folder / name).write_text(content)
    with pytest.raises(BadInput) as caught:
        read_terminology(folder)
    assert caught.value.place == place


def test_no_folder_or_an_empty_one_is_said(tmp_path: Path) -> None:
    """A misspelt path is not a site without maps."""
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadInput):
            read_terminology(place)
