"""Items 27 to 30: the way to the client's FHIR server."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from services.cds.conformance.own_server import OwnServer
from services.cds.desk import wall_clock
from services.cds.settings import CdsSettings
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.spec.calls import full
from tests.cds.tea import bundle, hook_request

pytestmark = pytest.mark.anyio

TOKEN = "a-very-secret-access-token"
ACCESS = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "x"}


@pytest.fixture
def hospital() -> Iterator[OwnServer]:
    """The server that may be asked."""
    with OwnServer() as server:
        yield server


@pytest.fixture
def stranger() -> Iterator[OwnServer]:
    """A server that may not."""
    with OwnServer() as server:
        yield server


@pytest.fixture
async def connected(settings: CdsSettings, registry: FakeRegistry, hospital: OwnServer) -> AsyncIterator[Running]:
    """The service, which may ask the one."""
    told = settings.model_copy(update={"fhir_servers": (hospital.origin,), "fetch_milliseconds": 5000})
    async with run(told, registry, client=registry.client(), clock=wall_clock) as cds:
        yield cds


@pytest.mark.parametrize(
    "scope",
    [
        "patient/Patient.read patient/Observation.read",
        "patient/*.rs",
        "Patient.Read (Demographics) (R4) Labs.Search (R4)",
        "",
    ],
)
async def test_item_27_scopes_of_any_kind_are_understood(connected: Running, hospital: OwnServer, scope: str) -> None:
    """SMART v1, v2 and a vendor's names with spaces; `patient` or not: the token is used."""
    for more in ({}, {"patient": "p1"}):
        access = ACCESS | {"scope": scope} | more
        said = await connected.call(hook_request({}, fhirServer=hospital.fhir, fhirAuthorization=access))
        assert said.status_code == 200, said.text
    assert hospital.hits


async def test_item_28_the_access_token_is_used_and_forgotten(
    connected: Running, hospital: OwnServer, settings: CdsSettings
) -> None:
    """Neither the answer, nor the database, nor any file, nor the log holds it."""
    with structlog.testing.capture_logs() as lines:
        said = await connected.call(hook_request({}, fhirServer=hospital.fhir, fhirAuthorization=ACCESS))
    assert any(TOKEN in hit.authorization for hit in hospital.hits)
    assert TOKEN not in said.text + repr(lines) + repr(connected.decisions())
    with sqlite3.connect(settings.var / "cds" / "decisions.sqlite") as database:
        assert TOKEN not in "".join(database.iterdump())
    for file in settings.var.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file.name


async def test_item_29_the_token_is_presented_with_every_request(connected: Running, hospital: OwnServer) -> None:
    """Each query carries it."""
    await connected.call(hook_request({}, fhirServer=hospital.fhir, fhirAuthorization=ACCESS))
    assert hospital.hits
    assert {hit.authorization for hit in hospital.hits} == {f"Bearer {TOKEN}"}


async def test_item_30_a_server_that_is_not_on_the_list_is_never_asked(
    connected: Running, hospital: OwnServer, stranger: OwnServer
) -> None:
    """Not when the call names it, not by a `next` link, not by a redirect."""
    await connected.call(hook_request({}, fhirServer=stranger.fhir, fhirAuthorization=ACCESS))
    away = bundle(link=[{"relation": "next", "url": f"{stranger.fhir}/Observation?page=2"}])
    given = await full(connected, Observation=away)
    await connected.call(hook_request(given, fhirServer=hospital.fhir, fhirAuthorization=ACCESS))
    hospital.moved_to = stranger.fhir
    await connected.call(hook_request({}, fhirServer=hospital.moved, fhirAuthorization=ACCESS))
    assert any(hit.path.startswith("/moved/") for hit in hospital.hits)
    assert stranger.hits == []
