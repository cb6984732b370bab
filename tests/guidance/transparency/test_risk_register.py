"""Tests of the risk register: eight characteristics, no dangling control, and one list of hazards for all who watch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from services.guidance.check import load_guidance
from services.guidance.checking.transparency import read_transparency
from services.guidance.transparency.controls import TESTS, why_dangling
from services.guidance.transparency.hazards import hazards_of, monitors_of
from services.guidance.transparency.readings import Facts
from services.guidance.transparency.risk_register import register_check, register_of
from tests.guidance import small_guidance
from tests.guidance.transparency.made_up import RELEASE, facts

PROJECT = Path(__file__).resolve().parents[3]
FOLDERS = [
    *sorted((PROJECT / "services/guidance/library").iterdir()),
    *sorted((PROJECT / "infra/demo").glob("*/")),
]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_shipped_guidance_has_a_whole_register(folder: Path) -> None:
    """All eight characteristics, and something behind every control."""
    loaded = load_guidance(folder)
    disclosed = read_transparency(loaded.files)
    assert disclosed is not None
    check = register_check(Facts(guidance=loaded.definition, release=RELEASE, disclosed=disclosed))
    assert check.verdict == "meets", check.found


@pytest.mark.parametrize("name", TESTS)
def test_every_test_that_a_control_may_name_is_there(name: str) -> None:
    """A control that names a test of ours names one that runs."""
    path, _, function = name.partition("::")
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_a_missing_characteristic_does_not_meet() -> None:
    """Nobody may pass over one of the eight."""
    text = small_guidance.TRANSPARENCY.replace("characteristic: privacy", "characteristic: security")
    check = register_check(facts(transparency=text))
    assert (check.verdict, check.found) == ("does not meet", "nothing on privacy")


def test_a_dangling_control_does_not_meet() -> None:
    """A control that names no monitor of this guidance, or no shipped test, opens no gate."""
    known = facts()
    assert why_dangling("monitor:cards-per-hour", known.guidance)  # it declares no circuit breaker
    assert why_dangling("tests/guidance/test_check.py::test_of_nothing", known.guidance)
    broken = known.disclosed.model_copy(
        update={
            "risks": tuple(one.model_copy(update={"proven_by": ("monitor:nothing",)}) for one in known.disclosed.risks)
        }
    )
    check = register_check(Facts(guidance=known.guidance, release=RELEASE, disclosed=broken))
    assert check.verdict == "does not meet"
    assert check.numbers["dangling"] == 8


def test_monitors_are_the_hazards_of_the_report() -> None:
    """The same object: what the report shows is what a control names and a monitor watches."""
    guidance = facts().guidance
    assert tuple(monitors_of(guidance).values()) == hazards_of(guidance)
    assert register_of(facts()).monitors == hazards_of(guidance)
