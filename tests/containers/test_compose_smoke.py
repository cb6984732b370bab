"""The compose file as an IT team runs it: built, up, healthy, discovery answers, and what one service says another hears."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1500)]
PROJECT = Path(__file__).resolve().parents[2]
SERVICES = ("postgres", "mlflow", "registry", "learner", "cds")


@pytest.fixture(scope="module")
def docker_host(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running container engine: the machine's own if it answers, else one started for this test."""
    if shutil.which("docker") and _quietly("docker", "info").returncode == 0 and shutil.which("docker-compose"):
        yield os.environ.get("DOCKER_HOST", "")
        return
    if os.geteuid() != 0:
        pytest.skip("no container engine answers, and starting one needs root")
    engine = shared / "tools" / "containers" / "engine"
    folder = Path(os.environ.get("KNOWDO_TEST_ENGINE", str(tmp_path_factory.mktemp("engine"))))
    started = _quietly("bash", str(engine), "start", str(folder))
    if started.returncode != 0:
        pytest.skip(f"no container engine can be started here: {started.stderr.strip()[-300:]}")
    try:
        host = f"unix://{folder}/sock"
        images = _quietly("bash", str(engine), "image", str(folder), "python:3.11-slim", "postgres:16")
        assert images.returncode == 0, images.stderr[-2000:]
        yield host
    finally:
        _quietly("bash", str(engine), "stop", str(folder))


@pytest.fixture(scope="module")
def platform(docker_host: str) -> Iterator[dict[str, str]]:
    """The five services, built from this checkout and up; taken down with their volumes afterwards."""
    environment = {
        **os.environ,
        "DOCKER_BUILDKIT": "0",
        "COMPOSE_DOCKER_CLI_BUILD": "0",
        "COMPOSE_PROJECT_NAME": "knowdosmoke",
    }
    if docker_host:
        environment["DOCKER_HOST"] = docker_host
    subprocess.run(["bash", "infra/make-secrets.sh"], cwd=PROJECT, check=True, capture_output=True)
    try:
        for words in (["build", "--quiet"], ["up", "-d"]):
            ran = _compose(environment, *words)
            assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:] + _compose(
                environment, "logs", "--tail=40"
            ).stdout[-8000:]
        yield environment
    finally:
        _compose(environment, "down", "--volumes", "--timeout", "5")


def test_all_five_services_become_healthy(platform: dict[str, str]) -> None:
    """PostgreSQL, MLflow, registry, learner and CDS report healthy within two minutes."""
    states: dict[str, str] = {}
    for _ in range(120):
        states = {service: _health(platform, service) for service in SERVICES}
        if set(states.values()) == {"healthy"}:
            return
        time.sleep(1)
    pytest.fail(f"{states}\n{_compose(platform, 'logs', '--tail=30').stdout[-8000:]}")


def test_discovery_answers_from_the_slim_image(platform: dict[str, str]) -> None:
    """CDS Hooks discovery answers 200 with a list, which is empty until something is approved."""
    assert json.loads(_get("http://127.0.0.1:8000/cds-services")) == {"services": []}


def test_a_call_without_a_token_is_refused(platform: dict[str, str]) -> None:
    """Authentication is on by default: a hook call without a trusted client's token is 401."""
    request = urllib.request.Request("http://127.0.0.1:8000/cds-services/readmission-30d", data=b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 401


def test_cds_hears_the_registry(platform: dict[str, str]) -> None:
    """CDS has the registry's keys and its own token: within 30 seconds it knows the head of the ledger."""
    said = {}
    for _ in range(30):
        said = json.loads(_get("http://127.0.0.1:8000/readyz", tolerate=(503,)))
        if str(said.get("registry", "")).startswith("heard"):
            return
        time.sleep(1)
    pytest.fail(f"{said}\n{_compose(platform, 'logs', '--tail=30', 'cds').stdout[-4000:]}")


def test_the_slim_image_holds_no_workshop(platform: dict[str, str]) -> None:
    """The image at the bedside has none of mlflow, pandas and scikit-learn in it."""
    looked = _compose(
        platform, "exec", "-T", "cds", "python", "-c",
        "import importlib.util as u; print([n for n in ('mlflow', 'pandas', 'sklearn', 'scipy', 'pyarrow') if u.find_spec(n)])",
    )  # fmt: skip
    assert looked.stdout.strip() == "[]", looked.stderr


def test_the_services_run_without_root_and_without_writing_to_their_image(platform: dict[str, str]) -> None:
    """Each of ours runs as another user than root on a read-only file system."""
    for service in ("cds", "registry", "learner", "mlflow"):
        told = _compose(
            platform,
            "exec",
            "-T",
            service,
            "sh",
            "-c",
            "id -u; touch /opt/knowdo/x 2>/dev/null && echo written || echo closed",
        )
        assert told.stdout.split() == ["10001", "closed"], service


def _compose(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker-compose", *words], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )


def _health(environment: dict[str, str], service: str) -> str:
    container = _compose(environment, "ps", "-q", service).stdout.strip()
    if not container:
        return "absent"
    looked = subprocess.run(
        ["docker", "inspect", "--format", "{{.State.Health.Status}}", container],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return looked.stdout.strip() or looked.stderr.strip()


def _get(url: str, *, tolerate: tuple[int, ...] = ()) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            body: bytes = answer.read()
    except urllib.error.HTTPError as fault:
        if fault.code not in tolerate:
            raise
        body = fault.read()
    return body


def _quietly(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
