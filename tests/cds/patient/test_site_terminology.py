"""A site that codes its laboratory in words of its own, from its folder of maps to the card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.cds.patient.facts import read_facts
from services.cds.settings import CdsSettings
from services.guidance.ready import open_release
from services.plumbing.terminology_files import read_terminology
from services.timeline.errors import BadInput
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.one_patient import Moment, patient_of
from services.timeline.terminology import NOTHING, mapped
from services.timeline.timeline import assemble
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import NOW, bundle, haemoglobin, hook_request, patient, tea_bundle

pytestmark = pytest.mark.anyio

LOCAL = "https://hospital.example/codes"


def local_haemoglobin(value: float) -> dict[str, Any]:
    """The laboratory's own code, and no other."""
    return haemoglobin(value) | {"code": {"coding": [{"system": LOCAL, "code": "HB"}]}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Maps in which HB is haemoglobin."""
    element = {"code": "HB", "target": [{"code": "718-7", "equivalence": "equivalent"}]}
    group = {"source": LOCAL, "target": "http://loinc.org", "element": [element]}
    maps = tmp_path / "terminology"
    maps.mkdir()
    (maps / "lab.json").write_text(json.dumps({"resourceType": "ConceptMap", "status": "active", "group": [group]}))
    return maps


async def test_a_local_code_is_asked_for_and_understood(
    settings: CdsSettings, registry: FakeRegistry, folder: Path
) -> None:
    """Discovery names it beside LOINC, and the decision keeps the value; the release is the same one."""
    site = settings.model_copy(update={"terminology": folder})
    async with run(site, registry, client=registry.client()) as cds:
        (service,) = {one["id"]: one for one in (await cds.http.get("/cds-services")).json()["services"]}.values()
        sent = {}
        for key, template in service["prefetch"].items():
            kind = template.partition("?")[0].partition("/")[0]
            if kind == "Observation":
                assert f"{LOCAL}|HB" in template
                assert "http://loinc.org|718-7" in template
            sent[key] = {"Patient": patient(), "Observation": bundle(local_haemoglobin(8.5))}.get(kind)
        assert (await cds.call(hook_request(sent))).status_code == 200
        (kept,) = cds.decisions()
    assert kept["features"]["hb"] == 8.5
    assert kept["release"] == tea_bundle().digest


async def test_a_folder_that_cannot_be_read_stops_the_start(
    settings: CdsSettings, registry: FakeRegistry, folder: Path
) -> None:
    """A service that does not understand its laboratory must not answer."""
    (folder / "lab.json").write_text("{}")
    with pytest.raises(BadInput):
        async with run(settings.model_copy(update={"terminology": folder}), registry, client=registry.client()):
            pass


def test_history_reads_the_same_feature_from_the_same_maps(folder: Path) -> None:
    """Columns mapped as at ingest, and the release opened with or without a site's maps."""
    terminology = read_terminology(folder)
    batch = EventBatch()
    for resource in (patient(), local_haemoglobin(8.5)):
        flatten_json(json.dumps(resource).encode(), batch)
    seen = {}
    for name, known in (("mapped", terminology), ("not mapped", NOTHING)):
        timeline = assemble(mapped(batch.columns(), known))
        facts = read_facts(open_release(tea_bundle()), patient_of(timeline, 0), Moment(at=NOW))
        seen[name] = facts.values["hb"]
    assert seen == {"mapped": 8.5, "not mapped": None}
