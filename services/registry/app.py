"""The registry as an app: the only place that reads its settings and wires its parts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import Engine

from services.guidance.policies import POLICIES, Policy
from services.plumbing.database import create_tables, open_database, writing
from services.plumbing.keys import PublicKeys, SigningKey, public_key_set
from services.plumbing.logs import get_logger
from services.plumbing.web import create_service_app
from services.registry import api
from services.registry.console import evidence_page as console
from services.registry.deployed import api as deployed_api
from services.registry.desk import Desk, real_time
from services.registry.memory import ledger
from services.registry.settings import RegistrySettings
from services.registry.tables import TABLES
from services.timeline.errors import BadInput, KnowdoError

LOOK_EVERY: Final = 10.0  # seconds between two looks at the database, for readiness
_log = get_logger("registry")


def create_app(settings: RegistrySettings | None = None, *, now: Callable[[], datetime] = real_time) -> FastAPI:
    """The app; `now` is the clock of votes and leases. Its lifespan opens the database and signs the head of each day."""
    settings = settings or RegistrySettings.from_environment()
    facts: dict[str, object] = {"database": False}

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk = await asyncio.to_thread(open_desk, settings, now=now)
        app.state.desk = desk
        watch = asyncio.create_task(_watch(desk, facts))
        facts.update({"database": True, "policy": desk.policy.name})
        if desk.policy.name == "demo":
            _log.warning("demo policy", message=desk.policy.said)
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            desk.engine.dispose()

    app = create_service_app(
        "Knowdo registry",
        version("knowdo"),
        lifespan,
        service="registry",
        ready=lambda: dict(facts),
        traces_url=settings.traces_url,
    )
    app.state.open_console = settings.demo
    app.include_router(console.router)
    app.include_router(api.router)
    app.include_router(deployed_api.router)
    return app


def open_desk(settings: RegistrySettings, *, now: Callable[[], datetime] = real_time) -> Desk:
    """The desk of these settings, its tables made; for the app and for commands that work on the database itself."""
    key = SigningKey.load_or_create(settings.key_path)
    return Desk(
        engine=open_tables(settings),
        key=key,
        keys=read_public_keys(settings),
        policy=_policy(settings),
        issuer=settings.public_url,
        longest_lease=settings.longest_lease,
        now=now,
    )


def _policy(settings: RegistrySettings) -> Policy:
    named = POLICIES[settings.policy_name]
    return named if settings.deploys is None else replace(named, deploys=settings.deploys)


def read_public_keys(settings: RegistrySettings) -> PublicKeys:
    """The public keys that `GET /keys` shows: the signing key's, and those trusted through a change of keys."""
    return public_key_set(SigningKey.load_or_create(settings.key_path), _trusted_keys(settings))


def open_tables(settings: RegistrySettings) -> Engine:
    """The database of these settings, its tables made."""
    engine = open_database(settings.database)
    create_tables(engine, TABLES)
    with writing(engine) as connection:
        ledger.begin(connection)
    return engine


def _trusted_keys(settings: RegistrySettings) -> list[dict[str, str]]:
    if settings.trusted_keys_file is None:
        return []
    place = str(settings.trusted_keys_file)
    try:
        found: PublicKeys = json.loads(settings.trusted_keys_file.read_text(encoding="utf-8"))
        return found["keys"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise BadInput("not a JWK set", place=place, remedy="Write the former registry's `GET /keys` there") from fault


async def _watch(desk: Desk, facts: dict[str, Any]) -> None:
    """Keep readiness true, and sign the head of the ledger once a day."""
    while True:
        try:
            await desk.sign_day()
            facts["ledger"] = (await desk.read(ledger.head)).number
            facts["database"] = True
        except KnowdoError as fault:
            facts["database"] = False
            _log.error("database", message=fault.message, place=fault.place, remedy=fault.remedy)
        await asyncio.sleep(LOOK_EVERY)
