"""The furniture of every web service: errors, request ids, access log, health, metrics, CORS, JSON in and out.

An error leaves in one of two forms, chosen per app by `app.state.error_form`: problem+json (RFC 9457) or a FHIR
OperationOutcome. The access log holds the route's template, never the path as it was asked for.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypeVar

import msgspec
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.plumbing.error_answers import ErrorForm, NotJson, TooLarge, add_error_handlers, json_response, on_fault
from services.plumbing.logs import REQUEST_ID, get_logger
from services.plumbing.metrics import CONTENT_TYPE, ServiceMetrics
from services.plumbing.plain_routes import PlainApp
from services.plumbing.random_bytes import sixteen_bytes
from services.plumbing.traces import Traces, open_traces
from services.timeline.errors import BadInput

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Readiness = Callable[[], Mapping[str, object]]
T = TypeVar("T")

__all__ = [
    "ErrorForm", "NotJson", "TooLarge", "create_service_app", "decode", "json_response", "read_body", "read_json", "trace_parts",
    "unchanged",
]  # fmt: skip

# FastAPI's own spans hold the query of the address, and a FHIR search names its patient there.
_NO_SPANS: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
MAX_BODY: Final = 10_000_000  # a hook request of a long stay is 0.1-2 MB
JSON_TYPES: Final = frozenset({"application/json", "application/fhir+json"})
_CHARSET: Final = re.compile(r"""(?i)\bcharset\s*=\s*"?([^\s";]*)""")
_JSON_PATH: Final = re.compile(r" - at `(\$[^`]*)`$")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_service_app(
    title: str,
    version: str,
    lifespan: Lifespan,
    *,
    service: str = "",
    error_form: ErrorForm = "problem",
    ready: Readiness | None = None,
    metrics: ServiceMetrics | None = None,
    cors_origins: Sequence[str] = (),
    cors_headers: Sequence[str] = ("Authorization", "Content-Type", "If-None-Match"),
    traces_url: str = "",
    fhir_under: str = "",
) -> PlainApp:
    """A FastAPI app with the furniture. `service` is the short name in logs and metrics, `traces_url` a collector's.

    Below `fhir_under`, if given, every error is an OperationOutcome, whatever the form of the app.

    `ready` is asked on `/readyz` (it may also be set later as `app.state.ready`): any value that is False means 503.
    """
    service = service or title.split()[-1].lower()
    # The interactive pages load scripts from a public host, which a hospital's network may not reach.
    app = PlainApp(
        title=title,
        version=version,
        lifespan=_traced(lifespan, traces_url, version=version),
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_SPANS,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.error_form = error_form
    app.state.fhir_under = fhir_under
    app.state.ready = ready
    app.state.metrics = metrics or ServiceMetrics(service)
    app.state.log = get_logger(service)
    app.state.traces = None
    add_error_handlers(app)
    # Innermost first. Unexpected faults are answered inside CORS, else a browser shows only "CORS error"; those that are
    # meant are answered further in, but for plain routes here.
    app.add_middleware(ExceptionMiddleware, handlers={**app.exception_handlers, Exception: on_fault})
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=list(cors_headers),
            expose_headers=["X-Request-Id", "ETag"],
        )
    app.add_middleware(_Edge, state_of=app)
    app.add_api_route("/healthz", _healthz, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/readyz", _readyz, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/metrics", _metrics, methods=["GET", "HEAD"], include_in_schema=False)
    return app


def _traced(lifespan: Lifespan, url: str, *, version: str) -> Lifespan:
    """The service's own lifespan, with traces around it where they are wanted."""
    if not url:
        return lifespan

    @asynccontextmanager
    async def traced(app: FastAPI) -> AsyncIterator[None]:
        traces = app.state.traces = open_traces(url, service=app.state.service, version=version)
        try:
            async with lifespan(app):
                yield
        finally:
            if traces is not None:
                await asyncio.to_thread(traces.close)

    return traced


async def read_body(request: Request, *, limit: int = MAX_BODY) -> bytes:
    """The whole body, refused as soon as it is known to be larger than `limit`."""
    declared = request.headers.get("content-length", "")
    # Twenty digits are too many whatever follows, and Python refuses to read some thousands.
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json(request: Request, *, limit: int = MAX_BODY) -> bytes:
    """The whole body of a request that says it is JSON, or says nothing; NotJson before a byte is read otherwise.

    A body that is packed is refused too: a small one could unpack to any size.
    """
    headers = request.headers
    if (said := headers.get("content-type", "")) != "application/json" and not _is_json(said):
        raise NotJson(
            "only JSON in UTF-8 is taken", place="Content-Type", remedy="Send `Content-Type: application/json`"
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise NotJson("a packed body is not taken", place="Content-Encoding", remedy="Send the JSON as it is")
    return await read_body(request, limit=limit)


def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    named = _CHARSET.search(parameters)
    utf8 = named is None or named[1].lower() in {"utf-8", "utf8", "us-ascii"}
    return utf8 and (not kind or kind.strip().lower() in JSON_TYPES)


def unchanged(request: Request, etag: str) -> bool:
    """Whether the caller has this version already (`If-None-Match`, compared weakly, RFC 9110 section 13.1.2)."""
    asked = request.headers.get("if-none-match", "")
    return asked.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in asked.split(",")}


def decode(decoder: msgspec.json.Decoder[T], raw: bytes, *, place: str = "body") -> T:
    """JSON bytes as the type of `decoder`; BadInput says where it is not that, without its values."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        said = _without_values(str(error))
        found = _JSON_PATH.search(said)
        if found is None:
            raise BadInput(said, place=place) from None
        where = found[1] if place == "body" else place + found[1].removeprefix("$")
        raise BadInput(said[: found.start()], place=where) from None
    except msgspec.DecodeError as error:
        raise BadInput(f"not JSON: {error}", place=place) from None
    except UnicodeDecodeError:
        raise BadInput("not JSON: the text is not UTF-8", place=place) from None
    except RecursionError:
        raise BadInput("not JSON that can be read: nested too deeply", place=place) from None


async def _healthz() -> Response:
    return json_response({"status": "live"})


async def _readyz(request: Request) -> Response:
    ready: Readiness | None = request.app.state.ready
    facts = dict(ready()) if ready is not None else {}
    return json_response(facts, 503 if any(value is False for value in facts.values()) else 200)


async def _metrics(request: Request) -> Response:
    metrics: ServiceMetrics = request.app.state.metrics
    return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def trace_parts(request: Request, parts: Mapping[str, int]) -> None:
    """Tell a trace, if there is one, where the time of this call went: microseconds by part, one after the other."""
    if (found := request.scope.get("knowdo.trace")) is None:
        return
    traces, span = found
    at = time.time_ns() - sum(parts.values()) * 1000
    for name, spent in parts.items():
        traces.part(span, name, began=at, ended=(at := at + spent * 1000))


class _Edge:
    """The outermost layer: request id, tidy path, one log line and one count for each answer."""

    def __init__(self, app: ASGIApp, *, state_of: FastAPI) -> None:
        self.app = app
        self.state = state_of.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        token = REQUEST_ID.set(request_id)
        _tidy_path(scope)
        scope.pop("route", None)  # that of the mount that led here
        status = 499  # no answer was begun: the caller went away, or the service stops
        traces: Traces | None = self.state.traces
        if traces is not None:
            scope["knowdo.trace"] = traces, traces.begin(_method(scope), scope["headers"])

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # An app mounted inside this one has named it already.
                others = [one for one in message.get("headers", ()) if one[0] != b"x-request-id"]
                message["headers"] = [*others, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            # An app mounted inside this one has already written the line.
            if "knowdo.logged" not in scope:
                scope["knowdo.logged"] = True
                seconds = time.perf_counter() - began
                route = scope["root_path"] + getattr(scope.get("route"), "path", "(none)")
                self.state.metrics.answered(route=route, method=_method(scope), status=status, seconds=seconds)
                self.state.log.info(
                    "answered", route=route, method=_method(scope), status=status, ms=round(seconds * 1e3, 2)
                )
                if traces is not None:
                    traces.end(scope["knowdo.trace"][1], route=route, method=_method(scope), status=status)
            REQUEST_ID.reset(token)


def _method(scope: Scope) -> str:
    """The method, bounded: a caller cannot make new label values."""
    method: str = scope["method"]
    return method if method in {"GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH"} else "OTHER"


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return sixteen_bytes()[:8].hex()


def _tidy_path(scope: Scope) -> None:
    """`//` and a trailing `/` are forgiven: the CDS Hooks Sandbox makes both from a discovery URL with a slash."""
    path: str = scope["path"]
    root = len(scope.get("root_path", ""))
    if "//" in path or (path.endswith("/") and len(path) > root + 1):
        while "//" in path:
            path = path.replace("//", "/")
        scope["path"] = path.rstrip("/") if len(path) > root + 1 else path


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes", place="body", remedy="Send fewer or smaller resources")


def _without_values(message: str) -> str:
    """Msgspec quotes an offending value in backticks or quotes only for enums and dates; drop such quotes."""
    return re.sub(r"'[^']*'", "'…'", message)
