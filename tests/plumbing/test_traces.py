"""Traces: a span for each call and for each of its parts, sent to a real collector's address, without anything of a patient."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import Unavailable
from services.plumbing.traces import open_traces
from services.plumbing.web import create_service_app, json_response, trace_parts

pytestmark = pytest.mark.anyio

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """What an OTLP collector hears."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    def spans(self) -> list[Any]:
        """Every span that was sent."""
        heard = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in heard
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on this machine."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            collector.bodies.append(gzip.decompress(body) if zipped else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    """A service that needs nothing."""
    yield


def a_service(url: str) -> FastAPI:
    """One that searches, and one that fails."""
    app = create_service_app("Knowdo CDS", "1.2.3", nothing, service="cds", traces_url=url)

    @app.get("/fhir/{kind}")
    async def search(kind: str, request: Request) -> Response:
        trace_parts(request, {"read": 1000, "card": 2000})
        if kind == "Fault":
            raise Unavailable("the disk is full", place="spool")
        return json_response({})

    return app


async def asked(app: FastAPI, *paths: str) -> None:
    """Ask, and stop the service, which sends what waits."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://cds.example") as http,
    ):
        for path in paths:
            await http.get(path, headers={"traceparent": PARENT})


async def test_a_call_is_a_span_with_its_parts_under_the_callers_trace() -> None:
    """By the route's template, with how it ended; each part began where the one before it ended."""
    with collecting() as collector:
        await asked(a_service(collector.url), "/fhir/Encounter")
    spans = {span.name: span for span in collector.spans()}
    assert set(spans) == {"GET /fhir/{kind}", "read", "card"}
    whole = spans["GET /fhir/{kind}"]
    assert whole.trace_id.hex() == PARENT.split("-")[1]
    assert whole.parent_span_id.hex() == PARENT.split("-")[2]
    said = {one.key: one.value.string_value or one.value.int_value for one in whole.attributes}
    assert said == {"http.route": "/fhir/{kind}", "http.request.method": "GET", "http.response.status_code": 200}
    read, card = spans["read"], spans["card"]
    assert read.parent_span_id == card.parent_span_id == whole.span_id
    assert read.end_time_unix_nano - read.start_time_unix_nano == 1_000_000
    assert card.start_time_unix_nano == read.end_time_unix_nano


async def test_nothing_of_a_patient_is_sent() -> None:
    """Neither the path as it was asked for nor its query: a FHIR search names its patient there."""
    with collecting() as collector:
        await asked(a_service(collector.url), "/fhir/Encounter?patient=Zuckerkandl-1", "/fhir/Zuckerkandl-2")
    assert len(collector.spans()) == 6
    assert b"Zuckerkandl" not in b"".join(collector.bodies)


async def test_an_answer_that_is_withheld_is_an_error() -> None:
    """Status 503 is told, and why is not."""
    with collecting() as collector:
        await asked(a_service(collector.url), "/fhir/Fault")
    (whole,) = [span for span in collector.spans() if span.name.startswith("GET")]
    assert whole.status.code == 2
    assert b"disk" not in b"".join(collector.bodies)


async def test_without_an_address_nothing_is_loaded() -> None:
    """No exporter, no thread, no span."""
    assert open_traces("", service="cds", version="1") is None
    app = a_service("")
    await asked(app, "/fhir/Encounter")
    assert app.state.traces is None


async def test_a_collector_that_is_gone_holds_nobody_up() -> None:
    """Calls are answered, and the service stops in a few seconds."""
    with collecting() as collector:
        gone = collector.url
    async with asyncio.timeout(15):
        await asked(a_service(gone), "/fhir/Encounter")
