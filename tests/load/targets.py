"""The servers that a call is measured against: floors, our own in its variants, and a peer; each a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from services.cds.callers.demo_issuer import LIFE
from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.release import build_release
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import environment, free_port, knowdo
from tests.load.cost_of_history import Log
from tests.load.hospital_call import LIBRARY, model_of

SERVICE: Final = "readmission-30d"
Sign = Callable[[int], Sequence[str]]
"""So many tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running server and how it is called."""

    name: str
    pid: int
    port: int
    path: str = f"/cds-services/{SERVICE}"
    sign: Sign | None = None


@contextmanager
def running(command: Sequence[str], port: int, *, ready: str, env: dict[str, str] | None = None) -> Iterator[int]:
    """A server until the block ends; its process id."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}{ready}", trust_env=False)
                break
            except httpx.TransportError:
                if process.poll() is not None:
                    raise RuntimeError(f"{command[-1]} ended with {process.returncode}") from None
                time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def floors() -> Iterator[list[Target]]:
    """Bare Starlette: receive and reply; and decode what has to be read."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.load.floors:app", "--port", str(port), "--no-access-log"]
    with running(command, port, ready="/") as pid:
        yield [
            Target(name="floor: receive and reply", pid=pid, port=port, path=f"/receive/{SERVICE}"),
            Target(name="floor: decode what is read", pid=pid, port=port, path=f"/decode/{SERVICE}"),
        ]


@contextmanager
def ours(
    var: Path, *, name: str, jwt: str = "", workers: int = 1, database: str = "", past: int = 0, successor: bool = False
) -> Iterator[Target]:
    """`knowdo cds serve` with the readmission guidance in general use; `jwt` is the algorithm that its callers sign with.

    `past`: so many decisions are in its log already. `successor`: another release is silent beside it.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    asyncio.run(_prepared(CdsSettings(var=var, demo=True, public_url=url), successor=successor))
    if past:
        Log(database or f"sqlite:///{var / 'cds' / 'decisions.sqlite'}").fill(past)
    chosen = {"KNOWDO_CDS_PUBLIC_URL": url, "KNOWDO_LOG_LEVEL": "info"}
    if database:
        chosen["KNOWDO_CDS_DATABASE_URL"] = database
    sign: Sign | None = None
    if jwt:
        issuer, sign = _issuer(jwt, f"{url}/cds-services/{SERVICE}")
        (var / "trusted.json").write_bytes(issuer)
        chosen["KNOWDO_CDS_TRUSTED_ISSUERS_FILE"] = str(var / "trusted.json")
    else:
        chosen["KNOWDO_CDS_OPEN"] = "true"
    command = knowdo("cds", "serve", "--port", str(port), "--workers", str(workers))
    with running(command, port, ready="/healthz", env=dict(environment(var, **chosen))) as pid:
        yield Target(name=name, pid=pid, port=port, sign=sign)


@contextmanager
def healthchain(folder: Path) -> Iterator[Target]:
    """The Python peer, installed into an environment of its own from the package index that pip knows."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "healthchain", "uvicorn[standard]"]
        subprocess.run(install, check=True, capture_output=True)
    port = free_port()
    command = [str(python), str(Path(__file__).with_name("peer_healthchain.py")), str(port)]
    with running(command, port, ready="/") as pid:
        yield Target(name="HealthChain, a trivial card", pid=pid, port=port, path=f"/cds/cds-services/{SERVICE}")


async def _prepared(settings: CdsSettings, *, successor: bool) -> None:
    """Let a service approve the guidance into its folder; the one that is measured finds it there."""
    registry = FakeRegistry()
    loaded = load_guidance(LIBRARY)
    reference = {"name": "none", "base_rate": 0.12, "n": 1, "events": 1, "inputs": {}}
    registry.deploy(build_release(loaded, model_of(loaded.definition), reference))
    if successor:
        other = build_release(loaded, model_of(loaded.definition), reference | {"base_rate": 0.13})
        registry.deploy(other, deployment="d-2", stage="silent", decided=2)
    async with run(settings, registry, client=registry.client()):
        pass


def _issuer(algorithm: str, audience: str) -> tuple[bytes, Sign]:
    """A trust list that holds one client, and that client's pen."""
    import json
    import uuid

    key = (
        ECKey.generate_key("P-384", auto_kid=True) if algorithm == "ES384" else RSAKey.generate_key(2048, auto_kid=True)
    )
    iss = f"https://ehr.example/{algorithm.lower()}"
    trusted = [{"iss": iss, "jwks": {"keys": [key.as_dict(private=False)]}}]

    def sign(count: int) -> list[str]:
        now = int(time.time())
        header = {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
        return [
            jwt.encode(
                header,
                {"iss": iss, "aud": audience, "iat": now, "exp": now + LIFE, "jti": str(uuid.uuid4())},
                key,
                algorithms=[algorithm],
            )
            for _ in range(count)
        ]

    return json.dumps(trusted).encode(), sign
