"""The CDS service, put together: the only file that reads its settings.

What lives as long as the service is made at start-up and kept on `app.state.cds`; a mounted app's lifespan must be
entered by whoever mounts it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from services.cds.api import Service, calls, router
from services.cds.at_start import warn
from services.cds.beside import run_beside
from services.cds.callers.client_auth import ClientAuth
from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.callers.follow_trust_list import follow_trust_list
from services.cds.callers.refusal import REASONS
from services.cds.callers.trust_list import TrustList
from services.cds.cards.form import CardStyle
from services.cds.clients.profile import Profiles, read_profiles
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.durable import Durable
from services.cds.decisions.pseudonyms import open_pseudonyms
from services.cds.decisions.retention import Retention
from services.cds.decisions.spool import Spool
from services.cds.decisions.tending import Tending
from services.cds.desk import Desk, wall_clock
from services.cds.desk_metrics import DeskMetrics
from services.cds.discovery import Discovery
from services.cds.fhir.api import router as fhir_router
from services.cds.fhir.decision_lines import router as lines_router
from services.cds.fhir.export_api import router as export_router
from services.cds.fhir.room import open_room
from services.cds.governed.approved import Approved
from services.cds.governed.approved_files import ApprovedFiles, read_keys
from services.cds.governed.circuit_breakers import CircuitBreakers
from services.cds.governed.follow_registry import Ears, follow_registry, say_goodbye
from services.cds.governed.worker_name import worker_name
from services.cds.openapi.document import describe
from services.cds.patient.fetch_missing import FetchMissing
from services.cds.settings import CdsSettings
from services.cds.silent_beside import SilentBeside
from services.cds.try_out import TryDoor
from services.cds.try_out import router as try_router
from services.cds.vitals import Vitals
from services.plumbing.addresses import LOOPBACK, AddressGuard
from services.plumbing.database import open_database
from services.plumbing.fhir_server import FetchMetrics, FhirServers, Limits, open_client
from services.plumbing.garbage import search_seldom
from services.plumbing.key_sets import KeySets, guarded_http
from services.plumbing.logs import configure_logs, get_logger
from services.plumbing.metrics import ServiceMetrics
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_tokens import registry_tokens
from services.plumbing.terminology_files import read_terminology
from services.plumbing.web import create_service_app
from services.timeline.terminology import NOTHING, Terminology

_log = get_logger("cds")


def create_app(
    settings: CdsSettings,
    *,
    registry: RegistryClient | None = None,
    registry_keys: Mapping[str, Any] | None = None,
    bedside_clock: Callable[[], int] | None = None,
) -> FastAPI:
    """The CDS service. `registry`: a client to one in this process, instead of the one at the settings' URL.

    `registry_keys`: its public keys, handed over by whoever runs both; else they come from the pinned file.
    `bedside_clock`: what time it is for the patients (a demo's); leases and tokens always go by the real clock.
    """
    settings.refuse_demo_ways()
    metrics = ServiceMetrics("cds")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            client = registry or await _registry_client(settings, stack)
            await _start(app, settings, client, registry_keys, bedside_clock or wall_clock, metrics, stack)
            yield

    app = create_service_app(
        "Knowdo CDS",
        version("knowdo"),
        lifespan,
        service="cds",
        error_form="operation-outcome",
        metrics=metrics,
        cors_origins=settings.cors_origins,
        traces_url=settings.traces_url,
    )
    app.add_plain(calls)
    app.include_router(router)
    app.include_router(try_router)
    app.include_router(lines_router)
    app.include_router(export_router)  # before the types, whose paths are open-ended
    app.include_router(fhir_router)
    describe(app)
    return app


def app_from_environment() -> FastAPI:
    """The service as its environment describes it: what each worker process of a server makes for itself."""
    settings = CdsSettings.from_environment()
    configure_logs(level=settings.log_level)
    app = create_app(settings)
    search_seldom()
    return app


async def _start(
    app: FastAPI,
    settings: CdsSettings,
    client: RegistryClient | None,
    registry_keys: Mapping[str, Any] | None,
    bedside_clock: Callable[[], int],
    metrics: ServiceMetrics,
    stack: AsyncExitStack,
) -> None:
    """Make everything, start what runs beside the calls, and leave on the stack how it ends."""
    room = settings.var / "cds"
    counted = DeskMetrics(metrics)
    log = DecisionLog(open_database(settings.decisions_url, by_index=True))
    log.create()
    stack.callback(log.close)
    durable = Durable(log, Spool(room / "spool"), on_spooled=counted.spooled.inc)
    stack.push_async_callback(durable.stop)
    await durable.bring_home()
    profiles = read_profiles(settings.client_profiles)
    trusted = _trust_list(settings, room, profiles)
    auth = await _client_auth(settings, trusted, metrics, stack)
    auth.remember(log.tokens(now=int(time.time())))
    terminology = _terminology(settings)
    pinned = settings.registry_keys_file or room / "registry-keys.json"
    approved = Approved(
        files=ApprovedFiles(room / "approved"),
        keys=registry_keys or read_keys(pinned),
        site=settings.site,
        terminology=terminology,
        style=CardStyle(evidence_url=settings.evidence_page, topic_system=settings.topic_system),
        on_refused=counted.refused.inc,
    )
    await approved.load()
    warn(settings, approved, auth, pinned)
    hurry = asyncio.Event()
    breakers = CircuitBreakers(on_open=hurry.set)
    fetch = FetchMissing(await _fhir_servers(settings, stack, metrics), clock=bedside_clock)
    beside = SilentBeside(durable, fetch, counted, clock=bedside_clock)
    stack.push_async_callback(beside.stop)
    desk = Desk(
        approved=approved,
        breakers=breakers,
        durable=durable,
        fetch=fetch,
        profiles=profiles,
        metrics=counted,
        beside=beside,
        bedside_clock=bedside_clock,
    )
    app.state.cds = Service(
        desk=desk, discovery=Discovery(approved, public_url=settings.public_url), auth=auth, durable=durable, log=log
    )
    app.state.try_door = TryDoor(desk=desk, public_url=settings.public_url)

    def ready() -> dict[str, object]:
        trusted = "OPEN" if settings.open else f"{len(auth.issuers)} trusted"
        return {"authentication": trusted, **vitals.readiness(), **breakers.readiness()}

    app.state.ready = ready
    ears = Ears()
    vitals = Vitals(metrics, approved=approved, durable=durable, ears=ears)
    run_beside(stack, vitals.keep_on())
    run_beside(stack, follow_trust_list(trusted, auth))
    retention = _retention(settings)
    app.state.fhir = fhir = open_room(
        log,
        retention.pseudonyms,
        tokens={"auditor": _text(settings.auditor_token), "learner": _text(settings.export_token)},
        public_url=settings.public_url,
        site=settings.site,
        folder=room / "exports",
    )
    stack.push_async_callback(fhir.exports.stop)
    tending = Tending(
        log=log,
        durable=durable,
        retention=retention,
        exports=fhir.exports,
        client=client,
        site=settings.site,
        on_retained=counted.retained,
        hurry=hurry,
    )
    stack.push_async_callback(tending.last)
    run_beside(stack, tending.keep_on(seconds=settings.report_seconds))
    if client is not None:
        pin = pinned if settings.demo else None
        worker = stack.enter_context(worker_name(room, settings.worker))
        # Ends after the task that asks: a question asked later would call it back.
        stack.push_async_callback(say_goodbye, client, worker)
        following = run_beside(
            stack, follow_registry(approved, client, worker=worker, pin_keys_to=pin, heard=ears.heard)
        )
        app.state.ready = lambda: {**ready(), "registry": not following.done() and ears.said()}


async def _registry_client(settings: CdsSettings, stack: AsyncExitStack) -> RegistryClient | None:
    if not settings.registry_url:
        return None
    http = await stack.enter_async_context(httpx.AsyncClient(base_url=settings.registry_url))
    return RegistryClient(http, registry_tokens(
        http, token=_text(settings.token), key_file=settings.key_file,
        client=settings.registry_client, audience=settings.registry_audience,
    ))  # fmt: skip


async def _fhir_servers(settings: CdsSettings, stack: AsyncExitStack, metrics: ServiceMetrics) -> FhirServers:
    """The door to the EHRs' servers. This machine's own addresses are for development."""
    guard = AddressGuard(allowed=[*settings.private_networks, *(LOOPBACK if settings.demo else ())])
    return FhirServers(
        await stack.enter_async_context(open_client(guard)),
        limits=Limits(
            seconds=settings.fetch_milliseconds / 1000,
            answer_bytes=int(settings.fetch_megabytes * 1e6),
            call_bytes=int(settings.fetch_call_megabytes * 1e6),
        ),
        origins=settings.fhir_servers,
        plain_loopback=settings.demo,
        metrics=FetchMetrics(metrics),
    )


def _trust_list(settings: CdsSettings, room: Path, profiles: Profiles) -> TrustList:
    return TrustList(
        settings.trusted_issuers_file,
        always=[DemoIssuer.load_or_create(room / "demo-issuer.json").trusted()] if settings.demo else [],
        development=settings.demo,
        sandbox=settings.trust_sandbox,
        profiles=profiles,
        public_url=settings.public_url,
    )


async def _client_auth(
    settings: CdsSettings, trusted: TrustList, metrics: ServiceMetrics, stack: AsyncExitStack
) -> ClientAuth:
    http = guarded_http(private=settings.private_networks, development=settings.demo)
    key_sets = KeySets(await stack.enter_async_context(http))
    stack.push_async_callback(key_sets.close)
    refused = metrics.counter("refused_tokens_total", "Calls refused with 401, by the reason in the log", ("reason",))
    counters = {reason: refused.labels(reason) for reason in REASONS}
    return ClientAuth(
        trusted.read(),
        public_url=settings.public_url,
        key_sets=key_sets,
        open_to_all=settings.open,
        discovery_needs_token=settings.discovery_needs_token,
        on_refused=lambda reason: counters[reason].inc(),
    )


def _terminology(settings: CdsSettings) -> Terminology:
    """What the site's codes mean. Its digest is said: one that differs from the learner's is training/serving skew."""
    if settings.terminology is None:
        return NOTHING
    terminology = read_terminology(settings.terminology)
    _log.info(
        "terminology of the site",
        digest=terminology.digest,
        codes=len(terminology.translations.targets),
        medicines=len(terminology.ingredients),
        left_out=dict(terminology.translations.left_out),
    )
    return terminology


def _retention(settings: CdsSettings) -> Retention:
    return Retention(
        identified_days=settings.identified_days,
        kept_days=settings.kept_days,
        pseudonyms=open_pseudonyms(_text(settings.pseudonym_key), settings.var / "cds"),
    )


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
