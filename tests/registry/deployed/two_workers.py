"""A registry and two CDS services as processes of their own, on PostgreSQL: what a stop must reach, and how fast it did."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.guidance.ready import open_release
from services.plumbing.database import writing
from services.plumbing.registry_messages import Proposed
from services.registry.database import open_tables
from services.registry.people import persons
from services.registry.settings import RegistrySettings
from tests.cds.faults.load import Answer, Load, until
from tests.cds.faults.world import a_call
from tests.cds.serving import environment, free_port, kill, knowdo, served
from tests.cds.tea import tea_bundle
from tests.registry import samples
from tests.registry.conftest import NOW, Clock, House
from tests.registry.deployed.tcp_proxy import Proxy

GUIDANCE = "tea-time"
IN_VAIN = 8
"""So many calls in a row without a card are a stop: one in ten patients is shown none by the trial, as it is planned."""


@dataclass(frozen=True, kw_only=True)
class TwoWorkers:
    """What runs: people who reach the registry, the release in its pilot, one load on each service, a wire to the second."""

    house: House
    proposed: Proposed
    loads: tuple[Load, Load]
    wire: Proxy

    async def speak(self) -> None:
        """Wait until both show cards."""
        for load in self.loads:
            await until(lambda load=load: bool(load.answers) and load.answers[-1].card is not None, seconds=20)

    async def stop(self) -> float:
        """Stop it, and wait until neither shows a card; seconds until the slower of both was asked in vain."""
        asked = time.monotonic()
        await self.house.as_("Ida Safety").suspend(GUIDANCE)
        slowest = 0.0
        for load in self.loads:
            await until(lambda load=load: len(_in_vain(load, asked)) >= IN_VAIN, seconds=20)
            slowest = max(slowest, _in_vain(load, asked)[0].ended - asked)
        return slowest

    async def start_again(self) -> None:
        """By the quorum of its stage."""
        await self.house.agree(self.proposed, "pilot")
        await self.speak()


def _in_vain(load: Load, asked: float) -> list[Answer]:
    """The calls that began after the stop and followed on the last card of all."""
    last_card = max((at for at, one in enumerate(load.answers) if one.card is not None), default=-1)
    return [one for one in load.answers[last_card + 1 :] if one.began > asked]


@asynccontextmanager
async def two_workers(
    folder: Path, *, registry_database: str, decisions_database: str, lease_seconds: float = 900
) -> AsyncIterator[TwoWorkers]:
    """Start all three; `tea-time` is in its pilot and shown by both services when the block begins."""
    port = free_port()
    settings = RegistrySettings(
        var=folder / "registry", policy="standard", database_url=registry_database,
        public_url=f"http://127.0.0.1:{port}", longest_lease_seconds=lease_seconds,
    )  # fmt: skip
    tokens = _everyone(settings)
    bundle, wired, ports = tea_bundle(), free_port(), (free_port(), free_port())
    body = a_call(open_release(bundle))
    async with AsyncExitStack() as stack:
        stack.enter_context(_registry(settings, port))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=settings.public_url, trust_env=False))
        # In real time: the leases are.
        house = House(app=None, http=http, settings=settings, clock=Clock(NOW), tokens=tokens)  # type: ignore[arg-type]
        packs = (
            samples.training_pack(bundle.digest, guidance=GUIDANCE),
            samples.silent_pack(bundle.digest, guidance=GUIDANCE),
        )
        proposed = await house.propose(bundle, evidence=packs)
        assert await house.climb(proposed, "pilot") == "pilot"
        wire = await stack.enter_async_context(Proxy(wired, to=port))
        for number, (at, through) in enumerate(zip(ports, (port, wired), strict=True)):
            stack.enter_context(
                served(
                    folder / f"cds-{number}", at,
                    KNOWDO_CDS_DATABASE_URL=decisions_database, KNOWDO_CDS_OPEN="true", KNOWDO_CDS_TOKEN=tokens["cds"],
                    KNOWDO_CDS_REGISTRY_URL=f"http://127.0.0.1:{through}",
                )
            )  # fmt: skip
        loads = (Load(ports[0], body, callers=1, pause=0.03), Load(ports[1], body, callers=1, pause=0.03))
        for load in loads:
            await stack.enter_async_context(load)
        running = TwoWorkers(house=house, proposed=proposed, loads=loads, wire=wire)
        await running.speak()
        yield running


def _everyone(settings: RegistrySettings) -> dict[str, str]:
    engine = open_tables(settings)
    tokens: dict[str, str] = {}
    with writing(engine) as connection:
        for name, roles in samples.TEAM.items():
            tokens[name] = persons.add_person(connection, name, roles, now=NOW, by="tests").token
        for name in ("learner", "cds"):
            tokens[name] = persons.add_person(connection, name, [name], now=NOW, by="tests", is_service=True).token
    engine.dispose()
    return tokens


@contextmanager
def _registry(settings: RegistrySettings, port: int) -> Iterator[None]:
    """`knowdo registry serve`; it answers when the block begins."""
    chosen = {
        "KNOWDO_REGISTRY_PORT": str(port), "KNOWDO_REGISTRY_DATABASE_URL": settings.database_url,
        "KNOWDO_REGISTRY_POLICY": "standard", "KNOWDO_REGISTRY_PUBLIC_URL": settings.public_url,
        "KNOWDO_REGISTRY_LONGEST_LEASE_SECONDS": str(settings.longest_lease_seconds),
    }  # fmt: skip
    process = subprocess.Popen(
        knowdo("registry", "serve"), env=environment(settings.var, **chosen), start_new_session=True
    )
    try:
        for _ in range(400):
            try:
                httpx.get(f"{settings.public_url}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield
    finally:
        kill(process)


async def breathe() -> None:
    """A moment in which the workers come to wait in their questions."""
    await asyncio.sleep(0.3)
