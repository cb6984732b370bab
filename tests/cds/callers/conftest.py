"""What the tests of callers stand on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.cds.callers.trust_list import SANDBOX, SANDBOX_JWKS
from services.cds.settings import CdsSettings
from tests.cds.callers.clients import EPIC, EPIC_KEY, INFERNO, INFERNO_EC, INFERNO_RSA, TENANTS, TYPED
from tests.cds.callers.tokens import EC, ISS, P256, RSA, STRANGER, URL, jwks
from tests.cds.callers.world import World, served
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import bundle, haemoglobin, hook_request, patient, tea_bundle
from tests.plumbing.key_server import KeyServer


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """All of it, once for the table."""
    folder = tmp_path_factory.mktemp("attacks")
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    async with AsyncExitStack() as stack:
        keys, evil = await stack.enter_async_context(KeyServer()), await stack.enter_async_context(KeyServer())
        keys.publish_keys(INFERNO_EC, INFERNO_RSA)
        evil.publish_keys(STRANGER)
        trust: list[dict[str, Any]] = [
            {"iss": ISS, "jwks": jwks(EC, RSA, P256)},
            {"iss": TENANTS, "jwks": jwks(EC), "tenants": ["north", "east"]},
            {"iss": EPIC, "jwks": jwks(EPIC_KEY), "audiences": [TYPED], "algorithms": ["RS384"], "profile": "epic"},
            {"iss": INFERNO, "jku": [keys.url]},
            {"iss": SANDBOX, "jwks": jwks(EC), "jku": [SANDBOX_JWKS], "profile": "sandbox"},
        ]
        (folder / "trust.json").write_text(json.dumps(trust))
        settings = CdsSettings(
            var=folder, demo=True, public_url=URL, trusted_issuers_file=folder / "trust.json", trust_sandbox=True
        )

        async def worker() -> Running:
            return await stack.enter_async_context(run(settings, registry, client=registry.client()))

        async def restarted() -> int:
            return await served((await worker()).app, stack)

        first = await worker()
        port, neighbour = await served(first.app, stack), await restarted()
        world = World(first, port, neighbour, keys, evil, restarted)
        services = (await first.http.get("/cds-services")).json()["services"]
        found = {"Patient": patient(), "Observation": bundle(haemoglobin(8.5))}
        wanted = services[0]["prefetch"].items()
        sent = {key: found.get(template.partition("?")[0].partition("/")[0]) for key, template in wanted}
        world.body = json.dumps(hook_request(sent)).encode()
        yield world
