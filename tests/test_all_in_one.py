"""The three apps in one process: one door, authentication on, secrets that are theirs alone, and MLflow's pages beside."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest

from services.all_in_one import Platform, mlflow_ui_beside, open_platform

pytestmark = pytest.mark.anyio


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform that has nothing yet, as `knowdo up` starts it: not in demo mode."""
    async with open_platform(var=tmp_path / "var", demo=False) as running:
        yield running


async def test_discovery_of_a_new_platform_is_empty(platform: Platform) -> None:
    """Nothing is approved, so nothing is offered; the answer is CDS Hooks all the same."""
    answer = await platform.http.get("/cds-services")
    assert answer.status_code == 200
    assert answer.json() == {"services": []}


async def test_the_bedside_hears_the_registry(platform: Platform) -> None:
    """CDS reaches the registry through the one app, with the keys it was handed, and says so when asked."""
    with anyio.fail_after(20):
        while True:
            answer = await platform.http.get("/readyz")
            if str(answer.json()["registry"]).startswith("heard"):
                break
            await anyio.sleep(0.05)
    assert answer.status_code == 200
    assert answer.json()["registry keys"] is True


async def test_the_registry_and_the_learner_answer_under_their_names(platform: Platform) -> None:
    """`/registry` leads to the pages at `/registry/`; the learner is at `/learner`, with no runs yet."""
    typed = await platform.http.get("/registry")
    assert typed.is_redirect
    assert typed.headers["location"] == "/registry/"
    assert (await platform.http.get("/registry/healthz")).json() == {"status": "live"}
    assert (await platform.http.get("/learner/healthz")).json() == {"status": "live"}
    assert (await platform.http.get("/learner/runs")).json() == {"runs": []}


async def test_authentication_is_on_by_default(platform: Platform) -> None:
    """Without a token: a hook call gets 401 as FHIR says it, everything that decides or starts gets 401 as RFC 9457 says it."""
    call = await platform.http.post("/cds-services/readmission-30d", json={})
    assert call.status_code == 401
    assert call.json()["resourceType"] == "OperationOutcome"
    for refused in (
        await platform.http.get("/registry/proposals"),
        await platform.http.get("/registry/proposals", headers={"Authorization": "Bearer made-up"}),
        await platform.http.post("/learner/runs", json={"guidance": "readmission-30d"}),
    ):
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
    assert (await platform.http.get("/decisions/export")).status_code == 401


async def test_secrets_are_readable_by_their_owner_only(platform: Platform) -> None:
    """Every token, and the key that signs, has mode 0600."""
    secrets = [path for path in (platform.var / "secrets").rglob("*") if path.is_file()]
    assert {path.name for path in secrets} == {"cds.token", "learner.token", "export.token", "learner-api.token"}
    for path in (*secrets, platform.registry.key_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


async def test_a_second_start_takes_the_same_secrets(tmp_path: Path) -> None:
    """Stopping and starting makes no new token and no new key, and the kept tokens are still good."""
    kept = []
    for _ in range(2):
        async with open_platform(var=tmp_path, demo=False) as running:
            files = (*sorted((tmp_path / "secrets").iterdir()), running.registry.key_path)
            kept.append({path.name: path.read_bytes() for path in files})
            token = (tmp_path / "secrets" / "learner.token").read_text(encoding="utf-8").strip()
            assert await running.registry_client(token).proposals() == []
    assert kept[0] == kept[1]


async def test_a_demo_key_is_its_owners_only_too(tmp_path: Path) -> None:
    """The private key of the demo's EHR has mode 0600."""
    async with open_platform(var=tmp_path, demo=True):
        assert stat.S_IMODE((tmp_path / "cds" / "demo-issuer.json").stat().st_mode) == 0o600


@pytest.mark.nightly
def test_mlflow_answers_beside_the_platform_and_stops_with_it(tmp_path: Path) -> None:
    """MLflow's real server comes up on a new folder, answers, and leaves its port when the platform stops."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with mlflow_ui_beside(tmp_path, "127.0.0.1", port):
        assert _answer(f"{url}/health", seconds=120).text == "OK"
        assert "<html" in httpx.get(url, timeout=10).text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", timeout=5)


def _answer(url: str, *, seconds: float) -> httpx.Response:
    """What answers there, as soon as something does."""
    until = time.monotonic() + seconds
    while True:
        try:
            return httpx.get(url, timeout=5)
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
