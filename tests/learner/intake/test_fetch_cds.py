"""The CDS service's own export of decisions and feedback, over the same client as any hospital's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from services.cds.decisions.records import Entry
from services.cds.settings import CdsSettings
from services.learner.intake.fetch import ALL, Account, Question, fetch
from services.plumbing.bulk_export import Wanted
from services.plumbing.steady_http import Server
from tests.cds.conftest import URL, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.records import decision, feedback
from tests.cds.serving import free_port, served
from tests.cds.tea import tea_bundle


async def with_decisions(var: Path) -> str:
    """A service that was called once and told once; the id of its decision."""
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    settings = CdsSettings(var=var, demo=True, public_url=URL, export_token="export-me")
    async with run(settings, registry, client=registry.client()) as cds:
        kept = decision()
        cds.log.write([Entry(decision=kept), feedback(card_uuid=kept.card_uuid)])
    return kept.decision


def test_decisions_and_feedback_come_by_the_same_way(tmp_path: Path) -> None:
    """A service in a process of its own; the files are kept as they came, and the next run asks for what is new."""
    kept = asyncio.run(with_decisions(tmp_path / "var"))
    (tmp_path / "token").write_text("export-me")
    url = f"http://127.0.0.1:{(port := free_port())}"
    more = {"KNOWDO_CDS_EXPORT_TOKEN": "export-me", "KNOWDO_CDS_PUBLIC_URL": url}
    with served(tmp_path / "var", port, **more):
        reports = [
            fetch(
                Question(server=Server.of(f"{url}/fhir"), wanted=Wanted(types=(ALL,))),
                Account(token_file=tmp_path / "token"),
                tmp_path / "store",
                keep=tmp_path / "kept",
                quality=False,
            )
            for _ in range(2)
        ]
    first, second = reports
    assert first.ingest.complete
    assert {one.reason for one in first.ingest.skipped} >= {"RiskAssessment: not read", "Parameters: not read"}
    assert second.since == first.until
    lines = [json.loads(line) for file in (tmp_path / "kept").rglob("*.ndjson") for line in file.open()]
    assert kept in {one["id"] for one in lines if one["resourceType"] == "RiskAssessment"}
    assert "Parameters" in {one["resourceType"] for one in lines}
