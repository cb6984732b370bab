"""The door to OpenTelemetry: one span for each call and one for each of its parts, sent by OTLP over HTTP.

Nothing of it is loaded unless an address is set. FastAPI's own spans stay off (`web`): they hold the query of the address,
and a FHIR search names its patient there. Ours hold the route's template and how it ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.timeline.errors import BadInput

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span


class Traces:
    """Sends spans; made once at start-up, where traces are wanted."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("knowdo")

    def begin(self, name: str, headers: Iterable[tuple[bytes, bytes]]) -> Span:
        """A span of a request, under the caller's if it sent a `traceparent`."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        sent = {
            key.decode("latin-1"): value.decode("latin-1")
            for key, value in headers
            if key in (b"traceparent", b"tracestate")
        }
        parent = TraceContextTextMapPropagator().extract(sent)
        return self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER)

    def end(self, span: Span, *, route: str, method: str, status: int) -> None:
        """The request is over."""
        from opentelemetry.trace import StatusCode

        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.request.method": method, "http.response.status_code": status})
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()

    def part(self, of: Span, name: str, *, began: int, ended: int) -> None:
        """A part of a request that is over; nanoseconds since 1970."""
        from opentelemetry.trace import set_span_in_context

        span = self._tracer.start_span(name, context=set_span_in_context(of), start_time=began)
        span.end(end_time=ended)

    def close(self) -> None:
        """Send what waits, for at most a few seconds: a collector that is gone must not hold us up."""
        self._provider.force_flush(timeout_millis=2000)
        self._provider.shutdown()


def open_traces(url: str, *, service: str, version: str) -> Traces | None:
    """Traces to an OTLP collector, `http://collector:4318/v1/traces`; None without an address."""
    if not url:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as fault:
        raise BadInput(
            "traces are asked for, and their exporter is not installed",
            place="KNOWDO_TRACES_URL",
            remedy="Install the `telemetry` extra: pip install 'knowdo[telemetry]'",
        ) from fault
    return traces_to(OTLPSpanExporter(endpoint=url, timeout=5), service=service, version=version)


def traces_to(exporter: SpanExporter, *, service: str, version: str) -> Traces:
    """Traces to any exporter, in batches beside the calls."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        resource=Resource.create({"service.name": f"knowdo-{service}", "service.version": version}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    return Traces(provider)
