"""`knowdo cds`: what a person types, and what comes back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cds.commands import app
from services.cds.settings import CdsSettings
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import environment, free_port, knowdo, served
from tests.cds.tea import bundle, haemoglobin, hook_request, patient

pytestmark = pytest.mark.anyio

runner = CliRunner()


async def test_serve_call_and_export(settings: CdsSettings, registry: FakeRegistry, tmp_path: Path) -> None:
    """A service is started, called as an EHR would, and its decision exported, each with one command."""
    async with run(settings, registry, client=registry.client()) as cds:
        keys = (await cds.http.get("/cds-services")).json()["services"][0]["prefetch"]
    found = {"Patient": patient(), "Observation": bundle(haemoglobin(8.5))}
    sent = {key: found.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}
    request = hook_request(sent)
    del request["hookInstance"]
    file, token = tmp_path / "call.json", tmp_path / "token"
    file.write_text(json.dumps(request))
    token.write_text("secret\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            knowdo("cds", *words), env=environment(tmp_path), capture_output=True, text=True, check=False
        )

    with served(tmp_path, port, KNOWDO_CDS_PUBLIC_URL=url, KNOWDO_CDS_EXPORT_TOKEN_FILE=str(token)):
        called = typed("call", str(file), "--url", url)
        refused = typed("decisions", "export", "--url", url)
        exported = typed("decisions", "export", "--url", url, "--token-file", str(token))
    assert called.returncode == 0, called.stderr
    assert "Risk of thirst" in called.stdout
    assert "[ Bring tea ]" in called.stdout
    assert "Evidence: http" in called.stdout
    assert refused.returncode != 0
    (line,) = [json.loads(text) for text in exported.stdout.splitlines()]
    assert (line["status"], line["guidance"]) == ("shown", "tea-time")


def test_a_call_without_a_service_says_how_to_start_one(tmp_path: Path) -> None:
    """One line with the remedy, no traceback."""
    file = tmp_path / "call.json"
    file.write_text("{}")
    words = knowdo("cds", "call", str(file), "--service", "x", "--url", f"http://127.0.0.1:{free_port()}")
    called = subprocess.run(words, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert called.returncode == 1
    assert "knowdo up" in called.stderr
    assert "Traceback" not in called.stderr


def test_every_command_shows_an_example() -> None:
    """Help says what it does and one line to copy."""
    for words in (
        ["serve"],
        ["call"],
        ["trust", "add"],
        ["trust", "remove"],
        ["trust", "list"],
        ["trust", "explain"],
        ["decisions", "export"],
    ):
        helped = runner.invoke(app, [*words, "--help"]).output
        assert "Example: " in helped, words
