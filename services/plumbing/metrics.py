"""The door to Prometheus: each service owns its registry, so that several live in one process without colliding.

Labels are bounded: service ids, route templates, states; never an identifier of a person or a path as it was asked for.
Where several processes are one service (`PROMETHEUS_MULTIPROC_DIR` names the folder they share), each counts in a file of
its own and whichever is scraped answers for all: counters never jump between the workers'.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Read by the client library when it is loaded: it must be set before."""
# 500 ms is what CDS Hooks asks of a service; the buckets are densest below it.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A metric as its reference page says it; `name` is what is scraped (a histogram adds `_bucket`, `_sum`, `_count`)."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


class ServiceMetrics:
    """What one service counts; `http_*` are filled by `plumbing.web`, the rest by the service itself."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._registry = CollectorRegistry()
        self._described: list[Described] = []
        self._requests = self.counter(
            "http_requests_total", "Requests answered, by route template and status", ("route", "method", "status")
        )
        self._seconds = self.histogram("http_request_seconds", "Time from request to answer", ("route",))
        # `labels()` validates and locks on every call; the pairs seen are few, so they are kept.
        self._seen: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """A new counter `knowdo_<service>_<name>`."""
        return Counter(self._named(name, "counter", text, labels), text, labels, registry=self._registry)

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        """A new histogram `knowdo_<service>_<name>`."""
        full = self._named(name, "histogram", text, labels)
        return Histogram(full, text, labels, registry=self._registry, buckets=buckets)

    def gauge(
        self, name: str, text: str, labels: Sequence[str] = (), *, of_all: Literal["livesum", "livemin", "livemax"]
    ) -> Gauge:
        """A new gauge `knowdo_<service>_<name>`; `of_all`: what is said for several processes that live."""
        full = self._named(name, "gauge", text, labels)
        return Gauge(full, text, labels, registry=self._registry, multiprocess_mode=of_all)

    def answered(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (route, method, status)
        if (pair := self._seen.get(key)) is None:
            pair = self._requests.labels(route, method, str(status)), self._seconds.labels(route)
            self._seen[key] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def text(self) -> bytes:
        """The exposition that a Prometheus server scrapes: this process's, or that of all which share the folder."""
        folder = os.environ.get(SHARED)
        if not folder:
            return generate_latest(self._registry)
        _forget_the_dead(Path(folder))
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all, folder)  # type: ignore[no-untyped-call]
        return generate_latest(of_all)

    def described(self) -> list[Described]:
        """Every metric of the service, by name."""
        return sorted(self._described, key=lambda one: one.name)

    def _named(self, name: str, kind: str, text: str, labels: Sequence[str]) -> str:
        full = f"knowdo_{self.service}_{name}"
        self._described.append(Described(name=full, kind=kind, labels=tuple(labels), text=text))
        return full


def _forget_the_dead(folder: Path) -> None:
    """A worker that ended holds no spool and no lease any more; what it counted stays counted."""
    for pid in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*.db")}:
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]
