"""The expert's checklist points at what is there: every field in a real pack, every anchor in a real report, every gate."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from services.guidance.definition import PRIMARY, Guidance
from services.guidance.evidence import Evaluation
from services.guidance.transparency.checklist import ITEMS, Item
from services.learner.cohort import FlowStep
from services.learner.evidence.files import evidence_files
from services.learner.learn import Found
from services.learner.report.again import Asked
from services.learner.report.page import evidence_report
from services.plumbing.event_store import EventStore
from services.registry.decisions import gates, training_gate
from tests.learner.report import samples


@pytest.fixture(scope="module")
def whole(found: Found) -> Found:
    """With what a small ward has not."""
    assert found.looks is not None
    return replace(found, looks=samples.filled(found.looks))


@pytest.fixture(scope="module")
def pack(guidance: Guidance, evaluation: Evaluation, whole: Found, ward_store: EventStore) -> dict[str, Any]:
    """The files as they are read."""
    full = msgspec.structs.replace(evaluation, validations=samples.validations())
    files = evidence_files(
        evaluation=full, guidance=guidance, store=ward_store, found={PRIMARY: whole}, folds=3, seed=0
    )
    return {name: msgspec.json.decode(content) for name, content in files.items()}


@pytest.fixture(scope="module")
def anchors(guidance: Guidance, evaluation: Evaluation, whole: Found, steps: list[FlowStep]) -> set[str]:
    """The ids of the page."""
    html = evidence_report(
        guidance=guidance,
        evaluation=evaluation,
        found={PRIMARY: whole},
        flow=steps,
        store="sha256:b",
        asked=Asked(folds=3, seed=0),
    )
    return set(re.findall(r'id="([^"]+)"', html))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.tool} {item.item}")
def test_each_item_is_answered_where_it_says(item: Item, pack: dict[str, Any], anchors: set[str]) -> None:
    """The field exists and is not empty; the section exists."""
    for field in item.fields:
        file, _, path = field.partition(": ")
        here = pack[file]
        for name in path.split("."):
            assert name in here, f"{file} has no {path}"
            here = here[name]
        assert here is not None, f"{file}: {path} is empty"
    assert item.anchor in anchors


def test_each_gate_that_is_named_is_one() -> None:
    """By its name in the registry."""
    from pathlib import Path

    source = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (gates, training_gate))
    for item in ITEMS:
        assert not item.gate or f'"{item.gate}"' in source, item.gate
