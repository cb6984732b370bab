"""The sheet: what an integrator types in by hand, as a running service has it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from services.cds.clients.profile import read_profiles
from services.cds.clients.sheet import sheet_of, show_sheet
from services.cds.commands import app
from services.cds.settings import CdsSettings
from services.timeline.errors import BadInput
from tests.cds.clients.ehr import tea_with, trusting
from tests.cds.conftest import URL, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import free_port, served

pytestmark = pytest.mark.anyio
PROFILES = read_profiles()
SMART = {
    "label": "Tea planner", "url": "https://app.example/launch", "type": "smart",
    "app_context": '{"risk": "{{ risk_percent }}", "hb": "{{ hb }}"}', "autolaunchable": True,
}  # fmt: skip


async def discovered(room: Path) -> dict[str, Any]:
    """The discovery of a service with the tea guidance and an app on its card."""

    def with_app(guidance: dict[str, Any]) -> None:
        guidance["cards"]["tea"]["links"].append(SMART)

    async with trusting("epic", room, tea_with(room, with_app)) as cds:
        found: dict[str, Any] = (await cds.http.get("/cds-services")).json()
        return found


async def test_epics_sheet_holds_all_that_is_typed_in(tmp_path: Path) -> None:
    """Endpoint, feedback, audiences, prefetch, topic, override reasons, the app to register; trigger for the discharge."""
    discovery = await discovered(tmp_path)
    sheet = sheet_of(PROFILES.named("epic"), discovery, base="http://inside:8000")
    view, discharge = sheet["services"]
    assert view["hook"] == "patient-view"
    assert "trigger" not in view
    assert discharge["hook"] == "patient-view"
    assert discharge["trigger"] == "IP Discharge OPA section (27), heard as encounter-discharge"
    # The public address, not the one that the sheet was asked from: it must fit the token's audience letter by letter.
    assert view["endpoint"] == f"{URL}/cds-services/tea-time"
    assert view["feedback"] == f"{URL}/cds-services/tea-time/feedback"
    assert view["audiences"] == [view["endpoint"], f"{URL}/cds-services", URL]
    assert view["prefetch"] == discovery["services"][0]["prefetch"]
    assert view["required"] == ["patient"]
    assert view["topic"]["code"] == "teatime"
    assert [reason["code"] for reason in view["overrideReasons"]] == ["limited-time"]
    assert [(link["url"], link["register"]) for link in view["links"][1:]] == [
        ("https://example.org/tea", False),
        ("https://app.example/launch", True),
    ]
    assert "FHIR base" in sheet["trust"]["issuer"]
    assert "description" in sheet["visibleWords"]
    assert sheet["notReached"] == []


async def test_renamed_keys_stand_in_the_sheet(tmp_path: Path) -> None:
    """The site's own names, also among the required."""
    (tmp_path / "epic.yaml").write_text("extends: epic\nprefetch: {keys: {patient: patientDemographics}}\n")
    epic = read_profiles(tmp_path).named("epic")
    (view, _) = sheet_of(epic, await discovered(tmp_path), base=URL)["services"]
    assert "patient" not in view["prefetch"]
    assert view["required"] == ["patientDemographics"]


async def test_two_services_with_one_code_at_a_client_are_warned_of(tmp_path: Path) -> None:
    """Letters and digits alone may make two topics one."""
    discovery = await discovered(tmp_path)
    entry = discovery["services"][0]
    twin = json.loads(json.dumps(entry).replace("tea-time", "teatime"))
    sheet = sheet_of(PROFILES.named("epic"), {"services": [entry, twin]}, base=URL)
    assert any("topic code teatime" in warning for warning in sheet["warnings"])
    sandbox = sheet_of(PROFILES.named("sandbox"), discovery, base=URL)
    assert any("stands for 2 hooks" in warning for warning in sandbox["warnings"])


async def test_the_printed_sheet_says_the_same(tmp_path: Path) -> None:
    """For a person with two windows; addresses are on one line."""
    written = io.StringIO()
    sheet = sheet_of(PROFILES.named("epic"), await discovered(tmp_path), base=URL)
    show_sheet(sheet, console=Console(file=written, width=80))
    text = written.getvalue()
    for service in sheet["services"]:
        assert f"endpoint: {service['endpoint']}\n" in text
        assert all(query in text for query in service["prefetch"].values())
    assert "register it: https://app.example/launch" in text
    assert "preference list" in text


def test_a_service_of_others_has_a_sheet_too() -> None:
    """Without our extension: endpoint, keys and queries are there all the same."""
    example = {
        "services": [{"hook": "patient-view", "id": "x", "description": "y", "prefetch": {"patient": "Patient/1"}}]
    }
    (service,) = sheet_of(PROFILES.named("epic"), example, base="https://other.example")["services"]
    assert service["endpoint"] == "https://other.example/cds-services/x"
    assert service["prefetch"] == {"patient": "Patient/1"}


async def test_the_command_asks_the_running_service(settings: CdsSettings, registry: FakeRegistry) -> None:
    """`knowdo cds sheet --client epic --json`, with the addresses of the service that answers."""
    async with run(settings, registry, client=registry.client()):
        pass
    port = free_port()
    with served(settings.var, port, KNOWDO_CDS_PUBLIC_URL="https://cds.hospital.example"):
        words = ["sheet", "--client", "epic", "--url", f"http://127.0.0.1:{port}"]
        told = CliRunner().invoke(app, [*words, "--json"])
        printed = CliRunner().invoke(app, words)
    assert told.exit_code == printed.exit_code == 0, told.output
    assert json.loads(told.stdout)["services"][0]["endpoint"] == "https://cds.hospital.example/cds-services/tea-time"
    assert "teatime" in printed.stdout


def test_the_command_says_what_is_wrong() -> None:
    """No service, no such client."""
    told = CliRunner().invoke(app, ["sheet", "--client", "epic", "--url", f"http://127.0.0.1:{free_port()}"])
    assert told.exit_code != 0
    assert "no discovery" in str(told.exception)
    told = CliRunner().invoke(app, ["sheet", "--client", "nobody"])
    assert isinstance(told.exception, BadInput)
