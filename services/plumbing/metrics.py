"""The door to Prometheus: each service owns its registry, so that several live in one process without colliding.

Labels are bounded: service ids, route templates, states; never an identifier of a person or a path as it was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
# 500 ms is what CDS Hooks asks of a service; the buckets are densest below it.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServiceMetrics:
    """What one service counts; `http_*` are filled by `plumbing.web`, the rest by the service itself."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._registry = CollectorRegistry()
        self._requests = self.counter(
            "http_requests_total", "Requests answered, by route template and status", ("route", "method", "status")
        )
        self._seconds = self.histogram("http_request_seconds", "Time from request to answer", ("route",))
        # `labels()` validates and locks on every call; the pairs seen are few, so they are kept.
        self._seen: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """A new counter `knowdo_<service>_<name>`."""
        return Counter(f"knowdo_{self.service}_{name}", text, labels, registry=self._registry)

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        """A new histogram `knowdo_<service>_<name>`."""
        return Histogram(f"knowdo_{self.service}_{name}", text, labels, registry=self._registry, buckets=buckets)

    def answered(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (route, method, status)
        if (pair := self._seen.get(key)) is None:
            pair = self._requests.labels(route, method, str(status)), self._seconds.labels(route)
            self._seen[key] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def text(self) -> bytes:
        """The exposition that a Prometheus server scrapes."""
        return generate_latest(self._registry)
