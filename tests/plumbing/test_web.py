"""The furniture of a web service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import msgspec
import pytest
import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import (
    BadManifest,
    BadRelease,
    MissingPatientData,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Refused,
    Unavailable,
)
from services.plumbing.error_answers import ErrorForm, status_of
from services.plumbing.web import create_service_app, decode, json_response, read_body
from services.timeline.errors import BadInput, KnowdoError

pytestmark = pytest.mark.anyio

ORIGIN = {"Origin": "https://sandbox.example"}


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Nothing to start."""
    yield


def app_with_faults(form: ErrorForm) -> FastAPI:
    """An app whose routes fail in every way."""
    app = create_service_app("Knowdo test", "1.0", no_lifespan, error_form=form, cors_origins=["*"])

    async def fails(kind: str) -> Response:
        errors: dict[str, Exception] = {
            "bad": BadInput("the date is impossible", place="body.date", remedy="Send a real date"),
            "missing": MissingPatientData(["age"]),
            "stranger": NotAuthenticated("signature of Mallory's token is wrong"),
            "fault": ZeroDivisionError("Chalmers, Peter, born 1974"),
        }
        raise errors[kind]

    async def echo(request: Request) -> Response:
        return json_response({"bytes": len(await read_body(request, limit=1000))})

    async def numbered(number: int) -> Response:
        return json_response({"number": number})

    app.add_api_route("/fails/{kind}", fails, methods=["GET"])
    app.add_api_route("/echo/{patient}", echo, methods=["POST"])
    app.add_api_route("/number/{number}", numbered, methods=["GET"])
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client that speaks to the app in this process."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://knowdo.example")


async def test_an_error_is_a_problem_with_place_and_remedy() -> None:
    """Each error says what is wrong, where, and what to do, as RFC 9457 has it."""
    async with client_of(app_with_faults("problem")) as client:
        answer = await client.get("/fails/bad")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["detail"]) == (400, "the date is impossible")
    assert (problem["place"], problem["remedy"]) == ("body.date", "Send a real date")
    assert problem["request"] == answer.headers["x-request-id"]


async def test_an_error_is_an_operation_outcome_where_fhir_is_spoken() -> None:
    """CDS Hooks clients get an OperationOutcome."""
    async with client_of(app_with_faults("operation-outcome")) as client:
        answer = await client.get("/fails/missing")
    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "age" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("form", ["problem", "operation-outcome"])
@pytest.mark.parametrize(
    ("path", "status"),
    [("/fails/bad", 400), ("/fails/stranger", 401), ("/fails/fault", 500), ("/nowhere", 404), ("/number/x", 400)],
)
async def test_error_answers_carry_cors_headers_and_the_right_form(form: ErrorForm, path: str, status: int) -> None:
    """A browser can read every error, the one nobody meant included."""
    async with client_of(app_with_faults(form)) as client:
        answer = await client.get(path, headers=ORIGIN)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert ("resourceType" in answer.json()) == (form == "operation-outcome")


async def test_a_fault_tells_neither_caller_nor_log_what_its_message_held() -> None:
    """The message of an unexpected error may hold patient data; only its type and place are logged."""
    with structlog.testing.capture_logs() as lines:
        async with client_of(app_with_faults("problem")) as client:
            answer = await client.get("/fails/fault")
    assert "Chalmers" not in answer.text
    assert "Chalmers" not in json.dumps(lines)
    fault = next(line for line in lines if line["event"] == "fault")
    assert fault["error"] == "ZeroDivisionError"
    assert "test_web.py" in fault["frames"][-1]


async def test_a_stranger_is_not_told_why() -> None:
    """401 is generic to the caller; the reason stands in the log."""
    with structlog.testing.capture_logs() as lines:
        async with client_of(app_with_faults("operation-outcome")) as client:
            answer = await client.get("/fails/stranger")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Mallory" not in answer.text
    assert any("Mallory" in str(line.get("message")) for line in lines)


async def test_the_access_log_holds_the_template_and_never_the_path() -> None:
    """No identifier from a path or query reaches the log."""
    with structlog.testing.capture_logs() as lines:
        async with client_of(app_with_faults("problem")) as client:
            await client.post("/echo/patient-4711?name=Chalmers", content=b"x")
            await client.get("/patient-4711")
    assert [line["route"] for line in lines if line["event"] == "answered"] == ["/echo/{patient}", "(none)"]
    assert "4711" not in json.dumps(lines)
    assert "Chalmers" not in json.dumps(lines)


async def test_the_mounted_app_writes_the_line_and_the_outer_one_does_not() -> None:
    """One request, one line, with the route of the app that answered."""
    outer = create_service_app("Outer", "1.0", no_lifespan)
    outer.mount("/inner", app_with_faults("problem"))
    with structlog.testing.capture_logs() as lines:
        async with client_of(outer) as client:
            await client.get("/inner/number/3")
            await client.get("/inner/patient-4711")
    routes = [line["route"] for line in lines if line["event"] == "answered"]
    assert routes == ["/inner/number/{number}", "/inner(none)"]


async def test_a_call_that_is_given_up_is_logged_as_such() -> None:
    """Nobody answered, and it was no fault of the service: 499."""
    app = app_with_faults("problem")

    async def slow() -> Response:
        await anyio.sleep(10)
        return json_response({})

    app.add_api_route("/slow", slow, methods=["GET"])
    with structlog.testing.capture_logs() as lines:
        async with client_of(app) as client:
            with anyio.move_on_after(0.05):
                await client.get("/slow")
    assert [(line["route"], line["status"]) for line in lines if line["event"] == "answered"] == [("/slow", 499)]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_too_large_is_refused_declared_or_not(chunked: bool) -> None:
    """The limit holds for a declared length and for a stream."""

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    async with client_of(app_with_faults("problem")) as client:
        answer = await client.post("/echo/a", content=stream() if chunked else b"x" * 3000)
        fits = await client.post("/echo/a", content=b"x" * 1000)
    assert (answer.status_code, fits.json()) == (413, {"bytes": 1000})


async def test_slashes_too_many_are_forgiven() -> None:
    """The Sandbox makes `//` from a discovery URL that ends in a slash."""
    async with client_of(app_with_faults("problem")) as client:
        for path in ("/number//3", "/number/3/", "//number/3"):
            answer = await client.get(httpx.URL("https://knowdo.example").copy_with(raw_path=path.encode()))
            assert answer.json() == {"number": 3}, path


async def test_a_request_id_is_kept_if_plain_and_made_if_not() -> None:
    """A caller can trace its own id through us, but cannot write into our log."""
    async with client_of(app_with_faults("problem")) as client:
        kept = await client.get("/healthz", headers={"X-Request-Id": "trace-7"})
        made = await client.get("/healthz", headers={"X-Request-Id": "x" * 65})
    assert kept.headers["x-request-id"] == "trace-7"
    assert len(made.headers["x-request-id"]) == 16


async def test_readiness_is_503_when_any_fact_is_false() -> None:
    """A load balancer hears it, and a person reads which fact."""
    app = app_with_faults("problem")
    async with client_of(app) as client:
        assert (await client.get("/readyz")).status_code == 200
        app.state.ready = lambda: {"database": False, "lease": "12 s"}
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": False, "lease": "12 s"})


async def test_metrics_count_by_template() -> None:
    """Prometheus sees route templates, so its series are bounded."""
    async with client_of(app_with_faults("problem")) as client:
        await client.get("/number/3")
        await client.get("/number/4")
        text = (await client.get("/metrics")).text
    assert 'knowdo_test_http_requests_total{method="GET",route="/number/{number}",status="200"} 2.0' in text


@pytest.mark.parametrize(
    "body", [b'{"a":', b"[[", b"\xff", b'{"a":"\xff"}', b'{"b":' + b"[" * 100_000, b"", b'{"a":1}']
)
def test_bytes_that_are_not_the_type_are_bad_input(body: bytes) -> None:
    """Whatever stands in a body, decoding it gives a value or BadInput."""

    class Shape(msgspec.Struct):
        a: str

    with pytest.raises(BadInput):
        decode(msgspec.json.Decoder(Shape), body)


def test_every_error_of_the_tree_has_its_status() -> None:
    """The table in `guidance.errors` is what HTTP callers see."""
    expected = {
        BadInput: 400,
        NotFound: 404,
        Refused: 409,
        NotPermitted: 403,
        NotAuthenticated: 401,
        BadRelease: 503,
        BadManifest: 503,
        Unavailable: 503,
        KnowdoError: 500,
    }
    assert {kind: status_of(kind("x"))[0] for kind in expected} == expected
    assert status_of(MissingPatientData(["x"]))[0] == 412
