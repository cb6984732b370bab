"""The HTTP side of the CDS endpoints: methods, types, CORS and an OperationOutcome, whatever goes wrong."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cds.settings import CdsSettings
from services.plumbing.web import MAX_BODY
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import hook_request

pytestmark = pytest.mark.anyio
ORIGIN = {"Origin": "https://sandbox.cds-hooks.org"}
ROUTES = {
    "/cds-services": "GET, HEAD, OPTIONS",
    "/cds-services/tea-time": "OPTIONS, POST",
    "/cds-services/tea-time/feedback": "OPTIONS, POST",
}


def outcome(answer: httpx.Response) -> dict[str, Any]:
    """The issue of an OperationOutcome; anything else fails."""
    content = answer.json()
    assert content["resourceType"] == "OperationOutcome"
    (issue,) = content["issue"]
    assert issue["severity"] == "error"
    found: dict[str, Any] = issue
    return found


@pytest.mark.parametrize("path", ROUTES)
async def test_options_says_what_a_path_takes(cds: Running, path: str) -> None:
    """Without a body, and without a token."""
    answer = await cds.http.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, ROUTES[path], b"")


@pytest.mark.parametrize("path", ROUTES)
async def test_a_method_that_a_path_does_not_take_is_405_and_says_which_it_takes(cds: Running, path: str) -> None:
    """With an OperationOutcome, and CORS."""
    for method in ("PUT", "DELETE", "PATCH"):
        answer = await cds.http.request(method, path, headers=ORIGIN)
        assert (answer.status_code, answer.headers["allow"]) == (405, ROUTES[path])
        assert outcome(answer)["code"] == "not-supported"
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_head_answers_as_get_without_its_body_and_is_counted_as_head(cds: Running) -> None:
    """Length and tag are those of GET; the access log and the metrics know the method."""
    with structlog.testing.capture_logs() as lines:
        got, head = await cds.http.get("/cds-services"), await cds.http.head("/cds-services")
        refused = await cds.http.head("/cds-services/tea-time")
    assert head.status_code == 200
    for name in ("content-length", "etag", "content-type"):
        assert head.headers[name] == got.headers[name]
    assert refused.status_code == 405
    said = [(line["method"], line["status"]) for line in lines if line["event"] == "answered"]
    assert said == [("GET", 200), ("HEAD", 200), ("HEAD", 405)]
    metrics = (await cds.http.get("/metrics")).text
    assert 'http_requests_total{method="HEAD",route="/cds-services",status="200"} 1.0' in metrics


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 412),
        ("application/json; charset=utf-8", 412),
        ('application/json;charset="UTF-8"', 412),
        ("Application/JSON", 412),
        ("application/fhir+json", 412),
        ("application/fhir+json; fhirVersion=4.0", 412),
        ("", 412),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/xml", 415),
        ("application/json; charset=latin-1", 415),
    ],
)
async def test_only_json_is_taken(cds: Running, kind: str, status: int) -> None:
    """Said or not said; another type is refused before the body is read, on feedback too."""
    body = json.dumps(hook_request({})).encode()
    answer = await cds.post("/cds-services/tea-time", body, **({"Content-Type": kind} if kind else {}))
    assert answer.status_code == status, answer.text
    if status == 415:
        assert "Content-Type" in outcome(answer)["details"]["text"]
        assert (await cds.post("/cds-services/tea-time/feedback", b"{}", **{"Content-Type": kind})).status_code == 415


async def test_a_packed_body_is_refused(cds: Running) -> None:
    """A few bytes could unpack to gigabytes."""
    answer = await cds.post("/cds-services/tea-time", b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert "Content-Encoding" in outcome(answer)["details"]["text"]


async def test_a_body_too_large_is_413_before_it_is_read(cds: Running) -> None:
    """The declared length is enough; nothing is taken in."""
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            yield b" " * 1000

    path = "/cds-services/tea-time"
    answer = await cds.post(path, b"", **{"Content-Length": str(MAX_BODY + 1)})
    assert answer.status_code == 413
    assert outcome(answer)["code"] == "too-long"
    signed = {"Authorization": f"Bearer {cds.ehr.token('https://cds.hospital.example' + path)}"}
    streamed = await cds.http.post(path, content=endless(), headers=signed)
    assert streamed.status_code == 413
    assert read <= MAX_BODY / 1000 + 2


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"hook": 7}, "$.hook"),
        ({"hookInstance": None}, "$.hookInstance"),
        ({"context": "x"}, "$.context"),
        ({"prefetch": [1]}, "$.prefetch"),
    ],
)
async def test_a_wrong_type_is_400_with_its_json_path(cds: Running, body: dict[str, Any], path: str) -> None:
    """Where, and what was expected; never the value."""
    answer = await cds.call(hook_request({}) | body)
    assert answer.status_code == 400
    issue = outcome(answer)
    assert issue["details"]["text"] == f"In {path}"
    assert "Expected" in issue["diagnostics"]


async def test_every_error_has_an_outcome_and_cors(settings: CdsSettings, registry: FakeRegistry) -> None:
    """401, 404 of a service and of a route, 400, 405, 412, 413, 415, 503: a browser can read each of them."""
    path = "/cds-services/tea-time"
    async with run(settings, registry, client=registry.client()) as cds:
        answers = [
            await cds.http.post(path, json={}, headers=ORIGIN),
            await cds.call(hook_request({}), "coffee", **ORIGIN),
            await cds.http.get("/nowhere", headers=ORIGIN),
            await cds.http.get("/cds-services/tea-time/feedback/more", headers=ORIGIN),
            await cds.call(b"{", **ORIGIN),
            await cds.http.get(path, headers=ORIGIN),
            await cds.call(hook_request({}), **ORIGIN),
            await cds.call(b"", **{"Content-Length": str(MAX_BODY + 1)}, **ORIGIN),
            await cds.call(b"x", **{"Content-Type": "text/plain"}, **ORIGIN),
        ]
        release = cds.service.desk.approved.find("tea-time").release
        assert release is not None
        release.queries.clear()  # type: ignore[attr-defined]
        release.conditions.clear()  # type: ignore[attr-defined]
        answers.append(await cds.call(hook_request({}), **ORIGIN))
    assert [answer.status_code for answer in answers] == [401, 404, 404, 404, 400, 405, 412, 413, 415, 503]
    for answer in answers:
        outcome(answer)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["content-type"] == "application/json"
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


async def test_a_fault_nobody_meant_is_an_outcome_with_cors(cds: Running) -> None:
    """500 too, and it says nothing of its cause."""

    class Broken:
        """A discovery that fails."""

        def written(self) -> tuple[bytes, str]:
            """Never."""
            raise ZeroDivisionError("Chalmers, Peter")

    object.__setattr__(cds.service, "discovery", Broken())
    answer = await cds.http.get("/cds-services", headers=ORIGIN)
    assert answer.status_code == 500
    assert outcome(answer)["code"] == "exception"
    assert "Chalmers" not in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"


methods = st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
paths = st.lists(st.sampled_from(["cds-services", "tea-time", "feedback", "", "x", "..", "%2e"]), max_size=4)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(methods, paths, st.sampled_from(["", "application/json", "text/plain", "a/b;charset=x"]), st.binary(max_size=40))
async def test_whatever_is_asked_the_answer_is_one_that_was_meant(
    cds: Running, method: str, path: list[str], kind: str, body: bytes
) -> None:
    """No method, path, type or body of a stranger gives a 500 or an answer of another form."""
    headers = {"Content-Type": kind} if kind else {}
    answer = await cds.http.request(method, "/".join((URL, *path)), headers=headers, content=body)
    assert answer.status_code in {200, 204, 401, 404, 405}
    if answer.status_code >= 400 and method != "HEAD":
        outcome(answer)
