"""Every shipped guidance: without a fault, and its codes and override reasons those of the clinical content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.guidance.check import check_guidance, load_guidance
from services.guidance.checking.features import named_codes

LIBRARY = Path(__file__).resolve().parents[2] / "services/guidance/library"
IN_THE_CONTENT = {
    "readmission-30d": "1",
    "in-hospital-mortality": "2",
    "cardiovascular-prevention": "3",
    "diabetes-screening": "4",
}
"""Folder → the number under which the clinical content lists it."""
ADDED = {
    "readmission-30d": {"psychiatric-principal", "any-icd-10-pcs"},
    "in-hospital-mortality": set(),
    "cardiovascular-prevention": {"cvd-events"},
    "diabetes-screening": set(),
}
"""Value sets that its page says were added to the content's."""


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
    """Nothing is changed; what was added says where it comes from; nothing is there that nothing uses."""
    pack = json.loads((shared / "clinical/value_sets.json").read_bytes())["value_sets"]
    ours = json.loads((LIBRARY / name / "value_sets.json").read_bytes())["value_sets"]
    assert set(ours) - set(pack) == ADDED[name]
    assert all(ours[one] == pack[one] for one in ours if one not in ADDED[name])
    for one in ADDED[name]:
        sources = {concept["source"] for part in ours[one]["include"] for concept in part["concepts"]}
        assert all(source.startswith("clinical-content section") for source in sources)
    guidance = load_guidance(LIBRARY / name).definition
    assert {one for _, codes in named_codes(guidance) for one in (codes.value_set, *codes.value_sets) if one} == set(
        ours
    )


@pytest.mark.parametrize("name", IN_THE_CONTENT)
def test_its_resources_are_those_of_the_pack(name: str, shared: Path) -> None:
    """Byte for byte, three of them in each."""
    files = sorted((LIBRARY / name / "resources").iterdir())
    assert len(files) == 3
    for file in files:
        assert file.read_bytes() == (shared / "clinical/resources" / file.name).read_bytes()
