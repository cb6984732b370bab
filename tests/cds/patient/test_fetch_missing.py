"""What the client left out is fetched; what it tried is not asked again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.cds.patient.fetch_missing import FetchMissing, bind_template
from services.cds.schemas import HookRequest
from services.plumbing.fhir_server import FhirServers
from tests.cds.conftest import Running
from tests.cds.tea import bundle, haemoglobin, hook_request, patient

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"
ACCESS = {"fhirServer": BASE, "fhirAuthorization": {"access_token": "t0k", "token_type": "Bearer", "scope": "x y (z)"}}


class Hospital:
    """A FHIR server that has one old woman with too little haemoglobin."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: set[str] = set()
        self.pages = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        request = Request(scope, receive)
        kind = request.url.path.removeprefix("/r4/").partition("/")[0]
        self.asked.append(kind)
        await self._answer(kind, request)(scope, receive, send)

    def _answer(self, kind: str, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer t0k":
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
        fetch = FetchMissing(FhirServers(http, origins=[BASE], largest=100_000), seconds=5)
        service = cds.service
        cds.app.state.cds = replace(service, desk=replace(service.desk, fetch=fetch))
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


@pytest.mark.parametrize(
    ("template", "bound"),
    [
        ("Patient/{{context.patientId}}", "Patient/p1"),
        (
            "Observation?patient={{ context.patientId }}&encounter={{context.encounterId}}",
            "Observation?patient=p1&encounter=e1",
        ),
        ("{{context.userId}}", "Practitioner/u1"),
        ("Patient?organization={{context.unknown}}", None),
        ("Patient?x={{userPractitionerId}}", None),
    ],
)
def test_templates_are_bound_with_the_calls_own_ids(template: str, bound: str | None) -> None:
    """What the call does not name is not asked for."""
    assert bind_template(template, _request()) == bound


def test_an_id_cannot_change_the_query() -> None:
    """Whatever an id holds is quoted."""
    path = bind_template("Observation?patient={{context.patientId}}", _request(patient="p1&code=x"))
    assert path == "Observation?patient=p1%26code%3Dx"
    assert path is not None
    assert unquote(path).endswith("p1&code=x")
    assert bind_template("Encounter/{{context.encounterId}}", _request(encounter="")) is None
