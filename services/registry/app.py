"""The registry as an app: the only place that reads its settings and wires its parts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI
from sqlalchemy import Connection

from services.guidance.lifecycle import ROLES
from services.guidance.policies import POLICIES, Policy, read_policy
from services.plumbing.cds_client import CdsClient
from services.plumbing.keys import PublicKeys, SigningKey, public_key_set
from services.plumbing.logs import get_logger
from services.plumbing.openid import Client, OpenIdProvider, open_provider
from services.plumbing.web import create_service_app
from services.registry.database import open_tables
from services.registry.decisions import lapses, reviews
from services.registry.deployed.signing_keys import known_keys
from services.registry.desk import Desk, real_time
from services.registry.memory import ledger
from services.registry.notices.wiring import open_messenger, ways_in
from services.registry.people import accounts, organisation_pages
from services.registry.people.accesses import AccessRecord, Recorded
from services.registry.people.limits import RateLimits
from services.registry.people.organisation import Organisation, read_organisation
from services.registry.people.second_factor import Rule
from services.registry.people.shared_counts import SharedCounts
from services.registry.routes import ROUTERS
from services.registry.sealed import open_sealer, to_seal
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput, KnowdoError

LOOK_EVERY: Final = 10.0  # seconds between two looks at the database, for readiness
_log = get_logger("registry")


def create_app(
    settings: RegistrySettings | None = None,
    *,
    now: Callable[[], datetime] = real_time,
    cds: httpx.AsyncClient | None = None,
) -> FastAPI:
    """The app; `now` is the clock of votes and leases. Its lifespan opens the database and signs the head of each day.

    `cds`: a client to a CDS in this process, instead of one to the settings' `cds_url`.
    """
    settings = settings or RegistrySettings.from_environment()
    facts: dict[str, object] = {"database": False}

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk = await asyncio.to_thread(open_desk, settings, now=now)
        app.state.desk = desk
        is_shared = desk.engine.dialect.name == "postgresql"  # SQLite is one process's
        shared = SharedCounts(desk.engine, now=now) if is_shared else None
        app.state.limits = RateLimits(writes=settings.writes_per_minute, shared=shared)
        to_cds = None if cds is not None or not settings.cds_url else httpx.AsyncClient(base_url=settings.cds_url)
        app.state.cds = _cds_client(settings, desk, cds or to_cds)
        record = app.state.accesses = AccessRecord(desk, kept=timedelta(days=settings.access_days))
        watch = asyncio.create_task(_watch(desk, record, facts))
        messenger = app.state.messenger = open_messenger(settings, desk, facts)
        telling = asyncio.create_task(messenger.keep_on())
        writing_accesses = asyncio.create_task(record.keep_on())
        facts.update({"database": True, "policy": desk.policy.name})
        facts["secrets"] = await desk.read(lambda connection: _said_of_secrets(connection, desk))
        if desk.policy.name == "demo":
            _log.warning("demo policy", message=desk.policy.said)
        if settings.demo:
            said = "in demo mode anyone may look, and everybody knows the password of the demo persons"
            _log.warning("demo persons", message=said, password=accounts.DEMO_PASSWORD)
        try:
            yield
        finally:
            for task in (watch, writing_accesses, telling):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await messenger.http.aclose()
            await record.write()
            if provider is not None:
                await provider.close()
            if to_cds is not None:
                await to_cds.aclose()
            desk.engine.dispose()

    app = create_service_app(
        "Knowdo registry",
        version("knowdo"),
        lifespan,
        service="registry",
        ready=lambda: dict(facts),
        traces_url=settings.traces_url,
        fhir_under="/fhir",
    )
    app.state.open_console = settings.demo
    app.state.public_pages = settings.public_pages
    app.state.notice_ways = ways_in(settings)
    known = read_organisation(settings.organisation_file) if settings.organisation_file is not None else None
    provider = _provider(known, settings) if known is not None else None
    app.state.organisation, app.state.provider = known, provider
    app.state.second_factor = _second_factor(settings)
    app.add_middleware(Recorded, state=app.state, https=settings.public_url.startswith("https:"))
    app.state.audiences = frozenset(f"{at.rstrip('/')}/token" for at in (settings.public_url, *settings.also_at))
    for router in ROUTERS:
        app.include_router(router)
    if provider is not None:
        app.include_router(organisation_pages.router)
    return app


def _second_factor(settings: RegistrySettings) -> Rule:
    """Who needs a second factor; BadInput for a role that there is not."""
    if unknown := sorted(set(settings.second_factor_roles) - set(ROLES)):
        place = "KNOWDO_REGISTRY_SECOND_FACTOR_ROLES"
        raise BadInput(f"no such role: {', '.join(unknown)}", place=place, remedy=f"Choose from {', '.join(ROLES)}")
    return Rule(mode=settings.second_factor, roles=frozenset(settings.second_factor_roles))


def _cds_client(settings: RegistrySettings, desk: Desk, http: httpx.AsyncClient | None) -> CdsClient | None:
    if http is None:
        return None
    return CdsClient(http, key=desk.key, audience=settings.cds_audience or settings.cds_url)


def _provider(organisation: Organisation, settings: RegistrySettings) -> OpenIdProvider:
    public = urlsplit(settings.public_url)
    client = Client(
        issuer=organisation.issuer,
        client_id=organisation.client_id,
        secret=settings.organisation_secret.get_secret_value() if settings.organisation_secret else "",
        redirect_uri=settings.public_url.rstrip("/") + organisation_pages.BACK,
        scopes=organisation.scopes,
        hosts=frozenset(organisation.hosts),
        is_development=public.scheme == "http" and public.hostname in {"localhost", "127.0.0.1", "::1"},
    )
    return open_provider(client, private=organisation.private_networks)


def open_desk(settings: RegistrySettings, *, now: Callable[[], datetime] = real_time) -> Desk:
    """The desk of these settings, its tables made; for the app and for commands that work on the database itself."""
    key = SigningKey.load_or_create(settings.key_path)
    return Desk(
        engine=open_tables(settings),
        key=key,
        keys=read_public_keys(settings),
        policy=_policy(settings),
        issuer=settings.public_url,
        sealer=open_sealer(settings),
        longest_lease=settings.longest_lease,
        now=now,
    )


def read_own_policy(settings: RegistrySettings) -> Policy | None:
    """The policy of the organisation's own file; None if there is none. BadInput if a demo names one."""
    path = settings.policy_file
    if path is None:
        return None
    if settings.policy_name == "demo":
        raise BadInput("the demonstration has its own policy", place=str(path), remedy="Leave out one of the two")
    try:
        return read_policy(path.read_bytes(), place=str(path))
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", place=str(path), remedy="Check the path") from fault


def _policy(settings: RegistrySettings) -> Policy:
    """The organisation's own policy or the named one; who deploys, by the vote or by decision, may be set apart."""
    named = read_own_policy(settings) or POLICIES[settings.policy_name]
    return named if settings.deploys is None else replace(named, deploys=settings.deploys)


def read_public_keys(settings: RegistrySettings) -> PublicKeys:
    """The public keys that `GET /keys` shows: the signing key's, and those trusted through a change of keys."""
    also = [one.public for one in known_keys(settings, real_time()) if one.use != "signs"]
    return public_key_set(SigningKey.load_or_create(settings.key_path), [*also, *_trusted_keys(settings)])


def _trusted_keys(settings: RegistrySettings) -> list[dict[str, str]]:
    if settings.trusted_keys_file is None:
        return []
    place = str(settings.trusted_keys_file)
    try:
        found: PublicKeys = json.loads(settings.trusted_keys_file.read_text(encoding="utf-8"))
        return found["keys"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise BadInput("not a JWK set", place=place, remedy="Write the former registry's `GET /keys` there") from fault


def _said_of_secrets(connection: Connection, desk: Desk) -> str:
    # No reason to be unready: what may speak does not depend on them.
    return "some are sealed by keys that are not here" if to_seal(connection, desk.sealer) else "sealed"


async def _watch(desk: Desk, record: AccessRecord, facts: dict[str, Any]) -> None:
    """Keep readiness true, and sign the head of the ledger once a day."""
    while True:
        try:
            await desk.sign_day()
            if await desk.read(lambda connection: reviews.any_to_enter(connection, desk.now())):
                await desk.note(lambda connection: reviews.enter_overdue(connection, now=desk.now()))
            if await desk.read(lambda connection: lapses.any_due(connection, desk.policy, desk.now())):
                await desk.note(lambda connection: lapses.enter(connection, desk.policy, desk.now()))
            if await desk.read(lambda connection: bool(reviews.to_silence(connection, desk.policy, desk.now()))):
                await desk.write(lambda connection: reviews.silence(connection, desk.policy, desk.now()))
            facts["ledger"] = (await desk.read(ledger.head)).number
            facts["database"] = True
            facts["accesses"] = record.is_written
        except KnowdoError as fault:
            facts["database"] = False
            _log.error("database", message=fault.message, place=fault.place, remedy=fault.remedy)
        await asyncio.sleep(LOOK_EVERY)
