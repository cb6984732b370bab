"""A service that trusts one EHR of a given profile, and what that EHR sends."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.release import ReleaseBundle, build_release
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import FOLDER, MODEL, REFERENCE, bundle, haemoglobin, hook_request, patient

ISS = "https://fhir.hospital.example/api/FHIR/R4"


@asynccontextmanager
async def trusting(
    profile: str, room: Path, release: ReleaseBundle, *, profiles: Path | None = None
) -> AsyncIterator[Running]:
    """The service; its `ehr` is the one that it trusts, with that profile."""
    registry = FakeRegistry()
    registry.deploy(release)
    DemoIssuer.load_or_create(room / "cds" / "demo-issuer.json")
    ehr = DemoIssuer.load(room / "cds" / "demo-issuer.json", iss=ISS)
    trusted = room / "trusted.json"
    trusted.write_text(json.dumps([{"iss": ISS, "jwks": ehr.jwks(), "profile": profile}]))
    settings = CdsSettings(var=room, public_url=URL, trusted_issuers_file=trusted, client_profiles=profiles)
    async with run(settings, registry, client=registry.client(), keys=registry.keys()) as cds:
        cds.ehr = ehr
        yield cds


def tea_with(room: Path, change: Callable[[dict[str, Any]], None]) -> ReleaseBundle:
    """The tea guidance, changed, as a release."""
    folder = shutil.copytree(FOLDER, room / "tea-time")
    guidance = yaml.safe_load((folder / "guidance.yaml").read_text())
    change(guidance)
    (folder / "guidance.yaml").write_text(yaml.safe_dump(guidance, sort_keys=False))
    return build_release(load_guidance(folder), json.dumps(MODEL).encode(), REFERENCE)


async def thirsty(cds: Running, **more: Any) -> dict[str, Any]:
    """A call about a patient far above the limit, with all that discovery asks for."""
    services = (await cds.http.get("/cds-services")).json()["services"]
    found = {"Patient": patient(), "Observation": bundle(haemoglobin(8.5))}
    sent = {key: found.get(query.partition("?")[0].partition("/")[0]) for key, query in services[0]["prefetch"].items()}
    return hook_request(sent, **more)


async def card_of(answer: httpx.Response) -> dict[str, Any]:
    """The only card of an answer."""
    assert answer.status_code == 200, answer.text
    (card,) = answer.json()["cards"]
    assert isinstance(card, dict)
    return card
