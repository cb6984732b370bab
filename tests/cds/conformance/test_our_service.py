"""`knowdo cds check` on the service itself, as a process of its own, with its key and a FHIR server that it may ask."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.cds.callers.demo_issuer import ISSUER
from services.cds.conformance.report import Report
from services.cds.settings import CdsSettings
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import environment, free_port, knowdo, served
from tests.cds.tea import tea_bundle

PLAIN_HTTP = {"https_is_spoken", "old_tls_is_refused"}


async def leave_a_release(var: Path) -> None:
    """What an earlier process would have left on the disk: a verified release and its lease."""
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    async with run(CdsSettings(var=var, demo=True), registry, client=registry.client()):
        pass


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """What the command said, and the folder with both reports."""
    var = tmp_path_factory.mktemp("checked")
    asyncio.run(leave_a_release(var))
    port, fhir = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    words = ["cds", "check", url, "--jwk", str(var / "cds" / "demo-issuer.json"), "--iss", ISSUER]
    words += ["--fhir-port", str(fhir)]
    allowed = json.dumps([f"http://127.0.0.1:{fhir}"])
    words += ["--report", str(var / "report.html"), "--json"]
    with served(var, port, KNOWDO_CDS_PUBLIC_URL=url, KNOWDO_CDS_FHIR_SERVERS=allowed):
        told = subprocess.run(
            knowdo(*words), env=environment(var), capture_output=True, text=True, check=False, timeout=120
        )
    (var / "report.json").write_text(told.stdout)
    return told, var


@pytest.fixture(scope="module")
def report(checked: tuple[subprocess.CompletedProcess[str], Path]) -> Report:
    """The JSON report."""
    return msgspec.json.decode((checked[1] / "report.json").read_bytes(), type=Report)


def told_of(report: Report, *verdicts: str) -> dict[str, Any]:
    """Check → what it found or why it was not made, of those with these verdicts."""
    return {one.check: one.faults or one.reason for one in report.results if one.verdict in verdicts}


def test_the_service_keeps_every_shall(checked: tuple[subprocess.CompletedProcess[str], Path], report: Report) -> None:
    """No check finds a SHALL that is not kept; the command ends with 0 and says so."""
    assert told_of(report, "fail") == {}
    assert report.passed
    assert checked[0].returncode == 0, checked[0].stdout + checked[0].stderr
    assert report.services == ["tea-time (patient-view)", "tea-time (encounter-discharge)"]


def test_the_service_keeps_every_should(report: Report) -> None:
    """No check warns."""
    assert told_of(report, "warn") == {}


def test_nothing_is_skipped_but_tls(report: Report) -> None:
    """Cards are seen, the FHIR server is asked, discovery has an ETag: all but TLS, which a proxy brings, can be looked at."""
    assert set(told_of(report, "skipped")) == PLAIN_HTTP, told_of(report, "skipped")


def test_no_secret_is_in_the_reports(checked: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """Neither an access token nor the signature of a token."""
    for name in ("report.json", "report.html"):
        text = (checked[1] / name).read_text()
        assert "check-access-token" not in text
        assert "(blanked)" in text
        assert "Bearer ey" not in text
