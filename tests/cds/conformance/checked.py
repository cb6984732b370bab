"""`knowdo cds check` against our own service in a process of its own, with its key and a FHIR server that it may ask."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.cds.callers.demo_issuer import ISSUER
from services.cds.conformance.report import Report
from services.cds.settings import CdsSettings
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import environment, free_port, knowdo, served


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the command said and wrote."""

    told: subprocess.CompletedProcess[str]
    page: str

    @property
    def report(self) -> Report:
        """The JSON report."""
        return msgspec.json.decode(self.told.stdout, type=Report)

    def found(self, *verdicts: str) -> dict[str, Any]:
        """Check → what it found or why it was not made, of those with these verdicts."""
        return {one.check: one.faults or one.reason for one in self.report.results if one.verdict in verdicts}


def checked(var: Path, registry: FakeRegistry) -> Checked:
    """Serve what the registry has deployed, from the folder `var`, and check it."""
    asyncio.run(_leave_releases(var, registry))
    port, fhir = free_port(), free_port()
    url, page = f"http://127.0.0.1:{port}", var / "report.html"
    words = ["cds", "check", url, "--jwk", str(var / "cds" / "demo-issuer.json"), "--iss", ISSUER]
    words += ["--fhir-port", str(fhir), "--report", str(page), "--json"]
    allowed = json.dumps([f"http://127.0.0.1:{fhir}"])
    with served(var, port, KNOWDO_CDS_PUBLIC_URL=url, KNOWDO_CDS_FHIR_SERVERS=allowed):
        told = subprocess.run(
            knowdo(*words), env=environment(var), capture_output=True, text=True, check=False, timeout=200
        )
    return Checked(told=told, page=page.read_text(encoding="utf-8") if page.exists() else "")


async def _leave_releases(var: Path, registry: FakeRegistry) -> None:
    """What an earlier process would have left on the disk: verified releases and their leases."""
    async with run(CdsSettings(var=var, demo=True), registry, client=registry.client()):
        pass
