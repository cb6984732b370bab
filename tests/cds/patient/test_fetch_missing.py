"""What the client left out is fetched; what it tried is not asked again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.cds.patient.fetch_missing import FetchMissing
from services.cds.schemas import HookRequest
from services.cds.silent_beside import SilentBeside
from services.plumbing.fhir_server import FhirServers, Limits
from tests.cds.conftest import Running
from tests.cds.tea import MODEL, NOW, bundle, haemoglobin, hook_request, patient, tea_bundle

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
ACCESS = {"fhirServer": BASE, "fhirAuthorization": {"access_token": "t0k", "token_type": "Bearer", "scope": "x y (z)"}}


class Hospital:
    """A FHIR server that has one old woman with too little haemoglobin."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: set[str] = set()
        self.pages = False
        self.seconds = 0.0
        self.wants: str | None = "Bearer t0k"
        self.tokens: set[str | None] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        request = Request(scope, receive)
        kind = request.url.path.removeprefix("/r4/").partition("/")[0]
        self.asked.append(kind + ("?page" if "page" in request.query_params else ""))
        self.tokens.add(request.headers.get("authorization"))
        await asyncio.sleep(self.seconds)
        await self._answer(kind, request)(scope, receive, send)

    def _answer(self, kind: str, request: Request) -> Response:
        if request.headers.get("authorization") != self.wants:
            return Response(status_code=401)
        if kind in self.fails:
            return JSONResponse({"resourceType": "OperationOutcome"}, status_code=500)
        if kind == "Patient":
            return JSONResponse(patient())
        if kind == "Observation" and "page" in request.query_params:
            return JSONResponse(bundle(haemoglobin(8.5)))
        if kind == "Observation" and self.pages:
            following = [{"relation": "next", "url": f"{BASE}/Observation?page=2"}]
            return JSONResponse(bundle(haemoglobin(14, identifier="hb0", at="2025-12-01"), link=following))
        return JSONResponse(bundle(haemoglobin(8.5)) if kind == "Observation" else bundle())


@pytest.fixture
def hospital() -> Hospital:
    """The EHR's server."""
    return Hospital()


@pytest.fixture
async def linked(cds: Running, hospital: Hospital) -> AsyncIterator[Running]:
    """A service that may fetch from it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=hospital)) as http:
        limits = Limits(seconds=1, answer_bytes=100_000, call_bytes=1_000_000)
        fetch = FetchMissing(FhirServers(http, limits=limits, origins=[BASE]), clock=lambda: NOW)
        service, desk = cds.service, cds.service.desk
        beside = SilentBeside(desk.durable, fetch, desk.metrics, clock=lambda: NOW)
        cds.app.state.cds = replace(service, desk=replace(desk, fetch=fetch, beside=beside))
        yield cds


async def test_without_prefetch_everything_is_fetched_and_a_card_comes(linked: Running, hospital: Hospital) -> None:
    """Omitted keys are asked for with the call's own token."""
    answer = await linked.call(hook_request({}) | ACCESS)
    assert len(answer.json()["cards"]) == 1, answer.text
    assert {"Patient", "Observation", "Procedure"} <= set(hospital.asked)


async def test_what_was_answered_is_not_asked_again(linked: Running, hospital: Hospital) -> None:
    """A resource, `null` and an OperationOutcome are answers; only what was left out is fetched."""
    keys = (await linked.http.get("/cds-services")).json()["services"][0]["prefetch"]
    kinds = {key: template.partition("?")[0].partition("/")[0] for key, template in keys.items()}
    given = {"Patient": patient(), "Procedure": {"resourceType": "OperationOutcome"}, "Encounter": None}
    sent = {key: given[kind] for key, kind in kinds.items() if kind in given}
    answer = await linked.call(hook_request(sent) | ACCESS)
    assert len(answer.json()["cards"]) == 1
    assert set(hospital.asked) == {"Observation"}


async def test_for_a_silent_release_beside_it_nothing_is_asked_twice(linked: Running, hospital: Hospital) -> None:
    """What was fetched for the answer is known to what is computed after it; both have the same facts."""
    await linked.call(hook_request({}) | ACCESS)
    alone = Counter(hospital.asked)
    hospital.asked.clear()
    linked.registry.deploy(tea_bundle(**MODEL | {"intercept": -2.0}), deployment="d-2", stage="silent", decided=2)
    await linked.heard()
    answer = await linked.call(hook_request({}) | ACCESS)
    async with asyncio.timeout(5):
        while len(linked.decisions()) < 3:  # noqa: ASYNC110 (no event leads out)
            await asyncio.sleep(0.01)
    _, one, other = linked.decisions()
    assert answer.status_code == 200
    assert Counter(hospital.asked) == alone
    assert (other["beside"], other["features"], other["states"]) == (one["decision"], one["features"], one["states"])


async def test_what_cannot_be_fetched_is_unknown(linked: Running, hospital: Hospital) -> None:
    """A server that fails for required data: 412, and never "nothing there"."""
    hospital.fails = {"Patient"}
    assert (await linked.call(hook_request({}) | ACCESS)).status_code == 412
    hospital.fails = {"Observation"}
    (card,) = (await linked.call(hook_request({}) | ACCESS)).json()["cards"]
    assert "Not known: haemoglobin" in card["detail"]


async def test_pages_are_read_until_as_many_came_as_were_asked_for(linked: Running, hospital: Hospital) -> None:
    """The newer value stands on the second page."""
    hospital.pages = True
    await linked.call(hook_request({}) | ACCESS)
    (kept,) = linked.decisions()
    assert kept["features"]["hb"] == 8.5


def paged(*, of: str = "?page=2") -> dict[str, Any]:
    """A page of old results, and a link to the newer ones."""
    return bundle(haemoglobin(14, identifier="hb0", at="2025-12-01"), link=[{"relation": "next", "url": of}])


async def sent(linked: Running, **by_type: Any) -> dict[str, Any]:
    """A prefetch with every key of discovery."""
    keys = (await linked.http.get("/cds-services")).json()["services"][0]["prefetch"]
    given = {"Patient": patient()} | by_type
    return {key: given.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}


@pytest.mark.parametrize("link", ["Observation?page=2", f"{BASE}/Observation?page=2"])
async def test_the_pages_after_one_that_was_sent_are_read_with_the_token(
    linked: Running, hospital: Hospital, link: str
) -> None:
    """Only they: what was sent is not asked for again."""
    prefetch = await sent(linked, Observation=paged(of=link))
    (card,) = (await linked.call(hook_request(prefetch) | ACCESS)).json()["cards"]
    (kept,) = linked.decisions()
    assert kept["features"]["hb"] == 8.5
    assert "Not known" not in card["detail"]
    assert (set(hospital.asked), hospital.tokens) == ({"Observation?page"}, {"Bearer t0k"})


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/r4/Observation?page=2",
        "http://fhir.hospital.example/r4/?page=2",
        "//evil.example/x",
        7,
        "",
    ],
)
async def test_a_page_that_may_not_be_read_leaves_the_answer_in_part(
    linked: Running, hospital: Hospital, link: Any
) -> None:
    """Another origin is not asked; an older value is not taken for the newest."""
    await linked.call(hook_request(await sent(linked, Observation=paged(of=link))) | ACCESS)
    (kept,) = linked.decisions()
    assert kept["states"]["hb"] != "absent"
    assert hospital.asked == []


async def test_without_a_server_a_page_stays_a_part(linked: Running, hospital: Hospital) -> None:
    """There is nobody to ask: it is not all, and nothing is claimed to be absent."""
    empty = bundle(link=[{"relation": "next", "url": "?page=2"}])
    await linked.call(hook_request(await sent(linked, Observation=paged(), Procedure=empty)))
    (kept,) = linked.decisions()
    assert kept["states"]["dialysis"] == "unknown"
    assert hospital.asked == []


async def test_one_budget_holds_for_all_that_a_call_fetches(linked: Running, hospital: Hospital) -> None:
    """A server that takes most of the time for what was missing has little left for the pages."""
    hospital.seconds = 0.7
    prefetch = await sent(linked, Observation=paged(of="Observation?page=2"))
    missing = {key: value for key, value in prefetch.items() if value is not None}
    began = time.monotonic()
    await linked.call(hook_request(missing) | ACCESS)
    assert time.monotonic() - began < 1.3
    assert "Observation?page" in hospital.asked
    (kept,) = linked.decisions()
    assert kept["features"]["hb"] != 8.5


async def test_an_open_server_may_be_asked(linked: Running, hospital: Hospital) -> None:
    """`fhirServer` without `fhirAuthorization`: no token is sent."""
    hospital.wants = None
    answer = await linked.call(hook_request({}) | {"fhirServer": BASE})
    assert len(answer.json()["cards"]) == 1
    assert hospital.tokens == {None}


@pytest.mark.parametrize(
    ("access", "problem"),
    [
        (ACCESS | {"fhirAuthorization": {"access_token": "wrong"}}, "refused (401)"),
        (ACCESS | {"fhirServer": "https://evil.example/r4"}, "server not on the allow-list"),
        (ACCESS | {"fhirAuthorization": {"access_token": "a\r\nb"}}, "token unusable"),
    ],
)
async def test_412_says_what_is_unknown_and_why(linked: Running, access: dict[str, Any], problem: str) -> None:
    """The integrator reads the key and the problem; the patient is not in it."""
    answer = await linked.call(hook_request({}) | access)
    assert answer.status_code == 412
    said = answer.json()["issue"][0]["diagnostics"]
    assert "age" in said
    assert f"patient: {problem}" in said
    assert "p1" not in said


@pytest.mark.parametrize(
    "access",
    [
        {},
        {"fhirServer": "https://evil.example/r4", "fhirAuthorization": {"access_token": "t0k"}},
        {"fhirServer": BASE},
        {"fhirServer": BASE, "fhirAuthorization": {"access_token": "wrong"}},
    ],
)
async def test_without_access_nothing_is_known(linked: Running, access: dict[str, Any]) -> None:
    """No server, another server, no token, a wrong token: 412."""
    assert (await linked.call(hook_request({}) | access)).status_code == 412


async def test_the_token_of_the_ehr_is_kept_nowhere(linked: Running) -> None:
    """Neither in the log of decisions nor in what a traceback would print."""
    await linked.call(hook_request({}) | ACCESS)
    assert "t0k" not in str(linked.decisions())
    assert "t0k" not in repr(_request()) + str(_request())


def _request(**changes: Any) -> HookRequest:
    fields: dict[str, Any] = {
        "hook": "patient-view",
        "instance": "i",
        "patient": "p1",
        "encounter": "e1",
        "user": "Practitioner/u1",
        "prefetch": {},
        "fhir_server": BASE,
        "fhir_token": "t0k",
    }
    return HookRequest(**(fields | changes))
