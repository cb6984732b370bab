"""Every shipped guidance: without a fault, and its codes and override reasons those of the clinical content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.guidance.check import check_guidance, load_guidance
from services.guidance.checking.features import named_codes

LIBRARY = Path(__file__).resolve().parents[2] / "services/guidance/library"
IN_THE_CONTENT = {
    "readmission-30d": "1",
    "in-hospital-mortality": "2",
    "cardiovascular-prevention": "3",
    "diabetes-screening": "4",
    "nephrotoxin-aki": "5",
}
"""Folder → the number under which the clinical content lists it."""
ADDED = {
    "readmission-30d": {"psychiatric-principal", "any-icd-10-pcs"},
    "in-hospital-mortality": set(),
    "cardiovascular-prevention": {"cvd-events"},
    "diabetes-screening": set(),
    "nephrotoxin-aki": {"local-routes", "acetaminophen"},
}
"""Value sets that its page says were added to the content's."""


ADDED_RESOURCES = {"nephrotoxin-aki": {"aki-creatinine-now-servicerequest.json"}}
"""Resources that its page says were added to the content's."""
NAMED_SOURCES = ("clinical-content section", "HL7 FHIR R4", "public source excerpts")


def test_every_shipped_guidance_is_looked_at_here() -> None:
    """A new folder must be named above."""
    assert {folder.name for folder in LIBRARY.iterdir()} == set(IN_THE_CONTENT)


@pytest.mark.parametrize("name", IN_THE_CONTENT)
def test_it_has_no_fault(name: str) -> None:
    """Every check that a committee's guidance must pass."""
    assert check_guidance(LIBRARY / name) == []


@pytest.mark.parametrize("name", IN_THE_CONTENT)
def test_override_reasons_are_those_of_the_content(name: str, shared: Path) -> None:
    """Those for all guidance, and those for this one, in the content's order."""
    text = (shared / "clinical/clinical-content.md").read_text(encoding="utf-8")
    table = text.split("### Override reasons")[1].split("## 2.")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]
    wanted = [code for code, _, who in rows if who == "all" or IN_THE_CONTENT[name] in who.split(", ")]
    assert [reason.code for reason in load_guidance(LIBRARY / name).definition.override_reasons] == wanted


@pytest.mark.parametrize("name", IN_THE_CONTENT)
def test_its_value_sets_are_those_of_the_pack_word_for_word(name: str, shared: Path) -> None:
    """Nothing is changed but that unverified codes are left out; what was added says whence; nothing is there unused."""
    pack = json.loads((shared / "clinical/value_sets.json").read_bytes())["value_sets"]
    ours = json.loads((LIBRARY / name / "value_sets.json").read_bytes())["value_sets"]
    assert set(ours) - set(pack) == ADDED[name]
    assert all(ours[one] == verified(pack[one]) for one in ours if one not in ADDED[name])
    for one in ADDED[name]:
        sources = {concept["source"] for part in ours[one]["include"] for concept in part["concepts"]}
        assert all(source.startswith(NAMED_SOURCES) for source in sources)
    guidance = load_guidance(LIBRARY / name).definition
    assert {one for _, codes in named_codes(guidance) for one in (codes.value_set, *codes.value_sets) if one} == set(
        ours
    )


@pytest.mark.parametrize("name", IN_THE_CONTENT)
def test_its_resources_are_those_of_the_pack(name: str, shared: Path) -> None:
    """Byte for byte, three of them in each, beside those that were added."""
    added = ADDED_RESOURCES.get(name, set())
    files = sorted((LIBRARY / name / "resources").iterdir())
    assert len(files) == 3 + len(added)
    for file in files:
        if file.name in added:
            continue
        assert file.read_bytes() == (shared / "clinical/resources" / file.name).read_bytes()


def verified(value_set: dict[str, Any]) -> dict[str, Any]:
    """The set without the codes that the pack says are not verified: they may not ship without a look-up."""
    include = [
        part | {"concepts": [one for one in part["concepts"] if one.get("verified", True)]}
        for part in value_set["include"]
    ]
    return value_set | {"include": include}
