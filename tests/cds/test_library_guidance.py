"""The shipped guidance through the whole service, with the prefetch that discovery asks for."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.release import build_release
from services.timeline.codes import ValueSets
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import NOW
from tests.load.hospital_call import LIBRARY, body, model_of

pytestmark = pytest.mark.anyio

REFERENCE = {"name": "made-up stays", "base_rate": 0.12, "n": 1000, "events": 120, "inputs": {}}


async def test_readmission_30d_gives_a_card_on_both_its_hooks(settings: CdsSettings) -> None:
    """At the discharge, and when a chart is opened with the way out recorded; scores, reasons and suggestions are there."""
    loaded = load_guidance(LIBRARY)
    value_sets = ValueSets.from_mapping(json.loads(loaded.files["value_sets.json"]), place="value_sets.json")
    registry = FakeRegistry()
    registry.deploy(build_release(loaded, model_of(loaded.definition), REFERENCE))
    now = datetime.fromtimestamp(NOW / 1e6, UTC)
    async with run(settings, registry, client=registry.client()) as cds:
        for number, hook in enumerate(("encounter-discharge", "patient-view")):
            request = json.loads(body(loaded.definition, value_sets, number, now)) | {"hook": hook}
            answer = await cds.call(request, "readmission-30d")
            assert answer.status_code == 200, answer.text
            (card,) = answer.json()["cards"]
            assert card["summary"].startswith("30-day readmission risk")
            assert "HOSPITAL (2016)" in card["detail"]
            assert "from Observation/o" in card["detail"].replace("\\", "")
            assert [one["label"] for one in card["suggestions"]] == [
                "Book follow-up within 7 days",
                "Reconcile medicines",
            ]
            assert len(card["overrideReasons"]) == len(loaded.definition.override_reasons)
        assert [row["status"] for row in cds.decisions()] == ["shown", "shown"]
        required = {"hook": "encounter-discharge", "hookInstance": "i", "context": request["context"]}
        assert (await cds.call(required, "readmission-30d")).status_code == 412
